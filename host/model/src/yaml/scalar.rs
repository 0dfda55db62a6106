//! What a scalar means: the rules of YAML 1.1 as Go's decoder has them.

use saphyr_parser::{ScalarStyle, Tag};

use super::Kind;

/// What a scalar means: quoted and block text is text, plain text follows the rules of YAML 1.1 as go-yaml v2 has
/// them (`yes` is true, `0o17` and `017` are octal, `1_000` is a thousand).
pub(super) fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    if let Some(tag) = tag.filter(|tag| tag.is_yaml_core_schema()) {
        match tag.suffix.as_str() {
            "str" | "binary" => return Kind::String(text.to_owned()),
            _ => return plain(text),
        }
    }
    if style == ScalarStyle::Plain { plain(text) } else { Kind::String(text.to_owned()) }
}

pub(super) fn plain(text: &str) -> Kind {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Kind::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Kind::Bool(false);
        }
        _ => {}
    }
    let starts_like_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if starts_like_number {
        if let Some(number) = integer(text) {
            return Kind::Int(number);
        }
        let float = text.replace('_', "");
        if is_float(&float)
            && let Ok(number) = float.parse::<f64>()
        {
            return Kind::Float(number);
        }
    }
    Kind::String(text.to_owned())
}

/// go-yaml's pattern: digits on either side of the point, an exponent with or without its sign.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !number.is_empty() && digits(number)
        })
}

fn integer(text: &str) -> Option<i64> {
    let clean = text.replace('_', "");
    let (sign, digits) = match clean.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok().map(|number| sign * number)
}
