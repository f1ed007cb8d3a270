//! Signatures of gpg, also in packages that rpmsign signs and in others; `gpg` and `rpmkeys` say what they are worth.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::PackageKeys;
use super::super::error::PackageError;
use super::*;

const TOOLS: [&str; 5] = ["gpg", "rpmsign", "rpmkeys", "rpmbuild", "sh"];

/// Two years, after which keys that are made for one have expired.
const LATER: Duration = Duration::from_secs(2 * 366 * 86_400);

/// Runs lines of a shell in which `gpg` has its own keys.
fn sh(directory: &Path, lines: &str) -> Vec<u8> {
    let script = format!(
        "export GNUPGHOME={}/gpg; set -e; gpg() {{ command gpg -q --batch --passphrase '' \"$@\"; }}\n{lines}",
        directory.display()
    );
    fs::write(directory.join("script"), script).unwrap();
    run(directory, "sh script")
}

/// Makes a key of this kind and gives its certificate.
fn key(directory: &Path, name: &str, kind: &str) -> Vec<u8> {
    sh(
        directory,
        &format!(
            "mkdir -p -m 700 gpg; gpg --quick-gen-key {name} {kind} sign 1y; gpg --armor --export {name} > {name}.asc"
        ),
    );
    fs::read(directory.join(format!("{name}.asc"))).unwrap()
}

fn keys_at(files: &[&[u8]], now: SystemTime) -> PackageKeys {
    let mut keys = PackageKeys::new(now);
    for file in files {
        keys.add(file).unwrap();
    }
    keys
}

fn with_keys(files: &[&[u8]]) -> ExtractOptions {
    let mut options = options();
    options.selection.package_keys = Some(Arc::new(keys_at(files, SystemTime::now())));
    options
}

fn outcome(path: &Path, options: &ExtractOptions) -> &'static str {
    extracted(path, options).map_or_else(|error| error.code(), |_| "good")
}

fn worth(keys: &PackageKeys, signature: &[u8], data: &[u8]) -> &'static str {
    let verified = keys.verify("the package", signature, &|| Box::new(data));
    verified.map_or_else(|error| error.code(), |_| "good")
}

/// What gpg says of `data.sig` over `data`, in the words of its status lines.
fn status(directory: &Path, options: &str) -> String {
    let lines = format!("gpg --status-fd 1 {options} --verify data.sig data 2>/dev/null || true");
    let lines = String::from_utf8(sh(directory, &lines)).unwrap();
    let words = lines.lines().filter_map(|line| line.split(' ').nth(1));
    let kinds = ["GOODSIG", "BADSIG", "ERRSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG"];
    words.filter(|word| kinds.contains(word)).collect()
}

#[test]
fn a_signature_is_worth_what_gpg_says() {
    if !["gpg", "sh"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let (now, later) = (SystemTime::now(), SystemTime::now() + LATER);
    let data = b"what is signed".as_slice();
    fs::write(directory.join("data"), data).unwrap();
    let other = key(directory, "other@example.org", "ed25519");
    for kind in ["rsa3072", "ed25519", "nistp256"] {
        let name = format!("{kind}@example.org");
        let primary = key(directory, &name, kind);
        let sign = |options: &str| {
            let line = format!("rm -f data.sig; gpg {options} -u {name} -o data.sig --detach-sign data");
            sh(directory, &line);
            fs::read(directory.join("data.sig")).unwrap()
        };
        let keys = keys_at(&[&other, &primary], now);
        let expired = keys_at(&[&primary], later);

        for options in ["", "--armor", "--textmode", "--digest-algo SHA512"] {
            let signature = sign(options);
            assert_eq!(status(directory, ""), "GOODSIG");
            assert_eq!(worth(&keys, &signature, data), "good", "{kind} {options}");
            assert_eq!(
                worth(&keys_at(&[&other], now), &signature, data),
                "PACKAGE_SIGNER_UNKNOWN"
            );
        }
        let signature = sign("");
        assert_eq!(
            status(directory, "--faked-system-time 20300101T000000"),
            "EXPKEYSIG"
        );
        assert_eq!(worth(&expired, &signature, data), "PACKAGE_KEY_EXPIRED");

        // The key is not one that the signature could be from.
        let early = keys_at(&[&primary], now - LATER);
        assert_eq!(worth(&early, &signature, data), "good", "{kind}");

        // Behind it is nothing, and a byte of it is another.
        for changed in [&b"what is signeD"[..], b"what is signed ", b""] {
            assert_eq!(worth(&keys, &signature, changed), "PACKAGE_SIGNATURE_WRONG");
        }
        fs::write(directory.join("data"), b"what is signeD").unwrap();
        assert_eq!(status(directory, ""), "BADSIG");
        fs::write(directory.join("data"), data).unwrap();

        // What is not hashed only helps to find the key: a change there may leave a good signature.
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            fs::write(directory.join("data.sig"), &changed).unwrap();
            if worth(&keys, &changed, data) == "good" {
                assert_eq!(status(directory, ""), "GOODSIG", "{kind} {at}");
            }
        }
        for length in 0..signature.len() {
            let found = worth(&keys, &signature[..length], data);
            assert!(
                ["PACKAGE_UNSIGNED", "PACKAGE_SIGNATURE_WRONG"].contains(&found),
                "{length}"
            );
        }

        // gpg makes none by a curve of NIST.
        if kind != "nistp256" {
            let weak = sign("--digest-algo SHA1 --allow-weak-digest-algos");
            assert_eq!(status(directory, "--weak-digest SHA1"), "ERRSIG");
            assert_eq!(worth(&keys, &weak, data), "PACKAGE_SIGNATURE_WEAK", "{kind}");
            let both = [weak, signature].concat();
            assert_eq!(worth(&keys, &both, data), "good", "{kind}");
        }

        let short = sign("--default-sig-expire 1d");
        assert_eq!(status(directory, ""), "GOODSIG");
        let tomorrow = keys_at(&[&primary], now + Duration::from_secs(2 * 86_400));
        assert_eq!(worth(&keys, &short, data), "good");
        assert_eq!(
            worth(&tomorrow, &short, data),
            "PACKAGE_SIGNATURE_EXPIRED",
            "{kind}"
        );

        // A subkey that signs, then that subkey revoked, then the whole key.
        let exported = |lines: &str| {
            sh(
                directory,
                &format!(
                    "F=$(gpg --with-colons --list-keys {name} | sed -n 's/^fpr:*\\(.*\\):/\\1/p' | head -1)\n{lines}\ngpg --export {name}"
                ),
            )
        };
        let subkey = if kind == "nistp256" { "ed25519" } else { kind };
        let with_subkey = exported(&format!("gpg --quick-add-key $F {subkey} sign 1y"));
        let by_subkey = sign("");
        assert_eq!(status(directory, ""), "GOODSIG");
        assert_eq!(
            worth(&keys_at(&[&with_subkey], now), &by_subkey, data),
            "good",
            "{kind}"
        );
        assert_eq!(
            worth(&keys_at(&[&with_subkey], later), &by_subkey, data),
            "PACKAGE_KEY_EXPIRED"
        );
        assert_eq!(worth(&keys, &by_subkey, data), "PACKAGE_SIGNER_UNKNOWN", "{kind}");
        let edit = "printf 'key 1\\nrevkey\\ny\\n0\\n\\ny\\nsave\\n' | command gpg -q --no-tty --pinentry-mode loopback --command-fd 0 --status-fd 2 --edit-key $F 2>/dev/null >&2";
        let subkey_revoked = exported(edit);
        assert_eq!(status(directory, ""), "REVKEYSIG");
        assert_eq!(
            worth(&keys_at(&[&subkey_revoked], now), &by_subkey, data),
            "PACKAGE_KEY_REVOKED"
        );
        let by_primary = sign("");
        assert_eq!(
            worth(&keys_at(&[&subkey_revoked], now), &by_primary, data),
            "good",
            "{kind}"
        );
        let revoked = exported("sed 's/^:---/---/' gpg/openpgp-revocs.d/$F.rev | gpg --import");
        assert_eq!(status(directory, ""), "REVKEYSIG");
        assert_eq!(
            worth(&keys_at(&[&revoked], now), &by_primary, data),
            "PACKAGE_KEY_REVOKED",
            "{kind}"
        );
        assert_eq!(
            worth(&keys_at(&[&revoked], now), &by_subkey, data),
            "PACKAGE_KEY_REVOKED",
            "{kind}"
        );
    }
    let short = key(directory, "short@example.org", "rsa1024");
    let line = "rm -f data.sig; gpg -u short@example.org -o data.sig --detach-sign data; cat data.sig";
    let signature = sh(directory, line);
    assert_eq!(
        worth(&keys_at(&[&short], now), &signature, data),
        "PACKAGE_SIGNATURE_WEAK"
    );
}

#[test]
fn what_is_no_certificate_is_refused() {
    if !["gpg", "sh"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let armored = key(directory, "a@example.org", "ed25519");
    let binary = sh(directory, "gpg --export a@example.org");
    let add = |bytes: &[u8]| PackageKeys::new(SystemTime::now()).add(bytes);
    add(&armored).unwrap();
    add(&binary).unwrap();
    add(&[armored.as_slice(), &armored].concat()).unwrap();
    let refused = |bytes: &[u8]| matches!(add(bytes), Err(PackageError::KeyMalformed { .. }));
    // Between packets a cut is not seen, nor behind the first byte of one.
    let mut whole = Vec::new();
    for length in 0..binary.len() {
        if !refused(&binary[..length]) {
            whole.push(length);
        }
    }
    let packets =
        String::from_utf8(sh(directory, "gpg --export a@example.org | gpg --list-packets")).unwrap();
    let starts = packets.lines().filter_map(|line| line.strip_prefix("# off="));
    let starts: Vec<usize> = starts
        .filter_map(|rest| rest.split(' ').next()?.parse().ok())
        .collect();
    assert!(
        whole
            .iter()
            .all(|length| starts.contains(length) || starts.contains(&(length - 1))),
        "{whole:?} {starts:?}"
    );
    let head = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";
    let garbage: [&[u8]; 9] = [
        b"",
        b"hello\n",
        head,
        &[head.as_slice(), b"%%%%\n-----END PGP PUBLIC KEY BLOCK-----\n"].concat(),
        &[
            head.as_slice(),
            b"AAAA\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n",
        ]
        .concat(),
        // A packet of four gigabytes, one without end, one in parts of a gigabyte, a key without any byte.
        &[0xc6, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0],
        &[0x9b, 4, 0, 0, 0, 0],
        &[0xc6, 0xfe, 4, 0, 0, 0, 0],
        &[0xc6, 0],
    ];
    for bytes in garbage {
        assert!(refused(bytes), "{bytes:?}");
        let keys = keys_at(&[&binary], SystemTime::now());
        let found = worth(&keys, bytes, b"data");
        assert!(
            ["PACKAGE_UNSIGNED", "PACKAGE_SIGNATURE_WRONG"].contains(&found),
            "{bytes:?}"
        );
    }
    assert!(PackageKeys::read(&[b"/nowhere".to_vec()], SystemTime::now(), &Arc::default()).is_err());
}

/// Whether rpm takes a package that has to be signed.
fn is_good_for_rpm(directory: &Path, package: &str) -> bool {
    let mut command = Command::new("rpmkeys");
    let level = ["--define", "_pkgverify_level all", "-K", package];
    command.arg("--dbpath").arg(directory.join("db")).args(level);
    command.current_dir(directory).output().unwrap().status.success()
}

fn sign(directory: &Path, name: &str, file: &str, options: &str) {
    sh(
        directory,
        &format!(
            "rpmsign --define '_gpg_name {name}' --define \"_gpg_path $PWD/gpg\" --define '__gpg /usr/bin/gpg' \
             {options} --addsign {file}; mkdir -p db; rpmkeys --dbpath $PWD/db --import {name}.asc"
        ),
    );
}

#[test]
fn packages_that_rpmsign_signs_are_good_by_their_key_alone() {
    if !TOOLS.iter().all(|tool| has_tool(tool)) {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    rpm::build(directory, "");
    let path = directory.join("sample.rpm");
    fs::copy(&path, directory.join("plain.rpm")).unwrap();
    let other = key(directory, "other@example.org", "rsa2048");
    assert_eq!(outcome(&path, &with_keys(&[&other])), "PACKAGE_UNSIGNED");
    assert!(!is_good_for_rpm(directory, "sample.rpm"));
    for (name, kind) in [("rsa@example.org", "rsa3072"), ("ed@example.org", "ed25519")] {
        let own = key(directory, name, kind);
        for options in ["", "--rpmv3"] {
            fs::copy(directory.join("plain.rpm"), &path).unwrap();
            sign(directory, name, "sample.rpm", options);
            assert!(is_good_for_rpm(directory, "sample.rpm"), "{kind}");
            assert_eq!(outcome(&path, &with_keys(&[&own])), "good", "{kind}");
            assert_eq!(outcome(&path, &with_keys(&[&other, &own])), "good", "{kind}");
            assert_eq!(
                outcome(&path, &with_keys(&[&other])),
                "PACKAGE_SIGNER_UNKNOWN",
                "{kind}"
            );
        }
        sign(directory, name, "sample.rpm", "--define '_gpg_digest_algo sha1'");
        assert_eq!(
            outcome(&path, &with_keys(&[&own])),
            "PACKAGE_SIGNATURE_WEAK",
            "{kind}"
        );
        sign(directory, name, "sample.rpm", "");

        // From behind the lead to the end: what is good here is good for rpm.
        let bytes = fs::read(&path).unwrap();
        let mut wrong = 0;
        for at in (96..bytes.len()).step_by(bytes.len() / 60) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(directory.join("changed.rpm"), &changed).unwrap();
            let found = outcome(&directory.join("changed.rpm"), &with_keys(&[&own]));
            if found == "good" {
                assert!(is_good_for_rpm(directory, "changed.rpm"), "{kind} {at}");
            } else {
                wrong += 1;
            }
        }
        assert!(wrong > 10, "{kind}: {wrong}");
        let last = bytes.len() - 9;
        for at in [bytes.len() / 2, last] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(directory.join("changed.rpm"), &changed).unwrap();
            assert!(!is_good_for_rpm(directory, "changed.rpm"), "{kind} {at}");
            assert_ne!(
                outcome(&directory.join("changed.rpm"), &with_keys(&[&own])),
                "good",
                "{kind} {at}"
            );
        }
    }
}

#[test]
fn a_repository_needs_a_signature_of_its_index_and_of_each_package() {
    if !TOOLS.iter().all(|tool| has_tool(tool)) || !has_tool("createrepo_c") {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    rpm::build(directory, "");
    let (name, other) = ("own@example.org", "other@example.org");
    let own = key(directory, name, "ed25519");
    let theirs = key(directory, other, "ed25519");
    fs::create_dir(directory.join("repo")).unwrap();
    fs::copy(directory.join("sample.rpm"), directory.join("repo/sample.rpm")).unwrap();
    let repository = directory.join("repo");
    let options = with_keys(&[&own]);
    let index = |name: &str| {
        let line =
            format!("cd repo/repodata; rm -f repomd.xml.asc; gpg -u {name} --detach-sign --armor repomd.xml");
        sh(directory, &line);
    };
    run(directory, "createrepo_c -q repo");
    assert_eq!(outcome(&repository, &options), "PACKAGE_UNSIGNED");
    index(name);
    assert_eq!(
        outcome(&repository, &options),
        "PACKAGE_UNSIGNED",
        "the package is not signed"
    );
    sign(directory, name, "repo/sample.rpm", "");
    run(directory, "createrepo_c -q repo");
    index(name);
    let extraction = extracted(&repository, &options).unwrap();
    assert_eq!(extraction.sources[0].notes.len(), 1, "USR_MERGED alone");
    index(other);
    assert_eq!(outcome(&repository, &options), "PACKAGE_SIGNER_UNKNOWN");
    assert_eq!(outcome(&repository, &with_keys(&[&own, &theirs])), "good");
    index(name);
    let path = repository.join("repodata/repomd.xml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('\n', "\n\n", 1)).unwrap();
    assert_eq!(outcome(&repository, &options), "PACKAGE_SIGNATURE_WRONG");
    fs::write(&path, text).unwrap();
    assert_eq!(outcome(&repository, &options), "good");
    fs::remove_file(repository.join("repodata/repomd.xml.asc")).unwrap();
    assert_eq!(outcome(&repository, &options), "PACKAGE_UNSIGNED");
}

#[test]
fn a_deb_needs_the_signature_of_its_origin() {
    if !["gpg", "sh", "dpkg-deb", "ar"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    deb::control(directory);
    run(directory, "dpkg-deb --root-owner-group -b tree sample.deb");
    let path = directory.join("sample.deb");
    let own = key(directory, "own@example.org", "rsa3072");
    let other = key(directory, "other@example.org", "ed25519");
    assert_eq!(outcome(&path, &with_keys(&[&own])), "PACKAGE_UNSIGNED");
    // As debsigs does it.
    sh(
        directory,
        "ar x sample.deb; cat debian-binary control.tar.* data.tar.* > data; \
         gpg -u own@example.org --detach-sign -o data.sig data; cp data.sig _gpgorigin; ar q sample.deb _gpgorigin 2>&1",
    );
    assert_eq!(status(directory, ""), "GOODSIG");
    run(directory, "dpkg-deb --info sample.deb");
    assert_eq!(outcome(&path, &with_keys(&[&own])), "good");
    assert_eq!(outcome(&path, &with_keys(&[&other])), "PACKAGE_SIGNER_UNKNOWN");
    // The minute in the header of the first member of the control archive, and its data.
    let bytes = fs::read(&path).unwrap();
    for at in [68, 200, bytes.len() - 1200] {
        let mut changed = bytes.clone();
        changed[at + 2] ^= 1;
        fs::write(directory.join("changed.deb"), &changed).unwrap();
        let found = outcome(&directory.join("changed.deb"), &with_keys(&[&own]));
        assert_eq!(found, "PACKAGE_SIGNATURE_WRONG", "{at}");
    }
}
