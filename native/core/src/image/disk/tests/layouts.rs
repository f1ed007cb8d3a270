//! Partition tables, and which partition is what.

use std::io::{Read as _, Seek as _, Write as _};

use super::*;

pub(super) const MIB: u64 = 1 << 20;

/// Makes a disk of 200 MiB with a table by sfdisk's script, and puts files into it at offsets.
pub(super) fn disk(directory: &Path, script: &str, parts: &[(&str, u64)]) {
    let mut disk = fs::File::create(directory.join("disk")).unwrap();
    disk.set_len(200 * MIB).unwrap();
    fs::write(directory.join("script"), script).unwrap();
    let script = fs::File::open(directory.join("script")).unwrap();
    let made = std::process::Command::new("sfdisk")
        .args(["-q", "disk"])
        .stdin(script)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (part, at) in parts {
        let mut bytes = Vec::new();
        fs::File::open(directory.join(part))
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        disk.seek(std::io::SeekFrom::Start(*at)).unwrap();
        disk.write_all(&bytes).unwrap();
    }
}

/// A second filesystem, with one file.
fn other(directory: &Path, name: &str, label: &str, file: &str) {
    let root = directory.join(format!("{name}.d"));
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join(file), name).unwrap();
    run(directory, &format!("truncate -s 16M {name}"));
    run(
        directory,
        &format!("mke2fs -q -F -t ext4 -L {label} -d {name}.d {name}"),
    );
}

fn with_partition(number: u32) -> ExtractOptions {
    let mut options = options();
    options.selection.partition = Some(number.to_string());
    options
}

#[test]
fn the_root_is_found_in_every_table() {
    let Some(workshop) = workshop(&["mke2fs", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "rootfs", "64M", "-t ext4");
    other(directory, "second", "data", "file");
    let expected = expected(&directory.join("root"));
    for (name, script, parts) in [
        ("MBR", "label: dos\nstart=2048, type=83\n", vec![("rootfs", MIB)]),
        (
            "MBR, logical partitions",
            "label: dos\nstart=2048, size=40960, type=83\nstart=65536, type=5\nstart=67584, size=40960, type=83\nstart=110592, type=83\n",
            vec![("second", MIB), ("second", 33 * MIB), ("rootfs", 54 * MIB)],
        ),
        (
            "GPT",
            "label: gpt\nstart=2048, size=40960, type=21686148-6449-6E6F-744E-656564454649\nstart=43008, type=L\n",
            vec![("rootfs", 21 * MIB)],
        ),
    ] {
        disk(directory, script, &parts);
        assert_same(&listed(&directory.join("disk")), &expected, name);
    }
    // The first copy of the GPT is damaged: the other one counts, and it is said.
    let path = directory.join("disk");
    let mut bytes = fs::read(&path).unwrap();
    bytes[512 + 60] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let extraction = extracted(&path, &options()).unwrap();
    assert_eq!(lines(&extraction), expected);
    assert_eq!(extraction.sources[0].notes[0].code, "GPT_BACKUP");
    let end = bytes.len() - 512 + 20;
    bytes[end] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(code(&path, &options()), "PARTITION_TABLE_MALFORMED");
}

#[test]
fn two_systems_have_to_be_told_apart() {
    let Some(workshop) = workshop(&["mke2fs", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "rootfs", "64M", "-t ext4");
    let two = "label: gpt\nstart=2048, size=131072, type=L\nstart=133120, size=131072, type=L\n";
    disk(directory, two, &[("rootfs", MIB), ("rootfs", 65 * MIB)]);
    let path = directory.join("disk");
    assert_eq!(code(&path, &options()), "ROOT_AMBIGUOUS");
    // Looking shows what there is to choose from.
    let mut looking = options();
    looking.keep_going = true;
    let name = path.as_os_str().as_encoded_bytes();
    let source = open(name, &looking.limits, &Arc::default()).unwrap();
    let summary = inspect(name, source.as_ref(), &looking, &Control::default()).unwrap();
    assert_eq!(summary.layer.layers.len(), 2);
    assert_eq!(summary.omitted[0].code(), "ROOT_AMBIGUOUS");
    assert_eq!(code(&path, &with_partition(3)), "PARTITION_MISSING");
    let expected = expected(&directory.join("root"));
    assert_eq!(lines(&extracted(&path, &with_partition(2)).unwrap()), expected);
    // The type of the Discoverable Partitions Specification decides.
    let typed = "label: gpt\nstart=2048, size=131072, type=L\nstart=133120, size=131072, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709\n";
    disk(directory, typed, &[("rootfs", MIB), ("rootfs", 65 * MIB)]);
    assert_eq!(listed(&path), expected);
    disk(directory, "label: gpt\nstart=2048, type=L\n", &[]);
    assert_eq!(code(&path, &options()), "ROOT_MISSING");
}

#[test]
fn other_partitions_are_where_fstab_mounts_them() {
    let Some(workshop) = workshop(&["mke2fs", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    other(directory, "boot", "boot", "vmlinuz");
    other(directory, "var", "var", "of-var");
    let script = "label: gpt\nstart=2048, size=32768, type=L, name=BOOT\nstart=34816, size=32768, type=L\n\
                  start=67584, size=131072, type=L\nstart=198656, size=32768, type=U\n";
    let fstab = format!(
        "LABEL={LABEL} / ext4 defaults 0 1\nPARTLABEL=BOOT /boot ext4 x 0 0\n/dev/vda2 /var ext4 x 0 0\n"
    );
    fs::write(directory.join("root/etc/fstab"), &fstab).unwrap();
    mke2fs(directory, "rootfs", "64M", "-t ext4");
    let parts = [("boot", MIB), ("var", 17 * MIB), ("rootfs", 33 * MIB)];
    disk(directory, script, &parts);
    let path = directory.join("disk");
    let mut wanted = expected(&directory.join("root"));
    wanted.retain(|line| !line.ends_with("  /var/log/of-the-root"));
    let of = |name: &str, mount: &str| {
        let lines = expected(&directory.join(name));
        lines
            .into_iter()
            .map(|line| line.replacen("  /", &format!("  {mount}/"), 1))
            .collect::<Lines>()
    };
    wanted.extend(of("boot.d", "/boot"));
    wanted.extend(of("var.d", "/var"));
    assert_eq!(listed(&path), wanted);

    // What is mounted and not there is never left out unsaid, unless it may be missing.
    for (device, options, expected) in [
        ("/dev/mapper/vg-usr", "defaults", false),
        ("UUID=dead", "nofail", true),
    ] {
        let line = format!("{fstab}{device} /opt ext4 {options} 0 0\ntmpfs /tmp tmpfs x 0 0\n");
        fs::write(directory.join("root/etc/fstab"), line).unwrap();
        mke2fs(directory, "rootfs", "64M", "-t ext4");
        disk(directory, script, &parts);
        match expected {
            true => assert_eq!(listed(&path).len(), wanted.len()),
            false => assert_eq!(code(&path, &super::options()), "MOUNT_MISSING"),
        }
    }

    // What is mounted and not understood is never left out unsaid.
    fs::write(
        directory.join("root/etc/fstab"),
        format!("{fstab}/dev/vda4 /srv xfs x 0 0\n"),
    )
    .unwrap();
    mke2fs(directory, "rootfs", "64M", "-t ext4");
    disk(directory, script, &parts);
    assert_eq!(code(&path, &options()), "FILESYSTEM_UNSUPPORTED");
    let mut skipping = options();
    skipping.selection = Selection::new([], [b"/srv".to_vec()]);
    skipping.selection.all_owners = true;
    assert_eq!(lines(&extracted(&path, &skipping).unwrap()).len(), wanted.len());
}

#[test]
fn inspect_draws_what_is_in_a_disk() {
    let Some(workshop) = workshop(&["mke2fs", "sfdisk"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "rootfs", "64M", "-t ext4");
    disk(
        directory,
        "label: gpt\nstart=2048, size=131072, type=L, name=ROOT\n",
        &[("rootfs", MIB)],
    );
    let control = Arc::new(Control::default());
    let name = directory.join("disk").as_os_str().as_encoded_bytes().to_vec();
    let source = open(&name, &options().limits, &control).unwrap();
    let summary = inspect(&name, source.as_ref(), &options(), &control).unwrap();
    let layer = &summary.layer;
    assert_eq!((layer.kind, layer.layers.len()), ("raw", 1));
    let partition = &layer.layers[0];
    assert_eq!(
        (partition.kind, partition.offset_bytes, partition.size_bytes),
        ("partition", Some(MIB), Some(64 * MIB))
    );
    let text = |name: &str| match partition.facts.iter().find(|(known, _)| *known == name) {
        Some((_, Fact::Text(text))) => text.clone(),
        _ => String::new(),
    };
    assert_eq!(
        ["filesystem", "label", "name", "mountedAt"].map(text),
        ["ext4", LABEL, "ROOT", "/"]
    );
}
