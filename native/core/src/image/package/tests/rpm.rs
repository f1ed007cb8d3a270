//! RPM packages.

use ima_assay_digest::{Algorithm, hash};

use super::*;

const SPEC: &str = "Name: sample
Version: 1.0
Release: 2
Summary: x
License: x
BuildArch: noarch
%description
x
%install
cp -a %{tree}/. %{buildroot}
mkdir -p %{buildroot}/var/lib/sample
echo ghost > %{buildroot}/var/lib/sample/ghost
ln %{buildroot}/usr/bin/sample %{buildroot}/usr/lib/sample/linked
ln %{buildroot}/usr/bin/sample %{buildroot}/usr/lib/sample/again
%files
%defattr(-,root,root)
/usr
/lib/sample
%attr(0644, daemon, daemon) /usr/lib/sample/theirs
%config /etc/sample.conf
%ghost /var/lib/sample/ghost
";

/// Builds `tree/` into a package with these macros defined.
pub(super) fn build(directory: &Path, macros: &str) -> Vec<u8> {
    fs::write(directory.join("sample.spec"), SPEC).unwrap();
    let top = directory.display();
    let script = format!(
        "exec rpmbuild --quiet -bb --define '_topdir {top}/top' --define 'tree {top}/tree' \
         --define '_build_id_links none' --define '__os_install_post %{{nil}}' {macros} sample.spec"
    );
    fs::write(directory.join("build"), script).unwrap();
    run(directory, "sh build");
    let path = directory.join("top/RPMS/noarch/sample-1.0-2.noarch.rpm");
    let bytes = fs::read(&path).unwrap();
    fs::rename(path, directory.join("sample.rpm")).unwrap();
    bytes
}

/// What `rpm2cpio` and `cpio` make of it in a root.
fn installed(directory: &Path) -> Lines {
    merged_root(directory);
    fs::write(
        directory.join("unpack"),
        "cd installed && rpm2cpio ../sample.rpm | cpio -idm --quiet",
    )
    .unwrap();
    run(directory, "sh unpack");
    digests(&directory.join("installed"))
}

fn has_tools() -> bool {
    ["rpmbuild", "rpm2cpio", "cpio", "sha256sum"]
        .iter()
        .all(|tool| has_tool(tool))
}

#[test]
fn every_compression_of_rpm_gives_what_rpm_installs() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    for payload in [
        "w9.gzdio",
        "w6.xzdio",
        "w3.zstdio",
        "w9.bzdio",
        "w6.lzdio",
        "w.ufdio",
    ] {
        build(directory, &format!("--define '_binary_payload {payload}'"));
        let found = listed(&directory.join("sample.rpm"));
        assert_eq!(found, installed(directory), "{payload}");
        // Two names more than the tree has.
        assert_eq!(found.len(), 9, "{payload}");
    }
    assert_eq!(notes(&directory.join("sample.rpm")), ["USR_MERGED"]);
}

#[test]
fn every_algorithm_of_file_digests_is_compared() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    for algorithm in [1, 2, 8, 9, 10] {
        let bytes = build(
            directory,
            &format!(
                "--define '_binary_filedigest_algorithm {algorithm}' --define '_binary_payload w.ufdio'"
            ),
        );
        assert_eq!(
            listed(&directory.join("sample.rpm")),
            installed(directory),
            "{algorithm}"
        );
        let changed = Parts::of(&bytes).with_payload(|payload| replace(payload, b"program\n", b"pr0gram\n"));
        assert_eq!(
            code_of_bytes(directory, &changed),
            "RPM_FILE_DIGEST_MISMATCH",
            "{algorithm}"
        );
        assert_eq!(
            notes(&directory.join("sample.rpm")),
            ["USR_MERGED"],
            "{algorithm}"
        );
    }
}

#[test]
fn what_rpm_dumps_of_a_package_is_listed() {
    if !has_tools() || !has_tool("rpm") {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    build(directory, "--define '_binary_filedigest_algorithm 8'");
    let dump = run(directory, "rpm -qp --dump sample.rpm");
    // path size mtime digest mode owner group isconfig isdoc rdev symlink
    let expected: Lines = String::from_utf8(dump)
        .unwrap()
        .lines()
        .filter(|line| !line.contains("ghost"))
        .filter_map(|line| {
            let (path, rest) = line.split_once(' ').unwrap();
            // The one name with a blank.
            let (path, rest) = match rest.strip_prefix("blank") {
                Some(rest) => match rest.split_once(' ') {
                    Some((tail, rest)) => (format!("{path} blank{tail}"), rest),
                    None => return None,
                },
                None => (path.to_owned(), rest),
            };
            let fields: Vec<&str> = rest.split(' ').collect();
            let path = path.replacen("/lib/", "/usr/lib/", usize::from(path.starts_with("/lib/")));
            fields[3]
                .starts_with("0100")
                .then(|| format!("{}  {path}", fields[2]).into_bytes())
        })
        .collect();
    assert_eq!(listed(&directory.join("sample.rpm")), expected);
}

/// The parts of a package, for changing one and stating its digest anew.
struct Parts {
    lead: Vec<u8>,
    signature: Vec<u8>,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let len = |at: usize| {
            let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            16 + usize::try_from(number(at + 8) * 16 + number(at + 12)).unwrap()
        };
        let header_at = 96 + len(96).next_multiple_of(8);
        let payload_at = header_at + len(header_at);
        Self {
            lead: bytes[..96].to_vec(),
            signature: bytes[96..header_at].to_vec(),
            header: bytes[header_at..payload_at].to_vec(),
            payload: bytes[payload_at..].to_vec(),
        }
    }

    /// All parts, the digests of header and payload as they are now.
    fn bytes(mut self, old: &Self) -> Vec<u8> {
        let hex = |algorithm, bytes: &[u8]| hash(algorithm, bytes).to_string().into_bytes();
        let state = |within: &mut Vec<u8>, algorithm, old: &[u8], new: &[u8]| {
            replace(within, &hex(algorithm, old), &hex(algorithm, new));
        };
        if self.payload != old.payload {
            state(&mut self.header, Algorithm::Sha256, &old.payload, &self.payload);
        }
        state(&mut self.signature, Algorithm::Sha256, &old.header, &self.header);
        state(&mut self.signature, Algorithm::Sha1, &old.header, &self.header);
        [self.lead, self.signature, self.header, self.payload].concat()
    }

    fn copy(&self) -> Self {
        Self {
            lead: self.lead.clone(),
            signature: self.signature.clone(),
            header: self.header.clone(),
            payload: self.payload.clone(),
        }
    }

    fn with_payload(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut changed = self.copy();
        change(&mut changed.payload);
        changed.bytes(self)
    }

    fn with_header(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut changed = self.copy();
        change(&mut changed.header);
        changed.bytes(self)
    }
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let at = find(bytes, old).expect("it is there");
    bytes[at..at + new.len()].copy_from_slice(new);
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The member of a payload in newc that has this name: where it starts, and where the next one does.
fn member(payload: &[u8], name: &str) -> (usize, usize) {
    let mut at = 0;
    loop {
        let field = |index: usize| {
            let digits = std::str::from_utf8(&payload[at + 6 + index * 8..][..8]).unwrap();
            usize::from_str_radix(digits, 16).unwrap()
        };
        let data_at = (at + 110 + field(11)).next_multiple_of(4);
        let end = (data_at + field(6)).next_multiple_of(4);
        if payload[at + 110..].starts_with(name.as_bytes()) {
            return (at, end);
        }
        at = end;
    }
}

#[test]
fn a_package_whose_parts_differ_from_what_they_state_is_refused() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    let bytes = build(directory, "--define '_binary_payload w.ufdio'");
    let parts = Parts::of(&bytes);
    assert_eq!(parts.copy().bytes(&parts), bytes);
    let mut payload = bytes.clone();
    let at = find(&bytes, b"program\n").unwrap();
    payload[at] ^= 1;
    assert_eq!(
        code_of_bytes(directory, &payload),
        "RPM_FILE_DIGEST_MISMATCH",
        "a file"
    );
    let mut payload = bytes.clone();
    // A time, which no file's digest covers.
    payload[bytes.len() - parts.payload.len() + 46] ^= 1;
    assert_eq!(
        code_of_bytes(directory, &payload),
        "RPM_DIGEST_MISMATCH",
        "payload"
    );
    let mut header = bytes.clone();
    let at = find(&bytes, b"sample.conf\0").unwrap();
    header[at] ^= 1;
    assert_eq!(code_of_bytes(directory, &header), "RPM_DIGEST_MISMATCH", "header");
    let renamed = parts.with_header(|header| replace(header, b"sample.conf\0", b"simple.conf\0"));
    assert_eq!(
        code_of_bytes(directory, &renamed),
        "RPM_PAYLOAD_MISMATCH",
        "a file of another name"
    );
    let upwards = parts.with_header(|header| replace(header, b"sample.conf\0", b"../../conf\0\0"));
    assert_eq!(
        code_of_bytes(directory, &upwards),
        "RPM_MALFORMED",
        "a name that leads upwards"
    );
    let without = parts.with_payload(|payload| {
        let (start, end) = member(payload, "./etc/sample.conf");
        payload.drain(start..end);
    });
    assert_eq!(
        code_of_bytes(directory, &without),
        "RPM_PAYLOAD_MISMATCH",
        "a file less"
    );
    let twice = parts.with_payload(|payload| {
        let (start, end) = member(payload, "./etc/sample.conf");
        let again = payload[start..end].to_vec();
        payload.splice(end..end, again);
    });
    assert_eq!(
        code_of_bytes(directory, &twice),
        "RPM_PAYLOAD_MISMATCH",
        "a file twice"
    );
    let longer = parts.with_payload(|payload| {
        let (start, _) = member(payload, "./etc/sample.conf");
        payload[start + 54..start + 62].copy_from_slice(b"0000000a");
    });
    assert_eq!(
        code_of_bytes(directory, &longer),
        "RPM_PAYLOAD_MISMATCH",
        "another size"
    );
    let after = parts.with_payload(|payload| payload.extend_from_slice(b"more"));
    fs::write(directory.join("changed"), &after).unwrap();
    assert_eq!(
        notes(&directory.join("changed")),
        ["TRAILING_BYTES", "USR_MERGED"]
    );
    for len in (0..bytes.len()).step_by(bytes.len() / 50) {
        let code = code_of_bytes(directory, &bytes[..len]);
        let is_cut = [
            "RPM_TRUNCATED",
            "RPM_DIGEST_MISMATCH",
            "IMAGE_EMPTY",
            "FORMAT_UNKNOWN",
        ]
        .contains(&code);
        assert!(is_cut, "{len}: {code}");
    }
}

/// Every byte of both headers and of the payload's own headers, changed in three ways, with digests that agree.
#[test]
fn whatever_a_header_says_is_read_or_refused() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    fs::remove_file(directory.join("tree/usr/lib/sample/large")).unwrap();
    let bytes = build(directory, "--define '_binary_payload w.ufdio'");
    let parts = Parts::of(&bytes);
    let path = directory.join("changed");
    let (mut read, mut refused) = (0, 0);
    let mut check = |bytes: Vec<u8>| {
        fs::write(&path, bytes).unwrap();
        match extracted(&path, &options()) {
            Ok(extraction) => read += usize::from(extraction.sources[0].files > 0),
            Err(error) => refused += usize::from(!error.code().is_empty()),
        }
    };
    for change in [1, 0x80, 0xff] {
        for at in (0..parts.signature.len()).step_by(29) {
            let mut changed = bytes.clone();
            changed[96 + at] ^= change;
            check(changed);
        }
        for at in (usize::from(change) % 29..parts.header.len()).step_by(29) {
            check(parts.with_header(|header| header[at] ^= change));
        }
        for at in (usize::from(change) % 29..parts.payload.len()).step_by(29) {
            check(parts.with_payload(|payload| payload[at] ^= change));
        }
    }
    assert!(read > 0 && refused > read / 10, "{read} {refused}");
}

#[test]
fn a_payload_without_names_is_read_by_numbers() {
    if !has_tools() || !has_tool("rpm2archive") {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    let bytes = build(directory, "--define '_binary_payload w.ufdio'");
    let expected = listed(&directory.join("sample.rpm"));
    let names = run(directory, "rpm -qpl sample.rpm");
    let names: Vec<&str> = std::str::from_utf8(&names).unwrap().lines().collect();
    let stripped = Parts::of(&bytes).with_payload(|payload| {
        let mut members: Vec<(usize, Vec<u8>)> = Vec::new();
        for (number, name) in names
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.contains("ghost"))
        {
            let (start, end) = member(payload, &format!(".{name}\0"));
            let digits = std::str::from_utf8(&payload[start + 94..start + 102]).unwrap();
            let name_len = usize::from_str_radix(digits, 16).unwrap();
            let data_at = (start + 110 + name_len).next_multiple_of(4);
            let header = format!("07070X{number:08x}\0\0").into_bytes();
            members.push((start, [&header, &payload[data_at..end]].concat()));
        }
        // Links follow one another there, and not in the header.
        members.sort();
        let (trailer, _) = member(payload, "TRAILER!!!");
        let members = members.into_iter().flat_map(|(_, member)| member);
        *payload = members.chain(payload[trailer..].iter().copied()).collect();
    });
    fs::write(directory.join("stripped.rpm"), &stripped).unwrap();
    assert_eq!(listed(&directory.join("stripped.rpm")), expected);
    // rpm itself reads it so.
    run(directory, "rpm2archive -n stripped.rpm");
    merged_root(directory);
    run(
        directory,
        "tar -xf stripped.rpm.tar --keep-directory-symlink -C installed",
    );
    assert_eq!(text(&digests(&directory.join("installed"))), text(&expected));
}

fn text(lines: &Lines) -> Vec<String> {
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

#[test]
fn for_a_system_whose_directories_are_not_merged_paths_are_the_packages_own() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    build(directory, "");
    let mut options = options();
    options.selection.merged_usr = false;
    let extraction = extracted(&directory.join("sample.rpm"), &options).unwrap();
    let found = lines(&extraction);
    assert!(
        found
            .iter()
            .any(|line| line.ends_with(b"  /lib/sample/old-place"))
    );
    assert!(extraction.sources[0].notes.is_empty());
}

#[test]
fn files_of_other_owners_ghosts_and_skipped_paths_are_left_out() {
    if !has_tools() {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    build(directory, "");
    let extraction = extracted(&directory.join("sample.rpm"), &ExtractOptions::default()).unwrap();
    let found = lines(&extraction);
    assert_eq!(found.len(), 8);
    assert!(
        !found
            .iter()
            .any(|line| line.ends_with(b"theirs") || line.ends_with(b"ghost"))
    );
    let mut options = options();
    options.selection = crate::image::Selection::new([], [b"/usr/lib".to_vec(), b"/opt".to_vec()]);
    let extraction = extracted(&directory.join("sample.rpm"), &options).unwrap();
    let names: Vec<_> = lines(&extraction)
        .iter()
        .map(|line| line[66..].to_vec())
        .collect();
    assert!(
        names.iter().all(|name| !name.starts_with(b"/usr/lib/sample/l")),
        "{names:?}"
    );
    let notes: Vec<_> = extraction.sources[0].notes.iter().map(|note| note.code).collect();
    assert_eq!(notes, ["SKIP_UNMET", "USR_MERGED"]);
}
