//! Standard input as an image: kept in a temporary file without a name, since formats want to look back.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};

use ima_assay_digest::Control;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::ImageError;

/// The name that stands for standard input.
pub(super) const NAME: &[u8] = b"-";

/// Bytes taken at once.
const BUFFER_BYTES: usize = 1 << 20;

/// How long to wait for bytes before looking whether the caller has asked to stop.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Takes standard input to its end, at most `limit` bytes.
///
/// # Errors
/// [`ImageError::Io`], [`ImageError::InputTooLarge`], [`ImageError::Cancelled`].
pub(super) fn spool(limit: u64, control: &Control) -> Result<File, ImageError> {
    let directory = std::env::temp_dir();
    let mut file = tempfile::tempfile_in(&directory).map_err(|error| ImageError::Io {
        path: directory.into_os_string().into_encoded_bytes(),
        error,
    })?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = limit;
    loop {
        let len = read(&mut buffer, control)?;
        if len == 0 {
            break;
        }
        left = u64::try_from(len)
            .ok()
            .and_then(|len| left.checked_sub(len))
            .ok_or(ImageError::InputTooLarge { limit })?;
        file.write_all(buffer.get(..len).unwrap_or_default())
            .map_err(io_error)?;
    }
    file.rewind().map_err(io_error)?;
    Ok(file)
}

/// The next bytes; none at the end. Standard input may be a terminal or a pipe that nobody writes to: a plain read
/// would wait there whatever the caller wants.
fn read(buffer: &mut [u8], control: &Control) -> Result<usize, ImageError> {
    let input = io::stdin();
    loop {
        if control.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let mut waiting = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut waiting, Some(&PATIENCE)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => match rustix::io::read(&input, &mut *buffer) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                other => return other.map_err(|error| io_error(error.into())),
            },
            Err(error) => return Err(io_error(error.into())),
        }
    }
}

fn io_error(error: io::Error) -> ImageError {
    ImageError::Io {
        path: NAME.to_vec(),
        error,
    }
}
