//! Times for people.

use std::fmt;

/// Microseconds. Shown in a unit that fits, and rounded up, so that what is over a limit never looks like the limit.
#[derive(Clone, Copy)]
pub struct Microseconds(pub u64);

impl Microseconds {
    /// So many milliseconds.
    pub fn of_milliseconds(milliseconds: u32) -> Self {
        Self(u64::from(milliseconds) * 1000)
    }
}

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| {
            let tenths = self.0.div_ceil(unit / 10);
            (tenths / 10, tenths % 10)
        };
        let (unit, (whole, tenth)) = match self.0 {
            0..10_000_000 => ("ms", tenths(1000)),
            _ => ("s", tenths(1_000_000)),
        };
        if tenth == 0 { write!(f, "{whole} {unit}") } else { write!(f, "{whole}.{tenth} {unit}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit() {
        let shown = |time| Microseconds(time).to_string();
        assert_eq!([shown(0), shown(20), shown(500_000), shown(500_001)], ["0 ms", "0.1 ms", "500 ms", "500.1 ms"]);
        assert_eq!([shown(9_999_999), shown(10_000_000), shown(61_250_000)], ["10000 ms", "10 s", "61.3 s"]);
        assert_eq!(Microseconds::of_milliseconds(5000).to_string(), "5000 ms");
    }
}
