//! Amounts of bytes, such as `64Mi`.

/// Units, and how many bytes one is.
pub const UNITS: &[(&str, u64)] = &[("", 1), ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];

/// How many bytes that is: a whole number and one of [`UNITS`]. `None` if it is no such amount.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten()?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_with_a_unit() {
        for (text, expected) in [
            ("64Mi", Some(64 << 20)),
            ("1", Some(1)),
            ("4Ki", Some(4096)),
            ("2Gi", Some(2 << 30)),
            ("", None),
            ("Mi", None),
            ("64M", None),
            ("64 Mi", None),
            ("-1Mi", None),
            ("+1Mi", None),
            ("1.5Gi", None),
            ("99999999999999Gi", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
