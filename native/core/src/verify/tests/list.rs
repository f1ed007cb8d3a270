//! Makes measurement lists.

use ima_assay_digest::{Algorithm, Digest, hash};

use crate::testing::hex;

/// A list, entry by entry.
#[derive(Default, Clone)]
pub(super) struct List {
    entries: Vec<Made>,
}

#[derive(Clone)]
struct Made {
    pcr: String,
    recorded: String,
    template: String,
    columns: Vec<Vec<u8>>,
    data: Vec<u8>,
    is_violation: bool,
}

/// A field: its bytes, and how it is shown.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// SHA-256 of the file that most tests measure.
pub(super) fn hello() -> Digest {
    hash(Algorithm::Sha256, b"hello\n")
}

/// The boot aggregate of most tests.
pub(super) fn boot() -> Digest {
    hash(Algorithm::Sha256, b"boot")
}

pub(super) fn digest(algorithm: &str, bytes: &[u8]) -> Field {
    let data = [algorithm.as_bytes(), b":\0", bytes].concat();
    (data, format!("{algorithm}:{}", hex(bytes)).into_bytes())
}

pub(super) fn name(name: &[u8]) -> Field {
    ([name, b"\0"].concat(), name.to_vec())
}

pub(super) fn bytes(bytes: &[u8]) -> Field {
    (bytes.to_vec(), hex(bytes).into_bytes())
}

impl List {
    /// A list with a boot aggregate.
    pub(super) fn booted() -> Self {
        Self::default().ng("boot_aggregate", &boot())
    }

    pub(super) fn ng(self, path: &str, file: &Digest) -> Self {
        let algorithm = file.algorithm().name();
        self.entry(
            "ima-ng",
            &[digest(algorithm, file.bytes()), name(path.as_bytes())],
        )
    }

    pub(super) fn sig(self, path: &str, file: &Digest, signature: &[u8]) -> Self {
        let algorithm = file.algorithm().name();
        self.entry(
            "ima-sig",
            &[
                digest(algorithm, file.bytes()),
                name(path.as_bytes()),
                bytes(signature),
            ],
        )
    }

    /// A buffer with its own digest.
    pub(super) fn buffer(self, label: &str, buffer: &[u8]) -> Self {
        let digest = hash(Algorithm::Sha256, buffer);
        self.buffer_with(label, buffer, &digest)
    }

    pub(super) fn buffer_with(self, label: &str, buffer: &[u8], file: &Digest) -> Self {
        self.entry(
            "ima-buf",
            &[
                digest("sha256", file.bytes()),
                name(label.as_bytes()),
                bytes(buffer),
            ],
        )
    }

    pub(super) fn violation(self, path: &str) -> Self {
        let mut list = self.ng(path, &Digest::new(Algorithm::Sha256, &[0; 32]).unwrap());
        let last = list.entries.last_mut().unwrap();
        last.recorded = "00".repeat(20);
        last.is_violation = true;
        list
    }

    pub(super) fn entry(mut self, template: &str, fields: &[Field]) -> Self {
        let mut data = Vec::new();
        for (bytes, _) in fields {
            data.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            data.extend_from_slice(bytes);
        }
        self.entries.push(Made {
            pcr: "10".to_owned(),
            recorded: hash(Algorithm::Sha1, &data).to_string(),
            template: template.to_owned(),
            columns: fields.iter().map(|(_, shown)| shown.clone()).collect(),
            data,
            is_violation: false,
        });
        self
    }

    /// The last entry, in another PCR.
    pub(super) fn in_pcr(mut self, pcr: u32) -> Self {
        self.entries.last_mut().unwrap().pcr = format!("{pcr:2}");
        self
    }

    /// The last entry, with another template hash than it should have.
    pub(super) fn recorded(mut self, recorded: &str) -> Self {
        self.entries.last_mut().unwrap().recorded = recorded.to_owned();
        self
    }

    pub(super) fn ascii(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in &self.entries {
            text.extend(format!("{} {} {} ", entry.pcr, entry.recorded, entry.template).bytes());
            text.extend(entry.columns.join(&b' '));
            text.push(b'\n');
        }
        text
    }

    pub(super) fn binary(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let number = |value: usize, list: &mut Vec<u8>| {
            list.extend(u32::try_from(value).unwrap().to_le_bytes());
        };
        for entry in &self.entries {
            number(entry.pcr.trim().parse().unwrap(), &mut list);
            list.extend(crate::testing::unhex(&entry.recorded));
            number(entry.template.len(), &mut list);
            list.extend(entry.template.bytes());
            number(entry.data.len(), &mut list);
            list.extend(&entry.data);
        }
        list
    }

    /// What each entry extends into PCR 10 of a bank.
    pub(super) fn extensions(&self, bank: Algorithm) -> Vec<Vec<u8>> {
        let entries = self.entries.iter().filter(|entry| entry.pcr == "10");
        entries
            .map(|entry| match entry.is_violation {
                true => vec![0xff; bank.len()],
                false => hash(bank, &entry.data).bytes().to_vec(),
            })
            .collect()
    }
}
