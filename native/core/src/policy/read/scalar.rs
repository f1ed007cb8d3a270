//! Values that only their type and size matter of.

/// A JSON value, told apart as Python's `jsonschema` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    Boolean,
    /// A whole number, written as `1` or as `1.0`; the nearest that fits.
    Integer(i64),
    Fraction,
    Text(String),
    Array,
    Object,
}

impl Scalar {
    /// From the value's own JSON text.
    pub(super) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            // Text that is no Unicode, a lone surrogate, is text all the same.
            Some(b'"') => Self::Text(serde_json::from_str(json).unwrap_or_default()),
            _ => Self::number(json),
        }
    }

    fn number(json: &str) -> Self {
        if !json.contains(['.', 'e', 'E']) {
            return Self::Integer(saturating(json));
        }
        match json.parse::<f64>() {
            Ok(value) if value.is_finite() && value.fract() == 0.0 => {
                Self::Integer(saturating(&format!("{value:.0}")))
            }
            _ => Self::Fraction,
        }
    }
}

fn saturating(digits: &str) -> i64 {
    digits.parse().unwrap_or(if digits.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    })
}

/// How many arrays and objects lie inside one another in well-formed JSON.
pub(super) fn depth(json: &str) -> usize {
    let (mut level, mut deepest): (usize, usize) = (0, 0);
    let mut bytes = json.bytes();
    let mut is_text = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' => {
                bytes.next();
            }
            b'[' | b'{' if !is_text => {
                level = level.saturating_add(1);
                deepest = deepest.max(level);
            }
            b']' | b'}' if !is_text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_as_pythons_are() {
        let rows = [
            ("0", Scalar::Integer(0)),
            ("-0", Scalar::Integer(0)),
            ("1.0", Scalar::Integer(1)),
            ("3e0", Scalar::Integer(3)),
            ("1.5", Scalar::Fraction),
            ("1e400", Scalar::Fraction),
            ("1e300", Scalar::Integer(i64::MAX)),
            ("-1e300", Scalar::Integer(i64::MIN)),
            ("true", Scalar::Boolean),
            ("\"1\"", Scalar::Text("1".to_owned())),
            ("\"\\ud800\"", Scalar::Text(String::new())),
        ];
        for (json, expected) in rows {
            assert_eq!(Scalar::of(json), expected, "{json}");
        }
        assert_eq!(
            Scalar::of(&format!("1{}", "0".repeat(400))),
            Scalar::Integer(i64::MAX)
        );
    }

    #[test]
    fn brackets_inside_text_are_no_depth() {
        for (json, expected) in [
            ("1", 0),
            ("[]", 1),
            ("[{\"[[\": [\"\\\"[\"]}]", 3),
            ("[[],[[]]]", 3),
        ] {
            assert_eq!(depth(json), expected, "{json}");
        }
    }
}
