//! Prints entries as the kernel does, in either form and with the template hashes of any bank.

use std::io::Write as _;

use ima_assay_digest::{Algorithm, encode_hex};

use super::ascii;
use super::entry::{Check, Entry};
use super::fault::{At, Fault, Problem};
use super::field::up_to_nul;
use super::template::{FieldId, Template};
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// A form to print entries in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `ascii_runtime_measurements`.
    Ascii,
    /// `binary_runtime_measurements`, in the byte order of the list.
    Binary,
}

/// Why an entry cannot be printed as asked: what it should say is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrintError {
    /// The template data is not known, or its fields are not.
    #[error("{at}: {}", match problem {
        Some(problem) => format!("cannot be printed: {problem}"),
        None => "the template data is not known".to_owned(),
    })]
    DataUnknown {
        /// The entry.
        at: At,
        /// Why it is not known.
        problem: Option<Problem>,
    },
    /// The recorded template hash is not that of the template data, so no other can be made from it.
    #[error("{at}: its template hash is wrong, so that of another bank cannot be told")]
    HashDiffers {
        /// The entry.
        at: At,
    },
    /// The other form cannot tell the bytes of the entry, or not tell them apart from others.
    #[error("{at}, {}: the {form} form cannot tell its bytes", Escaped(name))]
    NotPrintable {
        /// The entry.
        at: At,
        /// The name in the entry.
        name: Vec<u8>,
        /// Which form.
        form: &'static str,
    },
}

impl Explain for PrintError {
    fn code(&self) -> &'static str {
        match self {
            Self::DataUnknown { .. } => "ENTRY_DATA_UNKNOWN",
            Self::HashDiffers { .. } => "ENTRY_HASH_DIFFERS",
            Self::NotPrintable { .. } => "ENTRY_NOT_PRINTABLE",
        }
    }

    fn place(&self) -> Place {
        let (Self::DataUnknown { at, .. } | Self::HashDiffers { at } | Self::NotPrintable { at, .. }) = self;
        Fault {
            at: *at,
            problem: Problem::HashDiffers,
        }
        .place()
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::DataUnknown { .. } | Self::NotPrintable { .. } => {
                Some("take the binary form of the list, which tells everything")
            }
            Self::HashDiffers { .. } => Some("take the list of that bank"),
        }
    }
}

impl Entry<'_> {
    /// Appends the entry as the kernel prints it, with the template hash as recorded or, if a bank is given,
    /// with that bank's. `out` stays as it was if there is an error.
    ///
    /// # Errors
    /// [`PrintError`].
    pub fn print(&self, form: Form, bank: Option<Algorithm>, out: &mut Vec<u8>) -> Result<(), PrintError> {
        let len = out.len();
        let printed = match form {
            Form::Ascii => self.print_ascii(bank, out),
            Form::Binary => self.print_binary(bank, out),
        };
        if printed.is_err() {
            out.truncate(len);
        }
        printed
    }

    fn print_ascii(&self, bank: Option<Algorithm>, out: &mut Vec<u8>) -> Result<(), PrintError> {
        let data = self.known_data()?;
        if self.spans.is_empty() {
            return Err(self.data_unknown());
        }
        // Writing to a vector cannot fail.
        let _ = write!(out, "{:2} ", self.pcr);
        self.print_hash(bank, encode_hex, out)?;
        out.push(b' ');
        out.extend_from_slice(self.template);
        let columns_at = out.len().saturating_add(1);
        for field in self.fields() {
            out.push(b' ');
            field.print_ascii(out);
        }
        // Whether it can be read again, byte for byte, is best found out by reading it.
        let (mut again, mut spans) = (Vec::with_capacity(data.len()), Vec::new());
        let mut template = Template::default();
        template.select(self.template);
        let columns = out.get(columns_at..).unwrap_or_default();
        let rebuilt = ascii::rebuild(Some(columns), &template, self.byte_order, &mut again, &mut spans);
        if rebuilt.is_err() || again != data || memchr::memchr(0, columns).is_some() {
            return Err(self.not_printable("ASCII"));
        }
        out.push(b'\n');
        Ok(())
    }

    fn print_binary(&self, bank: Option<Algorithm>, out: &mut Vec<u8>) -> Result<(), PrintError> {
        let data = self.known_data()?;
        let number = |value: usize, out: &mut Vec<u8>| match u32::try_from(value) {
            Ok(value) => {
                out.extend(self.byte_order.bytes(value));
                Ok(())
            }
            Err(_) => Err(self.not_printable("binary")),
        };
        out.extend(self.byte_order.bytes(self.pcr));
        self.print_hash(bank, |hash, out| out.extend_from_slice(hash), out)?;
        number(self.template.len(), out)?;
        out.extend_from_slice(self.template);
        let [digest, name] = match self.legacy_parts() {
            None => {
                number(data.len(), out)?;
                out.extend_from_slice(data);
                return Ok(());
            }
            Some(parts) => parts,
        };
        out.extend_from_slice(digest);
        // Kernels 3.13 and 3.14 wrote the padding as well.
        let name = up_to_nul(name);
        let len = self.legacy_name_bytes.unwrap_or(0).max(name.len());
        number(len, out)?;
        out.extend_from_slice(name);
        out.resize(out.len().saturating_add(len.saturating_sub(name.len())), 0);
        Ok(())
    }

    /// The digest and the name of an entry of the template `ima`.
    fn legacy_parts(&self) -> Option<[&[u8]; 2]> {
        if self.template != super::template::LEGACY.as_bytes() {
            return None;
        }
        Some([FieldId::D, FieldId::N].map(|id| self.field(id).map_or(&[][..], |field| field.bytes)))
    }

    fn print_hash(
        &self,
        bank: Option<Algorithm>,
        print: impl FnOnce(&[u8], &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Result<(), PrintError> {
        let is_other = bank.is_some_and(|bank| self.list_hash != super::ListHash::Of(bank));
        match bank.filter(|_| is_other) {
            None => print(self.recorded, out),
            Some(bank) if self.is_violation => print(&vec![0; bank.len()], out),
            Some(bank) => match (self.check(), self.template_hash(bank)) {
                (Check::Differs, _) => return Err(PrintError::HashDiffers { at: self.at }),
                (_, Some(digest)) => print(digest.bytes(), out),
                (_, None) => return Err(self.data_unknown()),
            },
        }
        Ok(())
    }

    fn known_data(&self) -> Result<&[u8], PrintError> {
        self.data.ok_or_else(|| self.data_unknown())
    }

    fn data_unknown(&self) -> PrintError {
        PrintError::DataUnknown {
            at: self.at,
            problem: self.problem,
        }
    }

    fn not_printable(&self, form: &'static str) -> PrintError {
        let name = self.fields().find(|field| field.id.is_name());
        PrintError::NotPrintable {
            at: self.at,
            name: name
                .map(|field| field.text_to_show().to_vec())
                .unwrap_or_default(),
            form,
        }
    }
}
