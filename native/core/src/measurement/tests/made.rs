//! Entries made by the tests, written by the book and not by the code that is tested.

use std::fmt::Write as _;

use ima_assay_digest::{Algorithm, hash};

use super::*;

/// An entry as a machine would have it.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) pcr: u32,
    pub(super) template: String,
    /// Id and bytes of each field.
    pub(super) fields: Vec<(FieldId, Vec<u8>)>,
    pub(super) is_violation: bool,
}

impl Made {
    pub(super) fn new(template: &str, fields: &[(FieldId, &[u8])]) -> Self {
        Self {
            pcr: 10,
            template: template.to_owned(),
            fields: fields.iter().map(|(id, bytes)| (*id, bytes.to_vec())).collect(),
            is_violation: false,
        }
    }

    /// An `ima-ng` entry of a file whose content is its name.
    pub(super) fn file(name: &[u8]) -> Self {
        let digest = [b"sha256:\0", hash(Algorithm::Sha256, name).bytes()].concat();
        let name = [name, b"\0"].concat();
        Self::new("ima-ng", &[(FieldId::DNg, &digest), (FieldId::NNg, &name)])
    }

    pub(super) fn data(&self, order: ByteOrder) -> Vec<u8> {
        let mut data = Vec::new();
        for (_, bytes) in &self.fields {
            if self.template != "ima" {
                data.extend(u32_bytes(bytes.len(), order));
            }
            data.extend(bytes);
        }
        if self.template == "ima" {
            data.resize(self.fields[0].1.len() + 256, 0);
        }
        data
    }

    pub(super) fn hash(&self, order: ByteOrder, bank: Algorithm) -> Vec<u8> {
        match self.is_violation {
            true => vec![0; bank.len()],
            false => hash(bank, &self.data(order)).bytes().to_vec(),
        }
    }

    pub(super) fn binary(&self, order: ByteOrder, bank: Algorithm) -> Vec<u8> {
        let mut record = Vec::new();
        record.extend(u32_bytes(self.pcr as usize, order));
        record.extend(self.hash(order, bank));
        record.extend(u32_bytes(self.template.len(), order));
        record.extend(self.template.as_bytes());
        if self.template == "ima" {
            let name = self.fields[1].1.strip_suffix(b"\0").unwrap();
            record.extend(&self.fields[0].1);
            record.extend(u32_bytes(name.len(), order));
            record.extend(name);
        } else {
            let data = self.data(order);
            record.extend(u32_bytes(data.len(), order));
            record.extend(data);
        }
        record
    }

    pub(super) fn ascii(&self, order: ByteOrder, bank: Algorithm) -> Vec<u8> {
        let mut head = String::new();
        write!(
            head,
            "{:2} {} {}",
            self.pcr,
            hex(&self.hash(order, bank)),
            self.template
        )
        .unwrap();
        let mut line = head.into_bytes();
        for (id, bytes) in &self.fields {
            line.push(b' ');
            let tagged = bytes.iter().position(|byte| *byte == 0);
            match id.name() {
                "n" | "n-ng" | "xattrnames" => line.extend(bytes.strip_suffix(b"\0").unwrap_or(bytes)),
                "d-ng" | "d-ngv2" | "d-modsig" if !bytes.is_empty() => {
                    let (tag, digest) = bytes.split_at(tagged.unwrap());
                    line.extend(if tag == b":" { b"" } else { tag });
                    line.extend(hex(&digest[1..]).as_bytes());
                }
                "iuid" | "igid" | "imode" if !bytes.is_empty() => {
                    let mut bytes = bytes.clone();
                    if order == ByteOrder::Little {
                        bytes.reverse();
                    }
                    let number = bytes
                        .iter()
                        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
                    line.extend(number.to_string().as_bytes());
                }
                _ => line.extend(hex(bytes).as_bytes()),
            }
        }
        line.push(b'\n');
        line
    }

    pub(super) fn print(&self, form: Form, order: ByteOrder, bank: Algorithm) -> Vec<u8> {
        match form {
            Form::Ascii => self.ascii(order, bank),
            Form::Binary => self.binary(order, bank),
        }
    }
}

pub(super) fn u32_bytes(value: usize, order: ByteOrder) -> [u8; 4] {
    let value = u32::try_from(value).unwrap();
    match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

/// Several entries as one list of the sha1 bank of a little-endian machine.
pub(super) fn list(form: Form, entries: &[Made]) -> Vec<u8> {
    entries
        .iter()
        .flat_map(|made| made.print(form, ByteOrder::Little, Algorithm::Sha1))
        .collect()
}

/// Numbers without a pattern, the same in every run (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
