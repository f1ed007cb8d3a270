//! Which of several images is read.

use super::*;
use crate::image::oci::Platform;

/// Options that ask for an image.
fn asking(image: Option<&str>, platform: Option<&str>) -> ExtractOptions {
    let mut options = options();
    options.selection.image = image.map(str::to_owned);
    options.selection.platform = platform.map(|platform| Platform::parse(platform).unwrap());
    options
}

fn names(layout: &Layout, options: &ExtractOptions) -> Vec<String> {
    let extraction = extracted(&layout.path(), options).unwrap();
    let lines = lines(&extraction);
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(&line[66..]).into_owned())
        .collect()
}

/// Images for three platforms in one index.
fn platforms(layout: &Layout) -> Value {
    let images = ["amd64", "arm64", "riscv64"].map(|architecture| {
        let image = layout.image(architecture, &[layer(architecture, "1")]);
        for_platform(&image, architecture)
    });
    layout.index(&images)
}

#[test]
fn of_several_platforms_the_one_that_is_asked_for_or_this_machines_is_read() {
    let layout = Layout::new();
    let index = platforms(&layout);
    layout.holds(&[named(&index, "it")]);
    for platform in ["linux/amd64", "linux/arm64", "linux/arm64/v8", "linux/riscv64"] {
        let architecture = platform.split('/').nth(1).unwrap();
        let found = names(&layout, &asking(None, Some(platform)));
        assert_eq!(found, [format!("/{architecture}")], "{platform}");
    }
    let machine = Platform::of_this_machine().to_string();
    let machine = machine.split('/').nth(1).unwrap();
    assert_eq!(names(&layout, &options()), [format!("/{machine}")]);
    let extraction = extracted(&layout.path(), &options()).unwrap();
    assert_eq!(extraction.sources[0].notes[0].code, "PLATFORM_CHOSEN");
    for platform in ["linux/s390x", "windows/amd64", "linux/amd64/v3"] {
        let code = code_of(&layout.path(), &asking(None, Some(platform)));
        assert_eq!(code, "OCI_PLATFORM_MISSING", "{platform}");
    }
}

#[test]
fn a_platform_that_no_descriptor_states_is_read_from_the_configuration() {
    let layout = Layout::new();
    let images = ["amd64", "arm64"].map(|name| layout.image(name, &[layer(name, "1")]));
    layout.holds(&images);
    assert_eq!(names(&layout, &asking(None, Some("linux/arm64"))), ["/arm64"]);
    layout.holds(&images[..1]);
    assert_eq!(names(&layout, &options()), ["/amd64"], "the only one");
    let other = asking(None, Some("linux/arm64"));
    assert_eq!(code_of(&layout.path(), &other), "OCI_PLATFORM_MISSING");
}

#[test]
fn images_of_different_names_are_chosen_by_name_or_digest() {
    let layout = Layout::new();
    let one = layout.image("amd64", &[layer("one", "1")]);
    let two = layout.image("amd64", &[layer("two", "2")]);
    layout.holds(&[named(&one, "v1"), named(&two, "v2"), named(&two, "latest")]);
    assert_eq!(layout.code(), "OCI_IMAGE_AMBIGUOUS");
    assert_eq!(names(&layout, &asking(Some("v1"), None)), ["/one"]);
    assert_eq!(names(&layout, &asking(Some("v2"), None)), ["/two"]);
    assert_eq!(names(&layout, &asking(Some("latest"), None)), ["/two"]);
    assert_eq!(names(&layout, &asking(two["digest"].as_str(), None)), ["/two"]);
    let missing = asking(Some("v3"), None);
    assert_eq!(code_of(&layout.path(), &missing), "OCI_IMAGE_MISSING");
    let both = asking(None, Some("linux/amd64"));
    assert_eq!(code_of(&layout.path(), &both), "OCI_IMAGE_AMBIGUOUS");
    let error = extracted(&layout.path(), &options()).unwrap_err().to_string();
    assert!(
        error.contains("v1 (linux/amd64), latest v2 (linux/amd64)"),
        "{error}"
    );
}

#[test]
fn an_index_among_named_images_is_one_image_of_several_platforms() {
    let layout = Layout::new();
    let index = platforms(&layout);
    let other = layout.image("amd64", &[layer("other", "1")]);
    layout.holds(&[named(&index, "many"), named(&other, "one")]);
    let options = asking(Some("many"), Some("linux/riscv64"));
    assert_eq!(names(&layout, &options), ["/riscv64"]);
}

#[test]
fn attestations_beside_an_image_are_no_images() {
    let layout = Layout::new();
    let image = for_platform(&layout.image("amd64", &[layer("f", "1")]), "amd64");
    let said = layout.manifest(&layout.json(CONFIG, &json!({"rootfs": {}})), &[]);
    let said = with(
        &with(
            &said,
            "platform",
            json!({"os": "unknown", "architecture": "unknown"}),
        ),
        "annotations",
        json!({"vnd.docker.reference.type": "attestation-manifest"}),
    );
    layout.holds(&[named(&layout.index(&[image, said]), "it")]);
    assert_eq!(names(&layout, &options()), ["/f"]);
}

#[test]
fn a_choice_where_there_is_none_is_said() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    fs::write(&path, layer("etc/a", "1")).unwrap();
    let extraction = extracted(&path, &asking(Some("it"), Some("linux/amd64"))).unwrap();
    let codes: Vec<_> = extraction.sources[0].notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["PLATFORM_UNMET", "IMAGE_UNMET"]);
}
