//! What a layer does to those below it.

use super::*;

/// Ours of an image with these layers, and what umoci makes of it.
fn both(layers: &[Vec<Made>]) -> (Lines, Lines) {
    let layout = Layout::new();
    let layers: Vec<Vec<u8>> = layers.iter().map(|members| archive(members)).collect();
    layout.holds(&[named(&layout.image("amd64", &layers), "it")]);
    (layout.listed(), unpacked(layout.directory.path()))
}

fn lower() -> Vec<Made> {
    vec![
        Made::directory("d/"),
        Made::file("d/a", "lower a"),
        Made::file("d/b", "lower b"),
        Made::directory("d/sub/"),
        Made::file("d/sub/c", "lower c"),
        Made::file("e", "lower e"),
        Made::file("keep", "kept"),
    ]
}

#[test]
fn layers_hide_and_replace_what_is_below_as_umoci_says() {
    if !["umoci", "sha256sum"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let whiteout = |path: &str| Made::file(path, "");
    let rows: Vec<(&str, Vec<Made>)> = vec![
        ("nothing", vec![]),
        ("a file over a file", vec![Made::file("d/a", "upper")]),
        ("a file hidden", vec![whiteout("d/.wh.a")]),
        ("a file hidden at the top", vec![whiteout(".wh.e")]),
        ("a directory hidden", vec![whiteout(".wh.d")]),
        ("what is not there hidden", vec![whiteout("d/.wh.nothing")]),
        (
            "hidden, then made anew",
            vec![whiteout("d/.wh.a"), Made::file("d/a", "new")],
        ),
        (
            "a directory hidden, then made anew",
            vec![whiteout(".wh.d"), Made::directory("d/"), Made::file("d/new", "1")],
        ),
        (
            "opaque, before the names of its layer",
            vec![
                Made::directory("d/"),
                whiteout("d/.wh..wh..opq"),
                Made::file("d/new", "1"),
                Made::file("d/a", "upper"),
            ],
        ),
        (
            "opaque, behind the names of its layer",
            vec![
                Made::directory("d/"),
                Made::file("d/a", "upper"),
                Made::directory("d/sub/"),
                Made::file("d/sub/new", "1"),
                whiteout("d/.wh..wh..opq"),
            ],
        ),
        (
            "opaque at the top",
            vec![Made::file("only", "1"), whiteout(".wh..wh..opq")],
        ),
        ("a file over a directory", vec![Made::file("d", "now a file")]),
        (
            "a directory over a file",
            vec![Made::directory("e/"), Made::file("e/x", "1")],
        ),
        ("a link over a directory", vec![Made::link(b'2', "d", "keep")]),
        (
            "a directory again keeps what is in it",
            vec![Made::directory("d/"), Made::file("d/new", "1")],
        ),
        (
            "a hard link to a layer below",
            vec![Made::link(b'1', "d/linked", "d/a")],
        ),
        (
            "a hard link to a layer below stays when its target is replaced",
            vec![Made::link(b'1', "d/linked", "d/a"), Made::file("d/a", "upper")],
        ),
        (
            "a hard link survives that its directory is opaque",
            vec![
                Made::directory("d/"),
                Made::link(b'1', "d/linked", "keep"),
                whiteout("d/.wh..wh..opq"),
            ],
        ),
    ];
    for (why, upper) in rows {
        let (ours, theirs) = both(&[lower(), upper]);
        assert!(!ours.is_empty(), "{why}");
        assert_eq!(ours, theirs, "{why}");
    }
}

#[test]
fn three_layers_hide_make_and_hide_again() {
    if !["umoci", "sha256sum"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let layers = [
        lower(),
        vec![
            Made::file(".wh.d", ""),
            Made::directory("d/"),
            Made::file("d/second", "2"),
        ],
        vec![
            Made::directory("d/"),
            Made::file("d/.wh.second", ""),
            Made::file("d/third", "3"),
            Made::file("keep", "by the third"),
        ],
    ];
    let (ours, theirs) = both(&layers);
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 3);
}

#[test]
fn a_name_below_a_link_lands_where_the_link_leads() {
    if !["umoci", "sha256sum"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let base = vec![
        Made::directory("usr/lib/"),
        Made::file("usr/lib/old", "1"),
        Made::file("usr/lib/gone", "1"),
        Made::link(b'2', "lib", "usr/lib"),
        Made::link(b'2', "lib64", "/usr/lib"),
    ];
    let upper = vec![
        Made::file("lib/new", "2"),
        Made::file("lib64/newer", "3"),
        Made::file("lib/.wh.gone", ""),
    ];
    let (ours, theirs) = both(&[base, upper]);
    assert_eq!(ours, theirs);
    let names: Vec<&[u8]> = ours.iter().map(|line| &line[66..]).collect();
    for name in [&b"/usr/lib/old"[..], b"/usr/lib/new", b"/usr/lib/newer"] {
        assert!(names.contains(&name));
    }
    assert_eq!(names.len(), 3);
}

#[test]
fn gnu_tar_makes_the_layers_as_well() {
    if !["tar", "umoci", "sha256sum"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let layout = Layout::new();
    let directory = layout.directory.path();
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lower/etc/a", "lower");
    write("lower/etc/b", "lower");
    write("lower/opt/x/y", "lower");
    write("upper/etc/.wh.a", "");
    write("upper/opt/x/z", "upper");
    write("upper/opt/x/.wh..wh..opq", "");
    fs::hard_link(directory.join("upper/opt/x/z"), directory.join("upper/opt/z")).unwrap();
    let layers = ["lower", "upper"].map(|name| run(directory, &format!("tar -c -C {name} .")));
    layout.holds(&[named(&layout.image("amd64", &layers), "it")]);
    assert_eq!(layout.listed(), unpacked(directory));
    assert_eq!(layout.listed().len(), 3);
}

#[test]
fn whiteouts_that_programs_read_differently_are_refused() {
    let rows: Vec<(&str, Vec<Made>)> = vec![
        (
            "a name and its whiteout",
            vec![Made::file("d/a", "1"), Made::file("d/.wh.a", "")],
        ),
        (
            "a directory with something new, and its whiteout",
            vec![Made::file("d/new", "1"), Made::file(".wh.d", "")],
        ),
        ("a directory", vec![Made::directory("d/.wh.a")]),
        ("a link", vec![Made::link(b'2', "d/.wh.a", "x")]),
        ("of nothing", vec![Made::file("d/.wh.", "")]),
        ("of the directory itself", vec![Made::file("d/.wh..", "")]),
        ("of the directory above", vec![Made::file("d/.wh...", "")]),
        ("of AUFS", vec![Made::file(".wh..wh.plnk", "")]),
        ("something in a whiteout", vec![Made::file(".wh.d/x", "1")]),
    ];
    for (why, upper) in rows {
        let layout = Layout::new();
        layout.holds(&[layout.image("amd64", &[archive(&lower()), archive(&upper)])]);
        assert_eq!(layout.code(), "TAR_AMBIGUOUS", "{why}");
    }
    let layout = Layout::new();
    let upper = [Made::file("e/.wh.x", "")];
    layout.holds(&[layout.image("amd64", &[archive(&lower()), archive(&upper)])]);
    assert_eq!(layout.code(), "TAR_PATH_BLOCKED", "below a file");
}

#[test]
fn in_an_archive_that_is_no_layer_a_whiteout_is_a_file_like_any_other() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    fs::write(
        &path,
        archive(&[Made::file("d/a", "1"), Made::file("d/.wh.a", "")]),
    )
    .unwrap();
    assert_eq!(listed(&path).len(), 2);
}

#[test]
fn what_a_layer_replaces_is_noted_only_within_the_layer() {
    let layout = Layout::new();
    let twice = archive(&[Made::file("a", "2"), Made::file("a", "3")]);
    layout.holds(&[layout.image("amd64", &[layer("a", "1"), twice])]);
    let extraction = extracted(&layout.path(), &options()).unwrap();
    let notes = &extraction.sources[0].notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].code, "DUPLICATE_PATH");
    assert!(notes[0].text.starts_with("layer 2: "), "{}", notes[0].text);
}
