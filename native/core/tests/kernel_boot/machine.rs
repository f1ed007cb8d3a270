//! A virtual machine that says what its kernel unpacked.
//!
//! The kernel starts `/.oracle/init` from the initramfs under test; it walks the tree with busybox and writes to
//! the second serial port what it found. The first one is the kernel's console.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cpio::{Member, archive, directory, file};

const QEMU: &str = "qemu-system-x86_64";

/// Where the oracle lies in the tree that it looks at.
pub(crate) const ORACLE: &str = "/.oracle";

/// An emulated processor takes some seconds, more on a busy machine; one that hangs must not hang the tests.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the kernel starts. Names are NUL-separated, since they may hold anything else; every answer is preceded
/// by its length. The tree is looked at before anything is written to it. An emulated machine is slow to start
/// programs, so there is one for all files.
const INIT: &str = r#"#!/.oracle/busybox sh
b=/.oracle/busybox
cd /.oracle
$b find / -xdev -path /.oracle -prune -o -print0 > names
$b find / -xdev -path /.oracle -prune -o -type f -print0 > files
$b xargs -0 $b stat -c '%f %u %g %s %i' < names > stats
$b xargs -0 -r $b sha256sum < files > sums
$b mknod out c 4 65 && $b stty -F out raw && exec > out
for answer in names stats files sums; do
  $b wc -c < $answer
  $b cat $answer
done
echo end
exec > /.oracle/closed
$b reboot -f
"#;

/// The programs and files a boot needs.
pub(crate) struct Machine {
    kernel: PathBuf,
    busybox: Vec<u8>,
}

/// Something in the kernel's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `st_mode`.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) inode: u64,
    /// SHA-256 of a regular file.
    pub(crate) digest: Option<String>,
}

/// What came of a boot.
pub(crate) struct Boot {
    /// Absolute paths and what is there, without the oracle; none where the kernel did not start it.
    pub(crate) tree: Option<BTreeMap<Vec<u8>, Entry>>,
    /// Why the kernel stopped unpacking.
    pub(crate) complaint: Option<String>,
    pub(crate) console: String,
}

impl Machine {
    /// Everything a boot needs, or what of it is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let kernel = env::var_os("IMA_ASSAY_KERNEL").ok_or("IMA_ASSAY_KERNEL names no kernel")?;
        let kernel = PathBuf::from(kernel);
        let image =
            fs::read(&kernel).map_err(|error| format!("{} (IMA_ASSAY_KERNEL): {error}", kernel.display()))?;
        // Documentation/arch/x86/boot.rst: the header's magic.
        if image.get(0x202..0x206) != Some(b"HdrS") {
            return Err(format!(
                "{} (IMA_ASSAY_KERNEL) is no x86 kernel",
                kernel.display()
            ));
        }
        in_path(QEMU).ok_or(format!("{QEMU} not installed"))?;
        let busybox = in_path("busybox").ok_or("busybox not installed")?;
        let busybox = fs::read(busybox).map_err(|error| format!("busybox: {error}"))?;
        if has_interpreter(&busybox) {
            return Err("busybox is not static: install busybox-static".to_owned());
        }
        Ok(Self { kernel, busybox })
    }

    /// The archive with the program that the kernel is to start.
    pub(crate) fn oracle(&self) -> Vec<u8> {
        let program = |name: &str, bytes: &[u8]| Member {
            mode: 0o100_755,
            ..file(format!("{ORACLE}/{name}"), bytes)
        };
        archive(&[
            directory(ORACLE),
            program("busybox", &self.busybox),
            program("init", INIT.as_bytes()),
        ])
    }

    /// Boots with this initramfs.
    pub(crate) fn boot(&self, initramfs: &[u8]) -> Boot {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("initramfs"), initramfs).unwrap();
        let mut qemu = Command::new(QEMU)
            .args(["-machine", "pc", "-accel", "tcg,thread=single", "-m", "512"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-serial", "file:console", "-serial", "file:answers"])
            .arg("-kernel")
            .arg(fs::canonicalize(&self.kernel).unwrap())
            .args(["-initrd", "initramfs", "-append"])
            .arg(format!(
                "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off nokaslr rdinit={ORACLE}/init"
            ))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(fs::File::create(path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let is_done = wait(&mut qemu).unwrap();
        let text = |name: &str| match fs::read(path(name)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("{name}: {error}"),
        };
        let mut console = text("stderr") + &text("console");
        if !is_done {
            console += "\n(the machine was stopped: it took too long)\n";
        }
        Boot {
            tree: fs::read(path("answers")).ok().and_then(|answers| parse(&answers)),
            complaint: console
                .lines()
                .find_map(|line| line.split_once("Initramfs unpacking failed: "))
                .map(|(_, reason)| reason.trim().to_owned()),
            console,
        }
    }
}

/// Whether the process ended on its own.
fn wait(process: &mut Child) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if process.try_wait()?.is_some() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(50));
    }
    process.kill()?;
    process.wait()?;
    Ok(false)
}

/// Reads what the oracle wrote.
fn parse(answers: &[u8]) -> Option<BTreeMap<Vec<u8>, Entry>> {
    let mut rest = answers;
    let [names, stats, files, sums] = [(); 4].map(|()| answer(&mut rest));
    if rest != b"end\n" {
        return None;
    }
    let (stats, sums) = (String::from_utf8(stats?).ok()?, sums?);
    let mut digests = BTreeMap::new();
    let mut sums = sums.as_slice();
    for path in until_nul(&files?) {
        // The digest, two blanks and the name as it is, be there newlines in it.
        let (digest, rest) = sums.split_at_checked(64)?;
        sums = rest.strip_prefix(&[b"  ", &path[..], b"\n"].concat()[..])?;
        digests.insert(path, std::str::from_utf8(digest).ok()?.to_owned());
    }
    let names: Vec<Vec<u8>> = until_nul(&names?).collect();
    if names.len() != stats.lines().count() {
        return None; // something could not be looked at
    }
    let entries = names.into_iter().zip(stats.lines()).map(|(path, stat)| {
        let fields: Vec<&str> = stat.split(' ').collect();
        let entry = Entry {
            mode: u32::from_str_radix(fields[0], 16).unwrap(),
            uid: fields[1].parse().unwrap(),
            gid: fields[2].parse().unwrap(),
            size: fields[3].parse().unwrap(),
            inode: fields[4].parse().unwrap(),
            digest: digests.remove(&path),
        };
        (path, entry)
    });
    Some(entries.collect())
}

/// Takes the next answer: a line with its length, and that many bytes.
fn answer(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let len: usize = std::str::from_utf8(&rest[..end]).ok()?.trim().parse().ok()?;
    let (answer, after) = rest[end + 1..].split_at_checked(len)?;
    *rest = after;
    Some(answer.to_vec())
}

fn until_nul(names: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    names
        .split_inclusive(|byte| *byte == 0)
        .map(|name| name.strip_suffix(b"\0").unwrap_or(name).to_vec())
}

pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .chain([Path::new("/usr/sbin").into(), Path::new("/sbin").into()])
        .map(|directory| directory.join(program))
        .find(|program| program.is_file())
}

/// Whether an ELF program (64 bit, little-endian) asks for a dynamic loader: a program header of type `PT_INTERP`.
fn has_interpreter(program: &[u8]) -> bool {
    let number = |at: usize, len: usize| {
        program[at..at + len]
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    assert_eq!(&program[..6], b"\x7fELF\x02\x01");
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|index| number(table + index * size, 4) == 3)
}
