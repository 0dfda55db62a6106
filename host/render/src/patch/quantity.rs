//! Amounts such as `100m` and `2Gi` in their one canonical spelling, as `resource.Quantity` of k8s.io/apimachinery
//! writes them. Knows nothing of objects or patches.

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `1500m`, `2G`
    Decimal,
    /// `1e3`
    Exponent,
    /// `2Gi`
    Binary,
}

/// The canonical spelling: no fraction, the largest suffix that allows that. `None` if the text is no quantity.
/// Amounts beyond 128 bits stay as they are written.
pub(super) fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let split = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (format, mut exponent, thousands) = unit(suffix)?;
    exponent -= i32::try_from(fraction.len()).ok()?;
    let spelled = format!("{whole}{fraction}")
        .parse::<i128>()
        .ok()
        .and_then(|mantissa| mantissa.checked_mul(1024_i128.checked_pow(thousands)?))
        .and_then(|mantissa| spell(mantissa, exponent, format));
    Some(spelled.map_or_else(|| text.to_owned(), |s| if negative && s != "0" { format!("-{s}") } else { s }))
}

/// A suffix as its format, power of ten and power of 1024.
fn unit(suffix: &str) -> Option<(Format, i32, u32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Format::Decimal, *power, 0));
    }
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((Format::Binary, 0, *power));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| exponent.parse().ok())
        .flatten()
        .map(|power| (Format::Exponent, power, 0))
}

/// Spells `mantissa * 10^exponent`, which is not negative.
fn spell(mut mantissa: i128, mut exponent: i32, format: Format) -> Option<String> {
    if mantissa == 0 {
        return Some("0".to_owned());
    }
    // Nothing is finer than nano: what is left over rounds up.
    while exponent < -9 {
        mantissa = mantissa / 10 + i128::from(mantissa % 10 != 0);
        exponent += 1;
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    if format == Format::Binary && exponent >= 0 {
        let mut value = mantissa.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?;
        if value >= 1024 {
            let mut power = 0;
            while value % 1024 == 0 && power < BINARY.len() {
                value /= 1024;
                power += 1;
            }
            let suffix = power.checked_sub(1).map_or("", |index| BINARY[index].0);
            return Some(format!("{value}{suffix}"));
        }
    }
    while exponent.rem_euclid(3) != 0 {
        mantissa = mantissa.checked_mul(10)?;
        exponent -= 1;
    }
    if format == Format::Exponent {
        return Some(if exponent == 0 { mantissa.to_string() } else { format!("{mantissa}e{exponent}") });
    }
    let (suffix, _) = DECIMAL.iter().find(|(_, power)| *power == exponent)?;
    Some(format!("{mantissa}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn amounts_have_one_spelling() {
        for (text, spelled) in [
            ("0", "0"),
            ("0.0Gi", "0"),
            ("-0", "0"),
            ("1", "1"),
            ("+1", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("1.5", "1500m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("100m", "100m"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1500", "1500"),
            ("1024Ki", "1Mi"),
            ("1024Mi", "1Gi"),
            ("2048Mi", "2Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("100Mi", "100Mi"),
            ("0.0001Ki", "102400u"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("12e4", "120e3"),
            ("5e0", "5"),
            ("-1.5", "-1500m"),
            ("1n", "1n"),
            ("0.1n", "1n"),
            ("1000k", "1M"),
            (" 1Gi\n", "1Gi"),
            ("1000E", "1000E"),
            ("99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(spelled), "{text}");
        }
        for text in ["", "-", "Gi", "1 Gi", "1gi", "1KB", "1e", "1e+", "1.2.3", "--1", "0x1", "e3", "."] {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }
}
