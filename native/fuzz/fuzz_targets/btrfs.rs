//! Any sectors of a btrfs with nodes of 4 KiB, whose superblock and nodes get the right checksums; with the bytes of files.
#![no_main]

use std::collections::BTreeMap;

use ima_assay_core::image::disk::Disk;
use ima_assay_fuzz::{Reading, check_error, in_sectors, read_twice};
use libfuzzer_sys::fuzz_target;

const SECTOR_BYTES: usize = 512;
const SECTORS: u16 = 8;
/// Where the superblock is, and in it the filesystem's id, as in a node.
const SUPERBLOCK: u16 = 128;
const ID: std::ops::Range<usize> = 32..48;

type Sectors = BTreeMap<u16, Vec<u8>>;

fuzz_target!(|bytes: &[u8]| {
    let mut sectors = Sectors::new();
    for record in bytes.chunks_exact(2 + SECTOR_BYTES) {
        let (number, sector) = record.split_at(2);
        sectors.insert(u16::from_le_bytes([number[0], number[1]]), sector.to_vec());
    }
    let id = sectors.get(&SUPERBLOCK).map(|sector| sector[ID].to_vec());
    let of_it = |(_, sector): &(&u16, &Vec<u8>)| Some(&sector[ID]) == id.as_deref();
    let numbers: Vec<u16> = sectors.iter().filter(of_it).map(|(number, _)| *number).collect();
    for number in numbers {
        state_checksum(&mut sectors, number);
    }
    let records = sectors
        .iter()
        .flat_map(|(number, sector)| [&number.to_le_bytes()[..], sector].concat());
    match Disk::open(in_sectors(&records.collect::<Vec<u8>>()), None, None) {
        Ok(disk) => read_twice(&disk, Reading::Bytes),
        Err(error) => check_error(&error),
    }
});

/// CRC-32C over all but its own place; other kinds of checksums are seldom right.
fn state_checksum(sectors: &mut Sectors, number: u16) {
    let sector = |each: u16| sectors.get(&number.saturating_add(each)).cloned();
    let block: Vec<u8> = (0..SECTORS)
        .flat_map(|each| sector(each).unwrap_or(vec![0; SECTOR_BYTES]))
        .collect();
    let checksum = crc32c::crc32c(&block[32..]).to_le_bytes();
    if let Some(first) = sectors.get_mut(&number) {
        first[..32].fill(0);
        first[..4].copy_from_slice(&checksum);
    }
}
