//! Templates: which fields an entry has. One table of fields, one of templates.
//!
//! ```text
//! 10 9dc9…4bc8 ima-ng sha256:ca97…48bb /usr/bin/true
//!              │      └ d-ng           └ n-ng
//!              └ template: a name of the table, or fields with `|` between (`ima_template_fmt=`)
//! ```
//!
//! Source: Linux, `security/integrity/ima/ima_template.c`.

use std::fmt;

use super::field::FieldKind;

/// One row of the table of fields.
struct Row {
    id: FieldId,
    name: &'static str,
    kind: FieldKind,
    may_be_empty: bool,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:expr, $may_be_empty:literal;)*) => {
        /// A field of template data, by the kernel's id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FieldId {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl FieldId {
            /// Every field the kernel knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        const FIELDS: &[Row] = &[$(Row {
            id: FieldId::$variant,
            name: $name,
            kind: $kind,
            may_be_empty: $may_be_empty,
        },)*];
    };
}

// The last column: whether a field without bytes is what the kernel writes for "none".
fields! {
    D            "d"            FieldKind::Digest, false;
    N            "n"            FieldKind::Text, false;
    DNg          "d-ng"         FieldKind::TaggedDigest, false;
    NNg          "n-ng"         FieldKind::Text, false;
    Sig          "sig"          FieldKind::Bytes, true;
    DModsig      "d-modsig"     FieldKind::TaggedDigest, true;
    Modsig       "modsig"       FieldKind::Bytes, true;
    Buf          "buf"          FieldKind::Bytes, true;
    EvmSig       "evmsig"       FieldKind::Bytes, true;
    Iuid         "iuid"         FieldKind::Number { size_bytes: 4 }, true;
    Igid         "igid"         FieldKind::Number { size_bytes: 4 }, true;
    Imode        "imode"        FieldKind::Number { size_bytes: 2 }, true;
    XattrNames   "xattrnames"   FieldKind::Text, true;
    XattrLengths "xattrlengths" FieldKind::Bytes, true;
    XattrValues  "xattrvalues"  FieldKind::Bytes, true;
    DNgV2        "d-ngv2"       FieldKind::TaggedDigest, false;
}

impl FieldId {
    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "the table is generated from the enum: row and variant have the same index"
    )]
    fn row(self) -> &'static Row {
        &FIELDS[self as usize]
    }

    /// The kernel's id, as it stands in a template format.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How its bytes are made up and shown.
    #[must_use]
    pub fn kind(self) -> FieldKind {
        self.row().kind
    }

    /// Whether no bytes at all mean that there is no such thing.
    #[must_use]
    pub fn may_be_empty(self) -> bool {
        self.row().may_be_empty
    }

    /// Whether it is a name, of a file or of what was measured.
    #[must_use]
    pub fn is_name(self) -> bool {
        matches!(self, Self::N | Self::NNg)
    }

    /// Whether it is the digest of what was measured.
    #[must_use]
    pub fn is_file_digest(self) -> bool {
        matches!(self, Self::D | Self::DNg | Self::DNgV2)
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        FIELDS
            .iter()
            .find(|row| row.name.as_bytes() == name)
            .map(|row| row.id)
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kernel's own templates.
const TEMPLATES: &[(&str, &[FieldId])] = {
    use FieldId::*;
    &[
        (LEGACY, &[D, N]),
        ("ima-ng", &[DNg, NNg]),
        ("ima-sig", &[DNg, NNg, Sig]),
        ("ima-ngv2", &[DNgV2, NNg]),
        ("ima-sigv2", &[DNgV2, NNg, Sig]),
        ("ima-buf", &[DNg, NNg, Buf]),
        ("ima-modsig", &[DNg, NNg, Sig, DModsig, Modsig]),
        (
            "evm-sig",
            &[
                DNg,
                NNg,
                EvmSig,
                XattrNames,
                XattrLengths,
                XattrValues,
                Iuid,
                Igid,
                Imode,
            ],
        ),
    ]
};

/// The template whose data has no lengths, and whose name is padded with NUL bytes where it is hashed.
/// `d|n` has the same fields and is laid out as all the others.
pub(super) const LEGACY: &str = "ima";

/// Fields a template format may have (Linux, `TEMPLATE_NUM_FIELDS_MAX`).
const MAX_FIELDS: usize = 15;

/// Puts the fields of a template into `fields`; none if its name says nothing. A format that names a field
/// twice is not understood: which of the two would be the name of the file?
fn look_up(name: &[u8], fields: &mut Vec<FieldId>) {
    fields.clear();
    if let Some((_, known)) = TEMPLATES.iter().find(|(known, _)| known.as_bytes() == name) {
        fields.extend_from_slice(known);
        return;
    }
    for id in name.split(|&byte| byte == b'|') {
        match FieldId::from_name(id) {
            Some(id) if fields.len() < MAX_FIELDS && !fields.contains(&id) => fields.push(id),
            _ => {
                fields.clear();
                return;
            }
        }
    }
}

/// The template of the last entry, which most often is that of the next one.
#[derive(Debug, Default)]
pub(super) struct Template {
    name: Vec<u8>,
    fields: Vec<FieldId>,
}

impl Template {
    /// Turns to the template called `name`.
    pub(super) fn select(&mut self, name: &[u8]) {
        if self.name != name {
            self.name.clear();
            self.name.extend_from_slice(name);
            look_up(name, &mut self.fields);
        }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its fields; none if it is unknown.
    pub(super) fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    pub(super) fn is_legacy(&self) -> bool {
        self.name == LEGACY.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str) -> String {
        let mut template = Template::default();
        template.select(name.as_bytes());
        let names: Vec<&str> = template.fields().iter().map(|id| id.name()).collect();
        names.join("|")
    }

    #[test]
    fn every_field_is_found_by_its_name() {
        for &id in FieldId::ALL {
            assert_eq!(id.row().id, id);
            assert_eq!(FieldId::from_name(id.name().as_bytes()), Some(id));
        }
    }

    #[test]
    fn templates_have_the_fields_the_kernel_gives_them() {
        // Linux, ima_template.c, builtin_templates.
        let rows = [
            ("ima", "d|n"),
            ("ima-ng", "d-ng|n-ng"),
            ("ima-sig", "d-ng|n-ng|sig"),
            ("ima-ngv2", "d-ngv2|n-ng"),
            ("ima-sigv2", "d-ngv2|n-ng|sig"),
            ("ima-buf", "d-ng|n-ng|buf"),
            ("ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig"),
            (
                "evm-sig",
                "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode",
            ),
        ];
        for (name, expected) in rows {
            assert_eq!(fields(name), expected, "{name}");
            assert_eq!(fields(expected), expected);
        }
    }

    #[test]
    fn what_is_no_format_has_no_fields() {
        let too_many = ["d"; 16].join("|");
        for name in [
            "",
            "|",
            "ima-zz",
            "d-ng|",
            "|n-ng",
            "d-ng||n-ng",
            "d-ng|n-ng|d-ng",
            "D-NG",
            &too_many,
        ] {
            assert_eq!(fields(name), "", "{name}");
        }
        assert_eq!(fields("n-ng"), "n-ng");
    }
}
