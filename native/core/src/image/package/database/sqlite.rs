//! rpm's database in SQLite: a table `Packages` of a number and a header.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::error::DatabaseError;

/// Bytes of a header, and of everything else in the file.
const MAX_VALUE_BYTES: i32 = 64 << 20;

/// A database that takes longer was made to.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 100_000;

/// Hands over each header of the database at `path`, as the write-ahead log beside it makes it.
///
/// # Errors
/// [`DatabaseError::Sqlite`], [`DatabaseError::NoTable`], and what `take` says.
pub(super) fn each_header(
    path: &Path,
    take: &mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The file may have been made to harm its reader.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    let start = Instant::now();
    connection.progress_handler(STEPS, Some(move || start.elapsed() > MAX_TIME))?;
    // A view or a virtual table would run what the file says.
    let table =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'Packages' AND rootpage > 0";
    if connection.query_row(table, [], |row| row.get::<_, i64>(0))? != 1 {
        return Err(DatabaseError::NoTable);
    }
    let mut statement = connection.prepare("SELECT blob FROM Packages")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    Ok(())
}
