//! Amounts of bytes, such as `8Gi`.

use std::fmt;

use kubephase_sdk::prelude::*;

/// So many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Amount(pub u64);

const UNITS: [(&str, u64); 4] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let unit = UNITS.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)));
        let (digits, unit) = unit.unwrap_or((&text, 1));
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
        let amount = number.and_then(|number| number.checked_mul(unit));
        amount.map(Self).ok_or_else(|| format!("\"{text}\" is no amount of bytes such as \"8Gi\""))
    }
}

impl fmt::Display for Amount {
    /// With one decimal, rounded down, so that what is missing never looks like enough.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((name, unit)) = UNITS.into_iter().find(|(_, unit)| self.0 >= *unit) else {
            return write!(f, "{} bytes", self.0);
        };
        let (whole, tenths) = (self.0 / unit, self.0 % unit * 10 / unit);
        if tenths == 0 { write!(f, "{whole} {name}B") } else { write!(f, "{whole}.{tenths} {name}B") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        let read = |text: &str| Amount::try_from(text.to_owned());
        assert_eq!(read("8Gi"), Ok(Amount(8 << 30)));
        assert_eq!(read("512"), Ok(Amount(512)));
        for bad in ["", "Gi", "8 Gi", "8G", "-1Gi", "+1", "99999999999Ti"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(Amount(8 << 30).to_string(), "8 GiB");
        assert_eq!(Amount((8 << 30) - 1).to_string(), "7.9 GiB");
        assert_eq!(Amount(1536 << 10).to_string(), "1.5 MiB");
        assert_eq!(Amount(12).to_string(), "12 bytes");
    }
}
