//! Times as Kubernetes writes them: RFC 3339, in UTC, whole seconds. What time it is nobody here knows.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::names::is_rfc3339;

/// `2026-11-23T02:38:20Z`; parts of a second are dropped. A time beyond the year 9999 is the last one before.
pub fn rfc3339(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// Reads an RFC 3339 time, with any offset and with parts of a second.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    // The library takes more than RFC 3339 allows, such as a space between date and time.
    is_rfc3339(text).then(|| text.parse::<Timestamp>().ok()).flatten().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn written_and_read() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_401_500);
        assert_eq!(rfc3339(time), "2026-11-23T02:38:20Z");
        assert_eq!(rfc3339(time + Duration::from_millis(999)), "2026-11-23T02:38:20Z");
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX) * 1000)), "9999-12-30T22:00:00Z");
        for text in ["2026-11-23T02:38:20Z", "2026-11-23T04:38:20+02:00", "2026-11-22T21:08:20-05:30"] {
            assert_eq!(parse_rfc3339(text), Some(time), "{text}");
        }
        assert_eq!(parse_rfc3339("2026-11-23T02:38:20.5Z"), Some(time + Duration::from_millis(500)));
        for text in ["", "2026-11-23", "2026-11-23 02:38:20Z", "2026-02-31T00:00:00Z", "2026-11-23T02:38:20"] {
            assert_eq!(parse_rfc3339(text), None, "{text:?}");
        }
    }
}
