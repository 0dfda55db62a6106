//! Go's durations: `1h2m3s`, as every duration of the configuration API is written.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::record::{Field, wrong_type};
use crate::report::{Problem, Report};
use crate::yaml::{Kind, Node};

/// A signed span of time in nanoseconds with Go's text form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

const SECOND: i64 = 1_000_000_000;

impl GoDuration {
    /// So many whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * SECOND)
    }

    /// So many whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// So many whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// As a deadline: a negative one is over at once.
    pub fn as_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Reads Go's syntax: a sign, then numbers with the units `h m s ms us µs ns`; a bare `0` is allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1_i128, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let nanos: i128 = match unit {
                "h" => 3600 * i128::from(SECOND),
                "m" => 60 * i128::from(SECOND),
                "s" => i128::from(SECOND),
                "ms" => 1_000_000,
                "us" | "µs" | "μs" => 1000,
                "ns" => 1,
                _ => return None,
            };
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 19 {
                return None;
            }
            if !whole.is_empty() {
                total = total.checked_add(whole.parse::<i128>().ok()?.checked_mul(nanos)?)?;
            }
            if !fraction.is_empty() {
                let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
                total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(nanos)? / scale)?;
            }
            rest = tail;
        }
        i64::try_from(sign * total).ok().map(Self)
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let second = SECOND.unsigned_abs();
        if total == 0 {
            return f.write_str("0s");
        }
        if total < second {
            let (divisor, unit) = match total {
                0..1_000 => (1, "ns"),
                1_000..1_000_000 => (1_000, "µs"),
                _ => (1_000_000, "ms"),
            };
            return write!(f, "{}{}{unit}", total / divisor, fraction(total % divisor, divisor));
        }
        let (hours, minutes) = (total / (3600 * second), total / (60 * second) % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}{}s", total / second % 60, fraction(total % second, second))
    }
}

fn fraction(rest: u64, of: u64) -> String {
    if rest == 0 {
        return String::new();
    }
    let width = of.to_string().len() - 1;
    format!(".{}", format!("{rest:0width$}").trim_end_matches('0'))
}

impl Field for GoDuration {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        let text = match &node.kind {
            Kind::String(text) => text,
            Kind::Null => return Some(Self(0)),
            _ => return wrong_type(node, path, "a duration such as `4m0s`", report),
        };
        let parsed = Self::parse(text);
        if parsed.is_none() {
            report.push(
                Problem::error(path, format!("`{text}` is not a duration"))
                    .at(Some(node.place.clone()))
                    .hint("write it like `90s`, `4m0s` or `8760h`; the units are h, m, s, ms, us and ns"),
            );
        }
        parsed
    }
    fn write(&self) -> Option<Value> {
        Some(Value::from(self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_gos() {
        for (text, canonical) in [
            ("24h", "24h0m0s"),
            ("90s", "1m30s"),
            ("1h1.5s", "1h0m1.5s"),
            ("-1h", "-1h0m0s"),
            ("0", "0s"),
            ("300ms", "300ms"),
            ("1500us", "1.5ms"),
            (".5s", "500ms"),
        ] {
            assert_eq!(GoDuration::parse(text).unwrap().to_string(), canonical, "{text}");
        }
        for text in ["", "1", "1d", "h", "1h-1m", "1.2.3s", "99999999999999999999h", "9999999h999999999999999h"] {
            assert_eq!(GoDuration::parse(text), None, "{text}");
        }
    }
}
