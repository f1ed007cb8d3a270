//! Awkward trees. Digests come from `sha256sum`, never from the code under test.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use ima_assay_digest::{Content as _, Control};

use super::super::{
    Content, ContentId, ExtractOptions, Extraction, File, ImageError, Note, Scan, Selection, Sink, Skip,
    Source, SourceError, Summary, extract,
};
use super::Tree;

/// Takes the files of whoever runs the tests.
fn options() -> ExtractOptions {
    let mut selection = Selection::default();
    selection.all_owners = true;
    ExtractOptions {
        selection,
        ..ExtractOptions::default()
    }
}

fn extract_tree(root: &Path, options: &ExtractOptions) -> Result<Extraction, SourceError> {
    let source: Box<dyn Source> = Box::new(Tree::open(root).unwrap());
    extract(&[(b"tree".to_vec(), source)], options, &Control::default())
}

fn digests(extraction: &Extraction) -> BTreeMap<Vec<u8>, String> {
    extraction
        .allowlist
        .rows()
        .map(|row| {
            let mut hex = Vec::new();
            ima_assay_digest::encode_hex(row.digest, &mut hex);
            (row.path.to_vec(), String::from_utf8(hex).unwrap())
        })
        .collect()
}

/// What `sha256sum` says of every regular file below `root`, by the path IMA would print.
fn oracle(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let output = Command::new("find")
        .arg(root)
        .args(["-type", "f", "-exec", "sha256sum", "-z", "{}", "+"])
        .output()
        .unwrap();
    assert!(output.status.success());
    output
        .stdout
        .split(|&byte| byte == 0)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (hex, path) = line.split_at(64);
            let path = path[2 + root.as_os_str().len()..].to_vec();
            let path = path
                .iter()
                .map(|&byte| if byte == b' ' { b'_' } else { byte })
                .collect();
            (path, String::from_utf8(hex.to_vec()).unwrap())
        })
        .collect()
}

fn summary(extraction: &Extraction) -> &Summary {
    &extraction.sources[0]
}

#[test]
fn an_awkward_tree_agrees_with_sha256sum_file_by_file() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| root.path().join(OsStr::from_bytes(name));
    fs::create_dir_all(path(b"usr/bin/deep/er")).unwrap();
    fs::write(path(b"empty"), b"").unwrap();
    fs::write(path(b"usr/bin/with space"), b"space").unwrap();
    fs::write(path(b"usr/bin/\xff\xfe"), b"no text").unwrap();
    fs::write(path(b"usr/bin/new\nline"), b"line").unwrap();
    for size in [
        1_usize,
        63,
        64,
        65,
        4096,
        (128 << 10) - 1,
        128 << 10,
        (128 << 10) + 1,
        1 << 20,
    ] {
        fs::write(path(format!("usr/bin/deep/er/{size}").as_bytes()), vec![7; size]).unwrap();
    }
    fs::hard_link(path(b"empty"), path(b"usr/another-empty")).unwrap();
    let sparse = fs::File::create(path(b"sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    symlink("usr/bin", path(b"bin")).unwrap();
    symlink("loop", path(b"loop")).unwrap();
    symlink("/etc/passwd", path(b"outside")).unwrap();
    let _socket = UnixListener::bind(path(b"socket")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(path(b"fifo"))
            .status()
            .unwrap()
            .success()
    );

    let extraction = extract_tree(root.path(), &options()).unwrap();
    assert_eq!(digests(&extraction), oracle(root.path()));
    let summary = summary(&extraction);
    assert_eq!(summary.files, 15);
    assert_eq!(
        summary.skipped,
        BTreeMap::from([(Skip::Symlink, 3), (Skip::Special, 2)])
    );
}

#[test]
fn what_keylimes_generator_skips_is_skipped_and_counted() {
    let root = tempfile::tempdir().unwrap();
    for name in ["var/x", "usr/var/x", "tmp/y", "etc/z"] {
        fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
        fs::write(root.path().join(name), name).unwrap();
    }
    let extraction = extract_tree(root.path(), &options()).unwrap();
    let listed: Vec<_> = digests(&extraction).into_keys().collect();
    assert_eq!(listed, [b"/etc/z".to_vec(), b"/usr/var/x".to_vec()]);
    assert_eq!(summary(&extraction).skipped, BTreeMap::from([(Skip::Path, 2)]));

    let mut own = options();
    own.selection = Selection::new([b"/etc".to_vec(), b"/usr/var/x".to_vec()], []);
    own.selection.all_owners = true;
    let listed: Vec<_> = digests(&extract_tree(root.path(), &own).unwrap())
        .into_keys()
        .collect();
    assert_eq!(listed, [b"/tmp/y".to_vec(), b"/var/x".to_vec()]);
}

#[test]
fn a_tree_of_other_owners_is_not_an_empty_allowlist_but_an_error_that_says_so() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("x");
    fs::write(&file, "x").unwrap();
    if fs::metadata(&file).unwrap().uid() == 0 {
        std::os::unix::fs::chown(&file, Some(1000), None).unwrap();
    }
    let error = extract_tree(root.path(), &ExtractOptions::default()).unwrap_err();
    assert!(
        matches!(error.error, ImageError::NothingListed { owners: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_tree_deeper_than_any_path_may_be_long_is_read() {
    let root = tempfile::tempdir().unwrap();
    // Names of 200 bytes, 30 deep: 6 000 bytes, more than PATH_MAX. Only relative steps reach it.
    let script = "set -e; cd \"$1\"; name=$(printf 'd%.0s' $(seq 200)); \
                  for i in $(seq 30); do mkdir $name; cd $name; done; echo deep > file; cd /";
    assert!(
        Command::new("bash")
            .args(["-c", script, "bash"])
            .arg(root.path())
            .status()
            .unwrap()
            .success()
    );
    let extraction = extract_tree(root.path(), &options()).unwrap();
    let listed = digests(&extraction);
    let (path, digest) = listed.first_key_value().unwrap();
    assert_eq!(path.len(), 30 * 201 + "/file".len());
    // echo deep | sha256sum
    assert_eq!(
        digest,
        "64896f89fd11190013b70103e603a1c5826e56b7fb7d2197ab279b0690043599"
    );

    let mut shallow = options();
    shallow.limits.max_depth = 29;
    let error = extract_tree(root.path(), &shallow).unwrap_err();
    assert!(
        matches!(error.error, ImageError::TooDeep { limit: 29, .. }),
        "{error}"
    );
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let mut few = options();
    few.limits.max_files = 2;
    let error = extract_tree(root.path(), &few).unwrap_err();
    assert!(
        matches!(error.error, ImageError::TooManyFiles { limit: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_cancelled_extraction_gives_nothing() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("x"), "x").unwrap();
    let control = Control::default();
    control.cancel();
    let source: Box<dyn Source> = Box::new(Tree::open(root.path()).unwrap());
    let error = extract(&[(b"tree".to_vec(), source)], &options(), &control).unwrap_err();
    assert!(matches!(error.error, ImageError::Cancelled), "{error}");
}

/// Keeps contents instead of hashing them, so that a test can act between the look and the read.
#[derive(Default)]
struct Held<'s> {
    contents: Vec<Content<'s>>,
    files: Vec<File>,
}

impl<'s> Sink<'s> for Held<'s> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        self.contents.push(content);
        Ok(ContentId(self.contents.len() - 1))
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, _skip: Skip) {}

    fn note(&mut self, _note: Note) {}

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        Err(error)
    }
}

fn read_after(meddle: impl FnOnce(&Path)) -> Result<(), ImageError> {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, vec![1; 300 << 10]).unwrap();
    let tree = Tree::open(root.path()).unwrap();
    let mut held = Held::default();
    let options = options();
    let control = Control::default();
    let scan = Scan {
        selection: &options.selection,
        limits: &options.limits,
        control: &control,
    };
    tree.scan(&scan, &mut held).unwrap();
    meddle(&file);
    let content = &mut held.contents[0];
    while content.read(&mut [0; 128 << 10])? > 0 {}
    Ok(())
}

#[test]
fn a_file_that_changes_between_the_look_and_the_end_of_reading_is_an_error() {
    assert!(read_after(|_| {}).is_ok());
    let append = |path: &Path| {
        use std::io::Write as _;
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(b"more")
            .unwrap();
    };
    assert!(matches!(read_after(append), Err(ImageError::Changed { path }) if path == b"/file"));
    let truncate = |path: &Path| {
        OpenOptions::new()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(5)
            .unwrap()
    };
    assert!(matches!(read_after(truncate), Err(ImageError::Changed { .. })));
    let replace = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::write(path, vec![1; 300 << 10]).unwrap();
    };
    assert!(matches!(read_after(replace), Err(ImageError::Changed { .. })));
    let vanish = |path: &Path| fs::remove_file(path).unwrap();
    let is_gone = |error: &ImageError| matches!(error, ImageError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound);
    assert!(read_after(vanish).is_err_and(|error| is_gone(&error)));
    let become_link = |path: &Path| {
        fs::remove_file(path).unwrap();
        symlink("/etc/passwd", path).unwrap();
    };
    assert!(matches!(read_after(become_link), Err(ImageError::Io { .. })));
    // A FIFO must neither be waited for nor pass as a file.
    let become_fifo = |path: &Path| {
        fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    assert!(matches!(read_after(become_fifo), Err(ImageError::Changed { .. })));
}

#[test]
fn an_unreadable_file_stops_or_is_listed_with_each_of_its_names() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("good"), "x").unwrap();
    fs::write(root.path().join("secret"), "x").unwrap();
    fs::hard_link(root.path().join("secret"), root.path().join("secret2")).unwrap();
    fs::set_permissions(root.path().join("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(root.path().join("secret")).is_ok() {
        println!("skipped: root can read every file; the command line's tests do this as another user");
        return;
    }
    let error = extract_tree(root.path(), &options()).unwrap_err();
    assert!(matches!(error.error, ImageError::Io { .. }), "{error}");
    let mut going = options();
    going.keep_going = true;
    let extraction = extract_tree(root.path(), &going).unwrap();
    assert_eq!(extraction.allowlist.len(), 1);
    assert_eq!(summary(&extraction).omitted_count, 2);
}
