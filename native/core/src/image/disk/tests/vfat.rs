//! FAT filesystems that mkfs.vfat makes and mtools fill.

use super::layouts::{MIB, disk};
use super::*;

/// Files with names of every kind, in `esp.d`.
fn fill(directory: &Path) {
    let root = directory.join("esp.d");
    fs::create_dir_all(root.join("EFI/BOOT")).unwrap();
    let names = [
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/BOOT/grub.cfg",
        "EFI/BOOT/a name longer than eight and three.conf",
        "EFI/lower.txt",
        "Mixed.Txt",
        "exactly thirteen characters and thirteen more",
        "\u{fc}ml\u{e4}ut \u{20ac}.txt",
        "empty",
    ];
    for (number, name) in names.into_iter().enumerate() {
        fs::write(root.join(name), noise(number * 7000)).unwrap();
    }
    fs::write(root.join("empty"), b"").unwrap();
    for number in 0..200 {
        fs::write(
            root.join(format!("EFI/file number {number} of many")),
            number.to_string(),
        )
        .unwrap();
    }
}

fn esp(directory: &Path, size: &str, options: &str) {
    let _ = fs::remove_file(directory.join("esp"));
    run(directory, &format!("truncate -s {size} esp"));
    run(directory, &format!("mkfs.vfat {options} -n ESP -i 1234ABCD esp"));
    let entries: Vec<_> = fs::read_dir(directory.join("esp.d"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let copied = std::process::Command::new("mcopy")
        .args(["-s", "-i", "esp"])
        .args(entries)
        .arg("::/")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        copied.status.success(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
}

#[test]
fn an_esp_is_listed_where_fstab_mounts_it() {
    let tools = ["mke2fs", "sfdisk", "sha256sum", "mkfs.vfat", "mcopy"];
    let Some(workshop) = workshop(&tools) else { return };
    let directory = workshop.path();
    fill(directory);
    let script = "label: gpt\nstart=2048, size=131072, type=L\nstart=133120, size=163840, type=U\n";
    for (name, size, options, device) in [
        ("FAT12", "8M", "-F 12 -s 8", "UUID=1234-ABCD"),
        ("FAT16", "32M", "-F 16 -s 4", "LABEL=ESP"),
        (
            "FAT32",
            "64M",
            "-F 32 -s 1",
            "PARTUUID=other /nowhere x nofail\nUUID=1234-abcd",
        ),
        ("sectors of 4096 bytes", "64M", "-F 16 -S 4096 -s 1", "LABEL=ESP"),
    ] {
        let fstab = format!("LABEL={LABEL} / ext4 x 0 1\n{device} /boot/efi vfat umask=0077 0 0\n");
        fs::write(directory.join("root/etc/fstab"), fstab).unwrap();
        mke2fs(directory, "rootfs", "64M", "-t ext4");
        esp(directory, size, options);
        disk(directory, script, &[("rootfs", MIB), ("esp", 65 * MIB)]);
        let mut wanted = expected(&directory.join("root"));
        let esp = expected(&directory.join("esp.d"));
        wanted.extend(
            esp.into_iter()
                .map(|line| line.replacen("  /", "  /boot/efi/", 1)),
        );
        assert_same(&listed(&directory.join("disk")), &wanted, name);
    }
}

#[test]
fn a_changed_byte_neither_crashes_nor_hangs() {
    let tools = ["mke2fs", "sfdisk", "mkfs.vfat", "mcopy"];
    let Some(workshop) = workshop(&tools) else { return };
    let directory = workshop.path();
    fill(directory);
    esp(directory, "8M", "-F 12 -s 8");
    let good = fs::read(directory.join("esp")).unwrap();
    let mut state = 5_usize;
    for _ in 0..1000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (at, value) = ((state >> 24) % (32 * 1024), (state >> 50) as u8);
        let mut changed = good.clone();
        changed[at] = value;
        let path = directory.join("changed");
        fs::write(&path, changed).unwrap();
        let file = fs::File::open(path).unwrap();
        let volume: Arc<dyn ReadAt> = Arc::new(Raw::new(file).unwrap());
        let Ok(vfat) = super::super::vfat::Vfat::open(volume) else {
            continue;
        };
        let mut pending = vec![vfat.root()];
        let mut seen = BTreeSet::new();
        while let Some(directory) = pending.pop() {
            for (_, node) in vfat.list(&directory).unwrap_or_default() {
                if node.is_directory && seen.insert(node.first_cluster()) {
                    pending.push(node);
                } else if node.size_bytes < 1 << 20 {
                    let _ = vfat.bytes(&node).read(&mut vec![0; 1 << 20]);
                }
            }
        }
    }
}
