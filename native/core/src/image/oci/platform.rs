//! Which machines an image is for: `OS/ARCHITECTURE[/VARIANT]`, as `docker --platform` takes it.

use std::fmt;

use crate::path::Escaped;

/// A platform by the names that Go gives systems and architectures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// The platform with these names. A variant that every machine of the architecture has is none.
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let variant = match (architecture, variant) {
            ("amd64", Some("v1")) | ("arm64", Some("v8" | "8")) | (_, Some("")) => None,
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// Reads `OS/ARCHITECTURE[/VARIANT]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word = |part: &&str| {
            let mut bytes = part.bytes();
            !part.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        match parts.as_slice() {
            [os, architecture] if parts.iter().all(is_word) => Some(Self::new(os, architecture, None)),
            [os, architecture, variant] if parts.iter().all(is_word) => {
                Some(Self::new(os, architecture, Some(variant)))
            }
            _ => None,
        }
    }

    /// The platform of this machine.
    pub(super) fn of_this_machine() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// Whether it says nothing: builders mark what is no image so.
    pub(super) fn is_unknown(&self) -> bool {
        self.os == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A configuration may state anything.
        let shown = |name: &str| Escaped(name.as_bytes()).to_string();
        write!(f, "{}/{}", shown(&self.os), shown(&self.architecture))?;
        match &self.variant {
            Some(variant) => write!(f, "/{}", shown(variant)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_spellings_of_a_platform_are_one() {
        for (left, right) in [
            ("linux/amd64", "linux/amd64/v1"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/x86_64", "linux/amd64"),
        ] {
            assert_eq!(Platform::parse(left), Platform::parse(right), "{left}");
        }
        assert_ne!(Platform::parse("linux/amd64/v3"), Platform::parse("linux/amd64"));
        assert_eq!(
            Platform::parse("linux/arm/v6").unwrap().to_string(),
            "linux/arm/v6"
        );
    }

    #[test]
    fn what_is_no_platform_is_none() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/v1/x",
            "linux/a b",
            "linux/\n",
        ] {
            assert_eq!(Platform::parse(text), None, "{text:?}");
        }
    }
}
