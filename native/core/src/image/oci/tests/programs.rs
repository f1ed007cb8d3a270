//! Images as programs make them.

use std::os::unix::fs::symlink;

use super::*;

/// A layout that umoci made, with two layers over the first.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    if !["umoci", "sha256sum"]
        .iter()
        .chain(tools)
        .all(|tool| has_tool(tool))
    {
        return None;
    }
    let workshop = TempDir::new().unwrap();
    let directory = workshop.path();
    let root = directory.join("base");
    for path in ["etc", "usr/bin", "usr/lib/deep/er"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("etc/removed"), b"removed").unwrap();
    fs::write(root.join("etc/changed"), b"old").unwrap();
    fs::write(root.join("usr/bin/large"), vec![b'x'; 3 << 20]).unwrap();
    fs::write(root.join("usr/lib/deep/er/file"), b"deep").unwrap();
    fs::hard_link(root.join("etc/changed"), root.join("usr/lib/linked")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    run(directory, "umoci init --layout layout");
    run(directory, "umoci new --image layout:it");
    run(directory, "umoci insert --rootless --image layout:it base /");
    run(directory, "umoci unpack --rootless --image layout:it work");
    let root = directory.join("work/rootfs");
    fs::remove_file(root.join("etc/removed")).unwrap();
    fs::write(root.join("etc/changed"), b"new").unwrap();
    fs::remove_dir_all(root.join("usr/lib/deep")).unwrap();
    fs::create_dir(root.join("usr/lib/deep")).unwrap();
    fs::write(root.join("usr/lib/deep/anew"), b"anew").unwrap();
    run(directory, "umoci repack --image layout:it work");
    fs::create_dir_all(directory.join("opaque")).unwrap();
    fs::write(directory.join("opaque/only"), b"only").unwrap();
    run(
        directory,
        "umoci insert --rootless --opaque --image layout:it opaque /usr/lib/deep",
    );
    Some(workshop)
}

#[test]
fn umoci_makes_layers_and_we_list_what_it_unpacks() {
    let Some(workshop) = workshop(&[]) else { return };
    let expected = unpacked(workshop.path());
    assert_eq!(listed(&workshop.path().join("layout")), expected);
    let names: Vec<_> = expected.iter().map(|line| line[66..].to_vec()).collect();
    assert!(names.contains(&b"/usr/lib/deep/only".to_vec()));
    assert!(!names.contains(&b"/etc/removed".to_vec()));
}

#[test]
fn skopeo_copies_into_every_form_and_the_list_stays() {
    let Some(workshop) = workshop(&["skopeo", "gzip", "zstd"]) else {
        return;
    };
    let directory = workshop.path();
    let expected = unpacked(directory);
    let copy = |to: &str| {
        let line = format!("skopeo --insecure-policy copy -q oci:layout:it {to}");
        run(directory, &line);
    };
    copy("oci-archive:archive.tar:it");
    copy("docker-archive:docker.tar:name:tag");
    copy("oci:gzip --dest-compress-format gzip");
    copy("oci:zstd --dest-compress-format zstd --dest-compress");
    copy("dir:directory");
    for name in ["archive.tar", "docker.tar", "gzip", "zstd"] {
        assert_eq!(listed(&directory.join(name)), expected, "{name}");
    }
    for (line, name) in [
        ("gzip -k docker.tar", "docker.tar.gz"),
        ("zstd -q archive.tar", "archive.tar.zst"),
    ] {
        run(directory, line);
        assert_eq!(listed(&directory.join(name)), expected, "{name}");
    }
    let code = code_of(&directory.join("directory"), &options());
    assert_eq!(code, "CONTAINER_IMAGE");
}

#[test]
fn what_docker_saves_is_read_in_its_old_and_in_its_new_form() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("saved.tar");
    let layers = [layer("etc/a", "1"), layer("etc/b", "2")];
    let diff_ids = layers.iter().map(|layer| sha256(layer)).collect::<Vec<_>>();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = config.to_string();
    let (id, v1) = (sha256(config.as_bytes())[7..].to_owned(), "0".repeat(64));
    let data = |name: &str, bytes: &[u8]| Made::new(b'0', name, bytes);
    // Version 24 and before: a link for a layer that is there already.
    let list = json!([{"Config": format!("{id}.json"), "RepoTags": ["it:latest"],
        "Layers": [format!("{v1}/layer.tar"), "1/layer.tar"]}]);
    let members = [
        Made::directory(&format!("{v1}/")),
        data(&format!("{v1}/VERSION"), b"1.0"),
        data(&format!("{v1}/layer.tar"), &layers[0]),
        Made::directory("1/"),
        data("2/layer.tar", &layers[1]),
        Made::link(b'2', "1/layer.tar", "../2/layer.tar"),
        data(&format!("{id}.json"), config.as_bytes()),
        data("manifest.json", list.to_string().as_bytes()),
        data("repositories", b"{}"),
    ];
    fs::write(&path, archive(&members)).unwrap();
    let expected = listed(&path);
    assert_eq!(expected.len(), 2);
    // From version 25 on the same list names blobs of a layout.
    let layout = Layout::new();
    let image = layout.image("amd64", &layers);
    layout.holds(&[with(
        &image,
        "annotations",
        json!({"io.containerd.image.name": "docker.io/library/it:latest"}),
    )]);
    let blobs: Vec<String> = layers
        .iter()
        .map(|layer| format!("blobs/{}", sha256(layer).replace(':', "/")))
        .collect();
    let list = json!([{"Config": format!("blobs/sha256/{id}"), "RepoTags": ["it:latest"], "Layers": blobs}]);
    layout.write("manifest.json", list.to_string().as_bytes());
    layout.write(&format!("blobs/sha256/{id}"), config.as_bytes());
    run(
        layout.directory.path(),
        "tar -cf new.tar -C layout blobs index.json manifest.json oci-layout",
    );
    assert_eq!(listed(&layout.directory.path().join("new.tar")), expected);
    run(
        layout.directory.path(),
        "tar -cf list.tar -C layout blobs manifest.json",
    );
    assert_eq!(listed(&layout.directory.path().join("list.tar")), expected);
}

#[test]
fn an_image_beside_a_root_filesystem_is_refused() {
    let layout = Layout::new();
    layout.holds(&[layout.image("amd64", &[layer("a", "1")])]);
    let directory = layout.directory.path();
    fs::create_dir_all(directory.join("root/etc")).unwrap();
    fs::write(directory.join("root/etc/passwd"), b"lost otherwise").unwrap();
    for order in ["-C layout . -C ../root etc", "-C root etc -C ../layout ."] {
        run(directory, &format!("tar -cf both.tar {order}"));
        run(directory, "gzip -kf both.tar");
        for name in ["both.tar", "both.tar.gz"] {
            assert_eq!(
                code_of(&directory.join(name), &options()),
                "TAR_CONTAINER_IMAGE",
                "{order}"
            );
        }
    }
}

#[test]
fn inspect_shows_index_manifest_and_layers() {
    let layout = Layout::new();
    let image = layout.image("amd64", &[layer("a", "1"), layer("b", "2")]);
    layout.holds(std::slice::from_ref(&image));
    let extraction = extracted(&layout.path(), &options()).unwrap();
    let shown = extraction.sources[0].to_json();
    assert_eq!(shown["layer"]["kind"], "oci layout");
    let inside = &shown["layer"]["layers"][0];
    assert_eq!(inside["facts"]["digest"], image["digest"]);
    assert_eq!(inside["facts"]["platform"], "linux/amd64");
    let digests: Vec<&Value> = (0..2)
        .map(|at| &inside["layers"][at]["facts"]["digest"])
        .collect();
    assert_eq!(
        digests,
        [&json!(sha256(&layer("a", "1"))), &json!(sha256(&layer("b", "2")))]
    );
}
