//! Signatures of gpg, in packages that rpmsign signs; `rpmkeys` says what they are worth.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::PackageKeys;
use super::*;

/// Runs a line of a shell in which `gpg` has its own keys.
fn sh(directory: &Path, line: &str) -> Vec<u8> {
    let script = format!("export GNUPGHOME={}/gpg; set -e; {line}", directory.display());
    fs::write(directory.join("script"), script).unwrap();
    run(directory, "sh script")
}

/// Makes a key of this kind and gives its certificate.
fn key(directory: &Path, name: &str, kind: &str) -> Vec<u8> {
    sh(
        directory,
        &format!(
            "mkdir -p -m 700 gpg; gpg -q --batch --passphrase '' --quick-gen-key {name} {kind} sign never; \
             gpg -q --armor --export {name} > {name}.asc"
        ),
    );
    fs::read(directory.join(format!("{name}.asc"))).unwrap()
}

fn with_keys(files: &[&[u8]]) -> ExtractOptions {
    let mut keys = PackageKeys::new(SystemTime::now());
    for file in files {
        keys.add(file).unwrap();
    }
    let mut options = options();
    options.selection.package_keys = Some(Arc::new(keys));
    options
}

fn outcome(path: &Path, options: &ExtractOptions) -> &'static str {
    extracted(path, options).map_or_else(|error| error.code(), |_| "good")
}

#[test]
fn packages_that_rpmsign_signs_are_good_by_their_key_alone() {
    if !["gpg", "rpmsign", "rpmkeys", "rpmbuild"]
        .iter()
        .all(|tool| has_tool(tool))
    {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    rpm::build(directory, "");
    let path = directory.join("sample.rpm");
    fs::copy(&path, directory.join("plain.rpm")).unwrap();
    let other = key(directory, "other@example.org", "rsa2048");
    assert_eq!(outcome(&path, &with_keys(&[&other])), "PACKAGE_UNSIGNED");
    for (name, kind) in [("rsa@example.org", "rsa3072"), ("ed@example.org", "ed25519")] {
        let own = key(directory, name, kind);
        sh(
            directory,
            &format!(
                "cp plain.rpm sample.rpm; rpmsign --define '_gpg_name {name}' --define \"_gpg_path $PWD/gpg\" --define '__gpg /usr/bin/gpg' --addsign sample.rpm; \
                 mkdir -p db; rpmkeys --dbpath $PWD/db --import {name}.asc; rpmkeys --dbpath $PWD/db -K sample.rpm"
            ),
        );
        assert_eq!(outcome(&path, &with_keys(&[&own])), "good", "{kind}");
        assert_eq!(outcome(&path, &with_keys(&[&other, &own])), "good", "{kind}");
        assert_eq!(
            outcome(&path, &with_keys(&[&other])),
            "PACKAGE_SIGNER_UNKNOWN",
            "{kind}"
        );
    }
}
