//! Inputs: files by name, and standard input by `-`. Reading counts what was read, and ends when the caller asks.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use ima_assay_digest::Control;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The name that stands for standard input.
pub const STANDARD_INPUT: &[u8] = b"-";

/// How long to wait for standard input before looking whether the caller has asked to stop.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// A file or standard input.
pub struct Input {
    file: Option<File>,
    /// What the operating system says of a file's size; a guess, nothing more.
    size_bytes: u64,
    control: Arc<Control>,
}

impl Input {
    /// Opens the file called `name`, or standard input. A FIFO is waited for by whoever reads it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(name: &[u8], control: &Arc<Control>) -> io::Result<Self> {
        let mut size_bytes = 0;
        let file = if name == STANDARD_INPUT {
            None
        } else {
            let file = File::open(Path::new(OsStr::from_bytes(name)))?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if metadata.is_file() {
                size_bytes = metadata.len();
                control.add_input_total_bytes(size_bytes);
            }
            Some(file)
        };
        Ok(Self {
            file,
            size_bytes,
            control: Arc::clone(control),
        })
    }

    /// Reads all of it, at most `limit` bytes.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::FileTooLarge`].
    pub fn read_all(self, limit: usize) -> io::Result<Vec<u8>> {
        if usize::try_from(self.size_bytes).map_or(true, |size| size > limit) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // A vector that grows by doubling would hold a large file twice. One byte more, to see the end.
        let expected = usize::try_from(self.size_bytes).unwrap_or(0);
        let mut bytes = Vec::new();
        let has_room = bytes.try_reserve_exact(expected.saturating_add(1));
        has_room.map_err(|_| io::ErrorKind::OutOfMemory)?;
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        self.take(most).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }
}

impl Read for Input {
    /// # Errors
    /// Also an error of the kind [`io::ErrorKind::Other`] once the caller has asked to stop.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.control.is_cancelled() {
            return Err(io::Error::other("stopped on request"));
        }
        let len = match &mut self.file {
            Some(file) => file.read(buffer)?,
            None => read_standard_input(buffer, &self.control)?,
        };
        self.control
            .add_input_bytes(u64::try_from(len).unwrap_or(u64::MAX));
        Ok(len)
    }
}

/// The next bytes; none at the end. Standard input may be a terminal or a pipe that nobody writes to: a plain read
/// would wait there whatever the caller wants.
fn read_standard_input(buffer: &mut [u8], control: &Control) -> io::Result<usize> {
    let input = io::stdin();
    loop {
        if control.is_cancelled() {
            return Err(io::Error::other("stopped on request"));
        }
        let mut waiting = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut waiting, Some(&PATIENCE)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => match rustix::io::read(&input, &mut *buffer) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                other => return other.map_err(Into::into),
            },
            Err(error) => return Err(error.into()),
        }
    }
}
