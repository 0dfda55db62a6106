//! Sets of numbers as the kernel writes them: `0-3,8,10-11`.

use std::fmt;

use kubephase_sdk::prelude::*;

/// A set of processors: their numbers, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Set(Vec<u32>);

/// More processors than Linux can be built for (`NR_CPUS`), so that no range fills the memory.
const MOST: u32 = 16384;

impl Set {
    /// Reads one; nothing if it is none. What stands before the numbers in `isolcpus=domain,2-5` is for others to cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u32>().ok()).flatten().filter(|number| *number < MOST)
        };
        let mut set = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            set.extend(first..=last);
        }
        Some(set.into_iter().collect())
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, number: u32) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    /// What is in here, but not there.
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().copied().filter(|number| !other.has(*number)).collect())
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().copied().filter(|number| other.has(*number)).collect())
    }
}

impl FromIterator<u32> for Set {
    fn from_iter<T: IntoIterator<Item = u32>>(numbers: T) -> Self {
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }
}

impl TryFrom<String> for Set {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("\"{text}\" is no list of processors such as \"2-15,18\""))
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *number => *last = *number,
                _ => ranges.push((*number, *number)),
            }
        }
        for (index, (first, last)) in ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_and_written() {
        for text in ["", "0", "0-3", "0-3,8,10-11"] {
            assert_eq!(Set::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Set::parse("3,1,2,2").expect("a set").to_string(), "1-3");
        for bad in ["a", "1-", "-1", "3-1", "1,,2", "0-99999999", "domain,2-3", " 1"] {
            assert_eq!(Set::parse(bad), None, "{bad}");
        }
        let (a, b) = (Set::parse("0-3").expect("a set"), Set::parse("2-5").expect("a set"));
        assert_eq!((a.without(&b).to_string(), a.and(&b).to_string()), ("0-1".into(), "2-3".into()));
    }
}
