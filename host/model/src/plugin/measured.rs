//! What plugins are told when something was measured for them: the records of `cap-probe.wit`.

use serde::{Deserialize, Serialize};

use super::facts::Attributes;

/// How long things took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Latency {
    /// How many were measured.
    pub count: u32,
    /// Half of them were no slower.
    pub p50: u64,
    /// Nine of ten were no slower.
    pub p90: u64,
    /// 99 of 100 were no slower.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

impl Latency {
    /// Of measured times in microseconds, in any order (nearest rank).
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self {
            count: u32::try_from(times.len()).unwrap_or(u32::MAX),
            p50: rank(50),
            p90: rank(90),
            p99: rank(99),
            max: rank(100),
        }
    }
}

/// What keeps a clock right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Clock {
    /// Whether the kernel believes its clock to be synchronised.
    pub synchronised: bool,
    /// How far it is believed to be off, in microseconds, positive if it is ahead; `None` if nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// By how much it may be off at most, in microseconds.
    pub maximum_error: u64,
    /// Daemons that are running.
    pub daemons: Vec<String>,
    /// What else is known.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let all = Latency::of((1..=200).rev().collect());
        assert_eq!(all, Latency { count: 200, p50: 100, p90: 180, p99: 198, max: 200 });
        assert_eq!(Latency::of(vec![7]), Latency { count: 1, p50: 7, p90: 7, p99: 7, max: 7 });
        assert_eq!(Latency::of(vec![]), Latency::default());
    }
}
