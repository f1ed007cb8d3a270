//! Tests on databases that rpm, Berkeley DB's loader, dpkg and hands make. What owns a file rpm and dpkg say themselves.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, as it should"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use ima_assay_digest::Control;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::image::open;
use crate::image::testing::options;
use crate::testing::{has_tool, hex, run};

const PACKAGES: usize = 40;

/// Files of the largest package: its header has many pages.
const FILES: usize = 3000;

/// Builds packages `p0`, `p1` … with one file each, and `large`; gives the directory that holds them.
fn packages() -> TempDir {
    let directory = TempDir::new().unwrap();
    let mut spec = "Name: large\nEpoch: 3\nVersion: 1.0~rc1\nRelease: 2\nSummary: x\nLicense: x\nBuildArch: noarch\n\
                    %description\nx\n%install\nmkdir -p %{buildroot}/usr/share/large %{buildroot}/usr/bin %{buildroot}/lib/sample\n"
        .to_owned();
    let _ = writeln!(
        spec,
        "for i in $(seq {FILES}); do echo $i > %{{buildroot}}/usr/share/large/file-$i; done"
    );
    for number in 0..PACKAGES {
        let _ = writeln!(
            spec,
            "echo {number} > %{{buildroot}}/usr/bin/p{number}; echo {number} > '%{{buildroot}}/lib/sample/with blank {number}'"
        );
    }
    spec.push_str("%files\n/usr/share/large\n");
    for number in 0..PACKAGES {
        let _ = writeln!(
            spec,
            "%package -n p{number}\nSummary: x\nVersion: {number}.5\n%description -n p{number}\nx\n\
             %files -n p{number}\n/usr/bin/p{number}\n\"/lib/sample/with blank {number}\""
        );
    }
    fs::write(directory.path().join("sample.spec"), spec).unwrap();
    let top = directory.path().display();
    fs::write(
        directory.path().join("build"),
        format!(
            "exec rpmbuild --quiet -bb --define '_topdir {top}/top' --define '_build_id_links none' \
             --define '__os_install_post %{{nil}}' --define '_binary_payload w.ufdio' sample.spec"
        ),
    )
    .unwrap();
    run(directory.path(), "sh build");
    directory
}

/// Installs all packages into a database at `root/usr/lib/sysimage/rpm`.
fn install(directory: &Path) {
    let database = directory.join("root/usr/lib/sysimage/rpm");
    fs::create_dir_all(&database).unwrap();
    let line = format!(
        "exec rpm --define '_db_backend sqlite' --dbpath {} --justdb --nodeps --noscripts --nosignature \
         --ignorearch -i top/RPMS/noarch/*.rpm",
        database.display()
    );
    fs::write(directory.join("install"), line).unwrap();
    run(directory, "sh install");
}

/// Which package rpm says each file to be of: `name version`. It goes through the headers, without the indexes beside
/// them.
fn asked_of_rpm(directory: &Path, backend: &str) -> HashMap<String, String> {
    let database = directory.join("root/usr/lib/sysimage/rpm");
    let line = format!(
        "exec rpm --define '_db_backend {backend}' --dbpath {} -qa --qf \
         '@%{{NAME}} %|EPOCH?{{%{{EPOCH}}:}}|%{{VERSION}}-%{{RELEASE}}\\n[%{{FILENAMES}}\\n]'",
        database.display()
    );
    fs::write(directory.join("ask"), line).unwrap();
    let said = String::from_utf8(run(directory, "sh ask")).unwrap();
    let (mut owners, mut package) = (HashMap::new(), "");
    for line in said.lines() {
        match line.strip_prefix('@') {
            Some(name) => package = name,
            None => drop(owners.insert(line.to_owned(), package.to_owned())),
        }
    }
    owners
}

fn found(root: &Path, paths: &[&str]) -> Owners {
    let control = Arc::new(Control::default());
    let options = options();
    let source = open(root.as_os_str().as_bytes(), &options.limits, &control).unwrap();
    let paths: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    owners(source.as_ref(), &paths, &options, &control).unwrap()
}

/// `name version` of the owners of one path.
fn owner_of(root: &Path, path: &str) -> Vec<String> {
    let found = found(root, &[path]);
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    found
        .owners
        .iter()
        .map(|owner| {
            format!(
                "{} {}",
                text(&owner.name),
                text(owner.version.as_deref().unwrap_or_default())
            )
        })
        .collect()
}

fn has_rpm() -> bool {
    ["rpm", "rpmbuild"].iter().all(|tool| has_tool(tool))
}

/// Files with and without owners, as the machine names them, and as the package does.
fn questions() -> Vec<(String, Option<String>)> {
    let mut questions = vec![
        (
            "/usr/share/large/file-1".to_owned(),
            Some("/usr/share/large/file-1".to_owned()),
        ),
        (
            format!("/usr/share/large/file-{FILES}"),
            Some(format!("/usr/share/large/file-{FILES}")),
        ),
        ("/usr/bin/none".to_owned(), None),
    ];
    for number in [0, 1, PACKAGES - 1] {
        questions.push((format!("/usr/bin/p{number}"), Some(format!("/usr/bin/p{number}"))));
        questions.push((
            format!("/usr/lib/sample/with_blank_{number}"),
            Some(format!("/lib/sample/with blank {number}")),
        ));
    }
    questions
}

fn compare(directory: &Path, backend: &str) {
    let owners = asked_of_rpm(directory, backend);
    assert_eq!(owners.len(), FILES + 1 + 2 * PACKAGES);
    for (path, file) in questions() {
        let expected: Vec<String> = file.map(|file| owners[&file].clone()).into_iter().collect();
        assert_eq!(
            owner_of(&directory.join("root"), &path),
            expected,
            "{backend}: {path}"
        );
    }
}

#[test]
fn sqlite_says_what_rpm_says() {
    if !has_rpm() {
        return;
    }
    let directory = packages();
    install(directory.path());
    compare(directory.path(), "sqlite");
}

/// The headers that rpm has put into its database, each with its number.
fn headers(directory: &Path) -> Vec<(u32, Vec<u8>)> {
    let database = directory.join("root/usr/lib/sysimage/rpm/rpmdb.sqlite");
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare("SELECT hnum, blob FROM Packages").unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Puts headers into a database of Berkeley DB, which rpm reads and does not write any more.
fn load_berkeley(directory: &Path, headers: &[(u32, Vec<u8>)], order: u32, page_bytes: u32) {
    let database = directory.join("root/usr/lib/sysimage/rpm");
    fs::remove_dir_all(&database).unwrap();
    fs::create_dir_all(&database).unwrap();
    let mut text = format!(
        "VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={order}\ndb_pagesize={page_bytes}\nHEADER=END\n"
    );
    let number = |number: u32| match order {
        1234 => hex(&number.to_le_bytes()),
        _ => hex(&number.to_be_bytes()),
    };
    let _ = writeln!(text, " {}\n {}", number(0), number(100));
    for (number_of, header) in headers {
        let _ = writeln!(text, " {}\n {}", number(*number_of), hex(header));
    }
    text.push_str("DATA=END\n");
    fs::write(directory.join("dump"), text).unwrap();
    run(directory, "db5.3_load -f dump root/usr/lib/sysimage/rpm/Packages");
}

#[test]
fn berkeley_db_says_what_rpm_says() {
    if !has_rpm() || !has_tool("db5.3_load") {
        return;
    }
    let directory = packages();
    let directory = directory.path();
    install(directory);
    let headers = headers(directory);
    assert_eq!(headers.len(), PACKAGES + 1);
    for (order, page_bytes) in [(1234, 4096), (4321, 4096), (1234, 512), (1234, 65_536)] {
        load_berkeley(directory, &headers, order, page_bytes);
        compare(directory, "bdb_ro");
    }
}

/// A database of rpm's own store, as its source says that it is: Debian's rpm neither writes nor reads any.
fn ndb(headers: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut slots = b"RpmP\0\0\0\0\x01\0\0\0\x01\0\0\0\xff\0\0\0".to_vec();
    slots.resize(32, 0);
    let mut blobs = Vec::new();
    for (number, header) in headers {
        let start = blobs.len();
        let len = u32::try_from(header.len()).unwrap().to_le_bytes();
        blobs.extend([&b"BlbS"[..], &number.to_le_bytes(), &1_u32.to_le_bytes(), &len].concat());
        blobs.extend(header);
        blobs.resize((blobs.len() + 12).next_multiple_of(16) - 12, 0);
        let sum = adler2::adler32_slice(&blobs[start..]).to_le_bytes();
        blobs.extend([&sum[..], &len, b"BlbE"].concat());
        let blocks = |bytes: usize| u32::try_from(bytes / 16).unwrap().to_le_bytes();
        let slot = [
            &b"Slot"[..],
            &number.to_le_bytes(),
            &blocks(4096 + start),
            &blocks(blobs.len() - start),
        ];
        slots.extend(slot.concat());
    }
    while slots.len() < 4096 {
        slots.extend(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    [slots, blobs].concat()
}

#[test]
fn the_own_store_of_rpm_says_what_its_headers_say() {
    if !has_rpm() {
        return;
    }
    let directory = packages();
    let directory = directory.path();
    install(directory);
    let owners = asked_of_rpm(directory, "sqlite");
    let database = directory.join("root/var/lib/rpm");
    fs::create_dir_all(&database).unwrap();
    fs::write(database.join("Packages.db"), ndb(&headers(directory))).unwrap();
    fs::remove_dir_all(directory.join("root/usr")).unwrap();
    for (path, file) in questions() {
        let expected: Vec<String> = file.map(|file| owners[&file].clone()).into_iter().collect();
        assert_eq!(owner_of(&directory.join("root"), &path), expected, "{path}");
    }
}

#[test]
fn what_sqlite_has_not_written_to_its_file_yet_counts() {
    if !has_rpm() {
        return;
    }
    let directory = packages();
    let directory = directory.path();
    install(directory);
    let database = directory.join("root/usr/lib/sysimage/rpm/rpmdb.sqlite");
    let connection = Connection::open(&database).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection
        .execute("UPDATE Packages SET blob = x'00' WHERE hnum = 1", [])
        .unwrap();
    // Open still, so that its last words are in the log alone.
    let found = found(&directory.join("root"), &["/usr/bin/p1"]);
    assert_eq!(found.owners, []);
    assert!(
        found.unread[0].1.to_string().starts_with("package "),
        "{:?}",
        found.unread
    );
    drop(connection);
}

/// Each file of a store, cut and with single bytes changed, is read in time, and never ends the program.
#[test]
fn damaged_stores_are_named_or_read() {
    if !has_rpm() || !has_tool("db5.3_load") {
        return;
    }
    let directory = packages();
    let directory = directory.path();
    install(directory);
    let headers = headers(directory);
    let database = directory.join("root/usr/lib/sysimage/rpm");
    let sqlite = fs::read(database.join("rpmdb.sqlite")).unwrap();
    load_berkeley(directory, &headers, 1234, 4096);
    let berkeley = fs::read(database.join("Packages")).unwrap();
    for (name, whole) in [
        ("rpmdb.sqlite", sqlite),
        ("Packages", berkeley),
        ("Packages.db", ndb(&headers)),
    ] {
        fs::remove_dir_all(&database).unwrap();
        fs::create_dir_all(&database).unwrap();
        let path = database.join(name);
        for step in 1..25 {
            let at = step * whole.len() / 25;
            fs::write(&path, &whole[..at]).unwrap();
            let cut = found(&directory.join("root"), &["/usr/bin/p1"]);
            assert!(!cut.unread.is_empty(), "{name}: {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            fs::write(&path, &changed).unwrap();
            let _ = found(&directory.join("root"), &["/usr/bin/p1"]);
        }
    }
}

#[test]
fn a_database_that_is_none_is_named() {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let database = root.join("var/lib/rpm");
    fs::create_dir_all(&database).unwrap();
    fs::write(database.join("Packages"), [7; 4096]).unwrap();
    fs::write(database.join("Packages.db"), [7; 4096]).unwrap();
    // A view would run what the file says.
    let connection = Connection::open(database.join("rpmdb.sqlite")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE x (blob); \
             CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT blob FROM n",
        )
        .unwrap();
    drop(connection);
    let problems: Vec<String> = found(root, &["/usr/bin/x"])
        .unread
        .iter()
        .map(|(path, error)| format!("{}: {error}", Escaped(path)))
        .collect();
    assert_eq!(
        problems,
        [
            "/var/lib/rpm/Packages: byte 12: no hash of Berkeley DB",
            "/var/lib/rpm/Packages.db: byte 0: no database of rpm",
            "/var/lib/rpm/rpmdb.sqlite: it has no table of packages",
        ]
    );
}

/// Pages of a value that lead back to themselves.
#[test]
fn a_value_without_an_end_is_an_error() {
    let mut file = vec![0; 3 * 512];
    file[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    file[20..24].copy_from_slice(&512_u32.to_le_bytes());
    file[32..36].copy_from_slice(&2_u32.to_le_bytes());
    let page = 512;
    file[page + 20..page + 22].copy_from_slice(&2_u16.to_le_bytes());
    file[page + 25] = 13;
    file[page + 26..page + 28].copy_from_slice(&507_u16.to_le_bytes());
    file[page + 28..page + 30].copy_from_slice(&495_u16.to_le_bytes());
    file[page + 495] = 3;
    file[page + 499..page + 503].copy_from_slice(&2_u32.to_le_bytes());
    file[page + 503..page + 507].copy_from_slice(&(32_u32 << 20).to_le_bytes());
    file[page + 507..page + 512].copy_from_slice(&[1, 1, 0, 0, 0]);
    let page = 1024;
    file[page + 16..page + 20].copy_from_slice(&2_u32.to_le_bytes());
    file[page + 22..page + 24].copy_from_slice(&400_u16.to_le_bytes());
    file[page + 25] = 7;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("var/lib/rpm");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("Packages"), file).unwrap();
    let found = found(directory.path(), &["/usr/bin/x"]);
    assert_eq!(
        found.unread[0].1.to_string(),
        "byte 1024: headers that share pages"
    );
}

#[test]
fn dpkg_says_what_owns_a_file() {
    if !has_tool("dpkg-query") {
        return;
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let database = root.join("var/lib/dpkg");
    fs::create_dir_all(database.join("info")).unwrap();
    for (name, list) in [
        (
            "tool:amd64",
            "/.\n/usr\n/usr/bin\n/bin/tool\n/usr/share/with blank\n",
        ),
        ("other", "/.\n/usr\n/usr/bin\n/usr/bin/toolbox\n"),
    ] {
        fs::write(database.join("info").join(format!("{name}.list")), list).unwrap();
    }
    fs::write(database.join("info/format"), "1\n").unwrap();
    fs::write(
        database.join("status"),
        "Package: other\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: 9\nDescription: x\n\n\
         Package: tool\nStatus: install ok installed\nMaintainer: x\nArchitecture: amd64\nMulti-Arch: same\n\
         Version: 2:1.2-3\nDescription: x\n",
    )
    .unwrap();
    for (path, file) in [
        ("/usr/bin/tool", "/bin/tool"),
        ("/usr/share/with_blank", "/usr/share/with blank"),
    ] {
        fs::write(
            root.join("ask"),
            format!("exec dpkg-query --admindir=var/lib/dpkg -S '{file}'"),
        )
        .unwrap();
        let said = String::from_utf8(run(root, "sh ask")).unwrap();
        assert!(said.starts_with("tool:amd64: "), "{said}");
        assert_eq!(owner_of(root, path), ["tool 2:1.2-3"]);
    }
}
