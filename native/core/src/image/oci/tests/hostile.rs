//! Images that were damaged, or made to deceive.

use std::io::Write as _;

use super::*;
use crate::testing::flips;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layout with one layer, its manifest changed.
fn changed(change: impl FnOnce(&Layout, &mut Value)) -> Layout {
    let layout = Layout::new();
    let layer = layer("f", "1");
    let mut manifest = json!({
        "schemaVersion": 2,
        "config": layout.config("amd64", &[sha256(&layer)]),
        "layers": [layout.blob(LAYER, &layer)],
    });
    change(&layout, &mut manifest);
    layout.holds(&[layout.json(MANIFEST, &manifest)]);
    layout
}

#[test]
fn what_a_manifest_states_wrongly_is_found() {
    assert_eq!(changed(|_, _| ()).listed().len(), 1);
    type Change = fn(&Layout, &mut Value);
    let rows: [(&str, &str, Change); 16] = [
        ("a larger size", "OCI_BLOB_SIZE_WRONG", |_, manifest| {
            manifest["layers"][0]["size"] = json!(9999)
        }),
        ("a negative size", "OCI_DOCUMENT_MALFORMED", |_, manifest| {
            manifest["layers"][0]["size"] = json!(-1)
        }),
        ("no size", "OCI_DOCUMENT_MALFORMED", |_, manifest| {
            manifest["layers"][0]["size"] = json!(null)
        }),
        ("another layer", "OCI_BLOB_MISSING", |_, manifest| {
            manifest["layers"][0]["digest"] = json!(sha256(b"x"))
        }),
        ("a path for a digest", "OCI_DIGEST_MALFORMED", |_, manifest| {
            manifest["layers"][0]["digest"] = json!("sha256:../../oci-layout");
        }),
        ("an unknown algorithm", "OCI_DIGEST_MALFORMED", |_, manifest| {
            manifest["layers"][0]["digest"] = json!("md5:00112233445566778899aabbccddeeff");
        }),
        ("another diff_id", "OCI_DIFF_ID_MISMATCH", |layout, manifest| {
            manifest["config"] = layout.config("amd64", &[sha256(b"other")]);
        }),
        (
            "a diff_id that is none",
            "OCI_DIGEST_MALFORMED",
            |layout, manifest| {
                manifest["config"] = layout.config("amd64", &["sha256:1".to_owned()]);
            },
        ),
        ("more diff_ids", "OCI_LAYER_COUNT_WRONG", |layout, manifest| {
            manifest["config"] = layout.config("amd64", &[sha256(b"1"), sha256(b"2")]);
        }),
        ("no layers", "OCI_LAYER_COUNT_WRONG", |_, manifest| {
            manifest["layers"] = json!(null)
        }),
        ("an encrypted layer", "OCI_MEDIA_TYPE_REFUSED", |_, manifest| {
            manifest["layers"][0]["mediaType"] =
                json!("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
        }),
        ("a foreign layer", "OCI_MEDIA_TYPE_REFUSED", |_, manifest| {
            manifest["layers"][0]["mediaType"] =
                json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        }),
        ("an artefact", "OCI_MEDIA_TYPE_REFUSED", |_, manifest| {
            manifest["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json");
        }),
        ("an index as well", "OCI_DOCUMENT_AMBIGUOUS", |_, manifest| {
            manifest["manifests"] = json!([])
        }),
        (
            "a second list of layers",
            "OCI_DOCUMENT_AMBIGUOUS",
            |_, manifest| manifest["Layers"] = json!([]),
        ),
        ("a second digest", "OCI_DOCUMENT_AMBIGUOUS", |_, manifest| {
            manifest["layers"][0]["Digest"] = json!(sha256(b"x"));
        }),
    ];
    for (why, expected, change) in rows {
        let layout = changed(change);
        assert_eq!(code_of(&layout.path(), &options()), expected, "{why}");
    }
}

#[test]
fn a_bit_of_a_blob_that_is_flipped_is_found_and_so_is_a_cut() {
    let layout = Layout::new();
    let packed = gzip(&layer("f", "1"));
    let config = layout.config("amd64", &[sha256(&layer("f", "1"))]);
    let packed_at = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &packed);
    let manifest = layout.manifest(&config, std::slice::from_ref(&packed_at));
    layout.holds(std::slice::from_ref(&manifest));
    assert_eq!(layout.listed().len(), 1);
    for blob in [&config, &packed_at, &manifest] {
        let place = layout.place(blob["digest"].as_str().unwrap());
        let bytes = fs::read(&place).unwrap();
        for flipped in flips(&bytes).step_by(13) {
            fs::write(&place, flipped).unwrap();
            assert_eq!(layout.code(), "OCI_DIGEST_MISMATCH");
        }
        for len in (0..bytes.len()).step_by(7) {
            fs::write(&place, &bytes[..len]).unwrap();
            assert_eq!(layout.code(), "OCI_BLOB_SIZE_WRONG", "{len}");
        }
        fs::write(&place, &bytes).unwrap();
    }
}

#[test]
fn a_layer_that_cannot_be_unpacked_is_named() {
    let tar = layer("f", "1");
    let rows: Vec<(&str, &str, Vec<u8>)> = vec![
        ("cut", "TAR_TRUNCATED", tar[..512].to_vec()),
        ("no archive", "TAR_CHECKSUM_WRONG", vec![b'x'; 1024]),
        ("cut gzip", "TAR_STREAM_TRUNCATED", gzip(&tar)[..40].to_vec()),
        ("leading upwards", "TAR_NAME_REFUSED", layer("../f", "1")),
    ];
    for (why, expected, bytes) in rows {
        let layout = Layout::new();
        layout.holds(&[layout.image("amd64", &[layer("a", "1"), bytes])]);
        let error = extracted(&layout.path(), &options()).unwrap_err();
        assert_eq!(error.code(), expected, "{why}");
        assert!(error.to_string().starts_with("layer 2, sha256:"), "{error}");
    }
    if !has_tool("xz") {
        return;
    }
    let layout = Layout::new();
    fs::write(layout.directory.path().join("tar"), &tar).unwrap();
    let xz = run(layout.directory.path(), "xz -c tar");
    layout.holds(&[layout.image("amd64", &[xz])]);
    assert_eq!(layout.code(), "OCI_COMPRESSION_REFUSED");
}

#[test]
fn a_bomb_is_stopped_by_the_sum_of_all_layers() {
    let layout = Layout::new();
    let zeros = archive(&[Made::new(b'0', "zeros", &vec![0; 1 << 20])]);
    let packed = gzip(&zeros);
    let layers = vec![layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &packed); 4];
    let config = layout.config("amd64", &vec![sha256(&zeros); 4]);
    layout.holds(&[layout.manifest(&config, &layers)]);
    let mut options = options();
    options.limits.max_unpacked_bytes = 5 << 20;
    assert_eq!(lines(&extracted(&layout.path(), &options).unwrap()).len(), 1);
    options.limits.max_unpacked_bytes = 3 << 20;
    assert_eq!(code_of(&layout.path(), &options), "TAR_TOO_LARGE");
    options.limits.max_files = 3;
    options.limits.max_unpacked_bytes = 5 << 20;
    assert_eq!(code_of(&layout.path(), &options), "TOO_MANY_FILES");
}

#[test]
fn indexes_are_followed_only_so_deep_and_so_many() {
    let layout = Layout::new();
    let mut nested = layout.image("amd64", &[layer("f", "1")]);
    for _ in 0..8 {
        nested = layout.index(&[nested]);
    }
    layout.holds(&[nested.clone()]);
    assert_eq!(layout.listed().len(), 1);
    layout.holds(&[layout.index(&[nested])]);
    assert_eq!(layout.code(), "OCI_TOO_DEEP");
    let index = layout.index(&[]);
    layout.holds(&vec![index; 1_001]);
    assert_eq!(layout.code(), "OCI_TOO_MANY_DOCUMENTS");
    layout.holds(&[]);
    assert_eq!(layout.code(), "OCI_NOTHING");
    layout.holds(&[layout.blob("text/plain", b"x")]);
    assert_eq!(layout.code(), "OCI_MEDIA_TYPE_REFUSED");
}

#[test]
fn documents_are_what_they_should_be() {
    let layout = Layout::new();
    layout.holds(&[layout.image("amd64", &[layer("f", "1")])]);
    for (name, bytes, expected) in [
        ("index.json", &b"{"[..], "OCI_DOCUMENT_MALFORMED"),
        ("index.json", b"[]", "OCI_DOCUMENT_MALFORMED"),
        (
            "index.json",
            b"{\"manifests\":[],\"manifests\":[]}",
            "OCI_DOCUMENT_MALFORMED",
        ),
        (
            "index.json",
            b"{\"manifests\":[],\"layers\":[]}",
            "OCI_DOCUMENT_AMBIGUOUS",
        ),
        ("index.json", &vec![b' '; (4 << 20) + 1], "OCI_DOCUMENT_TOO_LARGE"),
        (
            "index.json",
            "[".repeat(100_000).as_bytes(),
            "OCI_DOCUMENT_MALFORMED",
        ),
        (
            "oci-layout",
            b"{\"imageLayoutVersion\":\"2.0.0\"}",
            "OCI_LAYOUT_UNSUPPORTED",
        ),
    ] {
        let sound = fs::read(layout.path().join(name)).unwrap();
        layout.write(name, bytes);
        assert_eq!(layout.code(), expected, "{name}");
        layout.write(name, &sound);
    }
    assert_eq!(layout.listed().len(), 1);
}

#[test]
fn a_layout_that_has_lost_a_file_is_no_root_of_a_filesystem() {
    for name in ["oci-layout", "index.json"] {
        let layout = Layout::new();
        layout.holds(&[layout.image("amd64", &[layer("f", "1")])]);
        let tar = |file: &str| run(layout.directory.path(), &format!("tar -cf {file} -C layout ."));
        assert_eq!(layout.listed().len(), 1);
        fs::remove_file(layout.path().join(name)).unwrap();
        assert_eq!(layout.code(), "OCI_BLOB_MISSING", "{name}");
        tar("archive");
        let archive = layout.directory.path().join("archive");
        assert_eq!(code_of(&archive, &options()), "OCI_BLOB_MISSING", "{name}");
        // With the directories of a machine it is one, whatever else lies there.
        fs::create_dir(layout.path().join("etc")).unwrap();
        fs::write(layout.path().join("etc/hostname"), "x").unwrap();
        assert!(!layout.listed().is_empty(), "{name}");
    }
}

#[test]
fn an_archive_of_an_image_must_say_each_thing_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    let tar = layer("f", "1");
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [sha256(&tar)]}}).to_string();
    let list = |config: &str, layer: &str| json!([{"Config": config, "Layers": [layer]}]).to_string();
    let data = |name: &str, bytes: &[u8]| Made::new(b'0', name, bytes);
    let listing = |config: &str, layer: &str| data("manifest.json", list(config, layer).as_bytes());
    let rows: Vec<(&str, &str, Vec<Made>)> = vec![
        (
            "two lists",
            "OCI_BLOB_UNCLEAR",
            vec![
                listing("c", "l"),
                data("c", config.as_bytes()),
                data("l", &tar),
                listing("c", "m"),
            ],
        ),
        (
            "two layers of one name",
            "OCI_BLOB_UNCLEAR",
            vec![
                listing("c", "l"),
                data("c", config.as_bytes()),
                data("l", &tar),
                data("l", &tar),
            ],
        ),
        (
            "a link in a circle",
            "OCI_BLOB_UNCLEAR",
            vec![
                listing("c", "l"),
                data("c", config.as_bytes()),
                Made::link(b'2', "l", "l"),
            ],
        ),
        (
            "a link that leads out",
            "OCI_BLOB_MISSING",
            vec![
                listing("c", "l"),
                data("c", config.as_bytes()),
                Made::link(b'2', "l", "../../l"),
            ],
        ),
        (
            "a path that leads out",
            "OCI_BLOB_MISSING",
            vec![
                listing("../c", "l"),
                data("c", config.as_bytes()),
                data("l", &tar),
            ],
        ),
        (
            "a configuration that is not called by its digest",
            "OCI_DIGEST_MISMATCH",
            vec![
                listing(&format!("{}.json", "a".repeat(64)), "l"),
                data(&format!("{}.json", "a".repeat(64)), config.as_bytes()),
                data("l", &tar),
            ],
        ),
        (
            "another layer",
            "OCI_DIFF_ID_MISMATCH",
            vec![
                listing("c", "l"),
                data("c", config.as_bytes()),
                data("l", &layer("f", "2")),
            ],
        ),
    ];
    for (why, expected, members) in rows {
        fs::write(&path, archive(&members)).unwrap();
        assert_eq!(code_of(&path, &options()), expected, "{why}");
    }
    let sound = archive(&[listing("c", "l"), data("c", config.as_bytes()), data("l", &tar)]);
    fs::write(&path, &sound).unwrap();
    assert_eq!(listed(&path).len(), 1);
    for len in (1..sound.len() - 512).step_by(97) {
        fs::write(&path, &sound[..len]).unwrap();
        assert!(extracted(&path, &options()).is_err(), "{len}");
    }
}
