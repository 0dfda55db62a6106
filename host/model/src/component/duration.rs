//! Durations as Go writes and reads them (`1h30m0s`), the only notation that component configurations know.

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, micro sign
    ("μs", 1_000), // U+03BC, Greek letter
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of a duration in any spelling that Go's `time.ParseDuration` accepts.
pub fn parse(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += scaled(number, *scale)?;
        if tail.is_empty() {
            return i64::try_from(sign * total).ok();
        }
        rest = tail;
    }
}

fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let integer = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()? };
    // Digits beyond the nanosecond of the largest unit cannot matter.
    let digits = &fraction[..fraction.len().min(18)];
    let part = if digits.is_empty() { 0 } else { digits.parse::<i128>().ok()? };
    Some(integer * scale + part * scale / 10_i128.pow(digits.len() as u32))
}

/// The one spelling that Go prints for so many nanoseconds.
pub fn format(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let (seconds, below) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if seconds == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{sign}{nanos}ns"),
            1_000..1_000_000 => format!("{sign}{}µs", decimal(nanos / 1_000, nanos % 1_000, 3)),
            _ => format!("{sign}{}ms", decimal(nanos / 1_000_000, nanos % 1_000_000, 6)),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let seconds = decimal(seconds % 60, below, 9);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(whole: u64, fraction: u64, digits: usize) -> String {
    let text = format!("{whole}.{fraction:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_end_in_the_one_go_prints() {
        for (written, printed) in [
            ("0", "0s"),
            ("-0s", "0s"),
            ("60s", "1m0s"),
            ("4h", "4h0m0s"),
            ("1.5h", "1h30m0s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("-1m1.25s", "-1m1.25s"),
            ("1500us", "1.5ms"),
            ("1μs", "1µs"),
            ("24h1ns", "24h0m0.000000001s"),
            ("8760h", "8760h0m0s"),
        ] {
            assert_eq!(parse(written).map(format).as_deref(), Some(printed), "{written}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "5", "1d", "s", ".s", "-", "1.2.3s", "1 s", "1h30", "+-1s", "9223372036855s9223372036s"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("9223372036s").map(format).as_deref(), Some("2562047h47m16s"));
    }
}
