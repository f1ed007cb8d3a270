//! Formats that are told by their mark and not read, so that an error can name them.

const MOUNT: &str = "mount it and give the directory";

/// What it is called, where its mark stands, the mark, and what to do with it.
type Row = (&'static str, usize, &'static [u8], &'static str);

const ROWS: [Row; 3] = [
    (
        "encrypted with LUKS",
        0,
        b"LUKS\xba\xbe",
        "open it with `cryptsetup`, and give the directory that it is mounted on",
    ),
    ("a UDF filesystem", 0x8001, b"BEA01", MOUNT),
    ("swap space", 4086, b"SWAPSPACE2", "it has no files"),
];

/// What the first bytes of a file are, and what to do with it.
pub(super) fn name_of(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let row = ROWS
        .iter()
        .find(|(_, at, mark, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)))?;
    Some((row.0, row.3))
}
