//! Versions of drivers: numbers with points between them, such as `550.54.14`.

use std::cmp::Ordering;
use std::fmt;

use kubephase_sdk::prelude::*;

/// A version. What is left out counts as zero: `550` is `550.0.0`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Version {
    numbers: Vec<u32>,
    text: String,
}

impl Version {
    /// Reads one. Only digits and points: drivers have no pre-releases.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let numbers = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        });
        Some(Self { numbers: numbers.collect::<Option<_>>()?, text: text.into() })
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("\"{text}\" is no version such as \"550.54.14\""))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let at = |version: &Self, index: usize| version.numbers.get(index).copied().unwrap_or(0);
        (0..length)
            .map(|index| at(self, index).cmp(&at(other, index)))
            .find(|one| one.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_not_letters() {
        let version = |text| Version::parse(text).expect("a version");
        assert!(version("550.54.14") > version("550"));
        assert!(version("550.54.14") < version("550.127.5"), "not as text");
        assert!(version("99") < version("550"));
        assert_eq!(version("550"), version("550.0"));
        assert_eq!(version("550.54.14\n").to_string(), "550.54.14");
        for bad in ["", "550.", "five", "550-server", "-1", "99999999999"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
