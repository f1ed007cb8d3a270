//! Repositories that createrepo_c makes, and some that were damaged.

use std::fs;
use std::path::Path;

use ima_assay_digest::Control;
use tempfile::TempDir;

use super::missing_of_repository;
use crate::error::Explain as _;
use crate::image::Limits;
use crate::image::tar::tests::{Lines, lines, listed};
use crate::image::testing::{extracted, options};
use crate::testing::{has_tool, run};

/// A directory with `repo/`: three packages, of which two have one path.
fn workshop() -> Option<TempDir> {
    if !["rpmbuild", "createrepo_c"].iter().all(|tool| has_tool(tool)) {
        return None;
    }
    let workshop = TempDir::new().unwrap();
    let directory = workshop.path();
    fs::create_dir_all(directory.join("repo/sub")).unwrap();
    for (name, version, place) in [("one", 1, "repo"), ("one", 2, "repo"), ("two", 1, "repo/sub")] {
        let spec = format!(
            "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n\
             %description\nx & < x\n%install\nmkdir -p %{{buildroot}}/usr/lib/{name}\n\
             echo {name} {version} > %{{buildroot}}/usr/lib/{name}/x\n%files\n/usr\n"
        );
        fs::write(directory.join("spec"), spec).unwrap();
        let script = format!(
            "rpmbuild --quiet -bb --define '_topdir {0}/top' --define '_build_id_links none' \
             --define '_binary_filedigest_algorithm 1' spec && mv top/RPMS/noarch/*.rpm {place}",
            directory.display()
        );
        fs::write(directory.join("build"), script).unwrap();
        run(directory, "sh build");
    }
    run(directory, "createrepo_c -q repo");
    Some(workshop)
}

fn code_of(repository: &Path) -> &'static str {
    match extracted(repository, &options()) {
        Ok(extraction) => panic!("no error but {} files", lines(&extraction).len()),
        Err(error) => error.code(),
    }
}

/// What the packages have one by one.
fn of_packages(directory: &Path) -> Lines {
    ["repo/one-1-1", "repo/one-2-1", "repo/sub/two-1-1"]
        .iter()
        .flat_map(|name| listed(&directory.join(format!("{name}.noarch.rpm"))))
        .collect()
}

/// The file of metadata whose name ends so.
fn metadata(repository: &Path, end: &str) -> std::path::PathBuf {
    let found = fs::read_dir(repository.join("repodata")).unwrap();
    let mut paths = found.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().ends_with(end)).unwrap()
}

#[test]
fn a_repository_gives_the_files_of_all_its_packages() {
    let Some(workshop) = workshop() else { return };
    let directory = workshop.path();
    let expected = of_packages(directory);
    assert_eq!(expected.len(), 3);
    for options in [
        "",
        "--xz",
        "--no-database",
        "--checksum=sha512",
        "--simple-md-filenames",
    ] {
        run(directory, &format!("createrepo_c -q {options} repo"));
        assert_eq!(listed(&directory.join("repo")), expected, "{options}");
    }
    let extraction = extracted(&directory.join("repo"), &options()).unwrap();
    let shown = extraction.sources[0].to_json();
    assert_eq!(shown["layer"]["kind"], "rpm repository");
    assert_eq!(shown["layer"]["facts"]["packages"], 3);
}

#[test]
fn what_is_not_as_the_repository_states_is_found() {
    let Some(workshop) = workshop() else { return };
    let directory = workshop.path();
    let repository = directory.join("repo");
    let damage = |path: &Path, expected: &str, why: &str| {
        let sound = fs::read(path).unwrap();
        let mut changed = sound.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(path, &changed).unwrap();
        assert_eq!(code_of(&repository), expected, "{why}");
        fs::write(path, &sound[..sound.len() - 1]).unwrap();
        assert_eq!(code_of(&repository), expected, "{why}, cut");
        fs::write(path, &sound).unwrap();
    };
    let wrong = "REPOSITORY_FILE_WRONG";
    damage(
        &metadata(&repository, "primary.xml.gz"),
        wrong,
        "the list of packages",
    );
    damage(
        &metadata(&repository, "filelists.xml.gz"),
        wrong,
        "metadata that are not read",
    );
    damage(&repository.join("one-1-1.noarch.rpm"), wrong, "a package");
    assert_eq!(listed(&repository).len(), 3);
    let package = repository.join("sub/two-1-1.noarch.rpm");
    fs::rename(&package, directory.join("away")).unwrap();
    assert_eq!(code_of(&repository), "REPOSITORY_FILE_MISSING");
    let mut going = options();
    going.keep_going = true;
    let extraction = extracted(&repository, &going).unwrap();
    assert_eq!(lines(&extraction).len(), 2);
    let omitted = &extraction.sources[0].omitted;
    assert_eq!(omitted.len(), 1);
    assert!(
        omitted[0].to_string().starts_with("sub/two-1-1.noarch.rpm: "),
        "{}",
        omitted[0]
    );
    fs::rename(directory.join("away"), &package).unwrap();
    fs::remove_file(metadata(&repository, "other.xml.gz")).unwrap();
    assert_eq!(
        listed(&repository).len(),
        3,
        "metadata that are not read may be missing"
    );
    fs::remove_file(metadata(&repository, "primary.xml.gz")).unwrap();
    assert_eq!(code_of(&repository), "REPOSITORY_FILE_MISSING");
}

#[test]
fn what_is_missing_is_the_list_of_packages_and_then_the_packages() {
    let Some(workshop) = workshop() else { return };
    let directory = workshop.path();
    let mirror = directory.join("mirror");
    fs::create_dir_all(mirror.join("repodata")).unwrap();
    fs::copy(
        directory.join("repo/repodata/repomd.xml"),
        mirror.join("repodata/repomd.xml"),
    )
    .unwrap();
    let missing = || missing_of_repository(&mirror, &Limits::default(), &Control::default()).unwrap();
    let primary = missing();
    assert_eq!(primary.len(), 1);
    let size = fs::metadata(directory.join("repo").join(&primary[0].path))
        .unwrap()
        .len();
    assert_eq!(primary[0].size_bytes, Some(size));
    let copy = |path: &str| {
        let to = mirror.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(directory.join("repo").join(path), to).unwrap();
    };
    copy(&primary[0].path);
    let packages: Vec<String> = missing().into_iter().map(|file| file.path).collect();
    assert_eq!(
        packages,
        [
            "one-1-1.noarch.rpm",
            "one-2-1.noarch.rpm",
            "sub/two-1-1.noarch.rpm"
        ]
    );
    packages.iter().for_each(|path| copy(path));
    assert_eq!(missing(), []);
    assert_eq!(listed(&mirror), of_packages(directory));
}

#[test]
fn an_index_that_leads_out_or_says_things_twice_is_refused() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("repodata")).unwrap();
    let sum = "0".repeat(64);
    let data = |inside: &str| format!("<repomd><data type=\"primary\">{inside}</data></repomd>");
    let checksum = format!("<checksum type=\"sha256\">{sum}</checksum>");
    for (why, text) in [
        ("nothing", String::new()),
        ("something else", "<other/>".to_owned()),
        ("no primary", "<repomd/>".to_owned()),
        ("no location", data(&checksum)),
        ("no checksum", data("<location href=\"x\"/>")),
        ("upwards", data(&format!("{checksum}<location href=\"../x\"/>"))),
        (
            "absolute",
            data(&format!("{checksum}<location href=\"/etc/passwd\"/>")),
        ),
        (
            "elsewhere",
            data(&format!("{checksum}<location xml:base=\"http://x\" href=\"x\"/>")),
        ),
        (
            "two locations",
            data(&format!("{checksum}<location href=\"x\"/><location href=\"y\"/>")),
        ),
        (
            "two checksums",
            data(&format!("{checksum}{checksum}<location href=\"x\"/>")),
        ),
        (
            "a short checksum",
            data("<checksum type=\"sha256\">00</checksum><location href=\"x\"/>"),
        ),
        (
            "an unknown checksum",
            data("<checksum type=\"crc\">00</checksum><location href=\"x\"/>"),
        ),
    ] {
        fs::write(directory.path().join("repodata/repomd.xml"), text).unwrap();
        assert_eq!(code_of(directory.path()), "REPOSITORY_MALFORMED", "{why}");
    }
}
