//! Where paths lead.

use super::support::cpio::{archive, directory, fifo, file, symlink};
use super::*;
use crate::image::initramfs::{Location, Refusal, Standing, locate};

fn locate_in(image: &[u8], path: &str) -> Result<Location, Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("initramfs");
    fs::write(&name, image).unwrap();
    let name = name.to_str().unwrap().as_bytes().to_vec();
    let paths = [path.as_bytes().to_vec()];
    let mut located = locate(&name, &paths, &Limits::default(), &Control::default()).unwrap();
    assert_eq!(located.len(), 1);
    located.remove(0)
}

#[test]
fn a_path_is_followed_as_far_as_there_are_directories() {
    let merged = archive(&[
        directory("usr"),
        directory("usr/bin"),
        symlink("bin", "usr/bin"),
        directory("run"),
        directory("var"),
        symlink("var/run", "../run"),
        symlink("var/absolute", "/usr/bin"),
        symlink("loop", "loop"),
        symlink("nowhere", "not/there"),
        file("usr/bin/sh", "sh"),
        symlink("usr/bin/bash", "sh"),
        fifo("pipe"),
    ]);
    let rows: &[(&str, &str, &str, Option<Standing>)] = &[
        ("/usr/bin/sh", "/usr/bin", "/sh", Some(Standing::Regular)),
        ("/bin/sh", "/usr/bin", "/sh", Some(Standing::Regular)),
        ("/bin/bash", "/usr/bin", "/bash", Some(Standing::Symlink)),
        ("/bin/new", "/usr/bin", "/new", None),
        ("/var/run/a/b", "/run", "/a/b", None),
        ("/var/absolute/x/y/z", "/usr/bin", "/x/y/z", None),
        ("/etc/ima/ima-policy", "", "/etc/ima/ima-policy", None),
        // What the kernel itself makes is there.
        ("/root/x", "/root", "/x", None),
        ("/usr/bin", "/usr", "/bin", Some(Standing::Directory)),
        ("/pipe", "", "/pipe", Some(Standing::Special)),
        ("/nowhere", "", "/nowhere", Some(Standing::Symlink)),
    ];
    for (path, directory, missing, standing) in rows {
        let expected = Location {
            directory: directory.as_bytes().to_vec(),
            missing: missing.as_bytes().to_vec(),
            standing: *standing,
        };
        assert_eq!(locate_in(&merged, path), Ok(expected), "{path}");
    }
    for (path, refusal) in [
        ("/usr/bin/sh/x", Refusal::NotADirectory),
        ("/pipe/x", Refusal::NotADirectory),
        ("/loop/x", Refusal::TooManyLinks),
        ("/nowhere/x", Refusal::NotFound),
    ] {
        assert_eq!(locate_in(&merged, path), Err(refusal), "{path}");
    }
}

#[test]
fn what_cannot_be_unpacked_has_no_places() {
    let whole = archive(&[file("a", "1")]);
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("cut");
    fs::write(&name, whole.get(..200).unwrap()).unwrap();
    let name = name.to_str().unwrap().as_bytes().to_vec();
    let error = locate(&name, &[b"/a".to_vec()], &Limits::default(), &Control::default()).unwrap_err();
    assert_eq!(error.input, name);
    assert_eq!(error.code(), "CPIO_TRUNCATED");
}
