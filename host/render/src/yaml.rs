//! YAML as kubeadm writes it: sorted keys, block style, and every string that some reader would take for a number,
//! a date or a boolean in quotes. serde_yaml leaves `1_000` and `2001-01-01` plain, which Go's YAML 1.1 readers turn
//! into a number and a time, hence an own writer. Writes only; reading is `kubephase_model::yaml`.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// One document without a `---` line, ending in a newline. Keys are in the order of Go's writer, so that a file which
/// means the same as kubeadm's also is the same.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, 0),
        _ => {
            scalar(&mut out, value, 2);
            out.push('\n');
        }
    }
    out
}

fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize, first_indent: usize) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| key_order(a, b));
    for (i, (key, value)) in entries.into_iter().enumerate() {
        pad(out, if i == 0 { first_indent } else { indent });
        text(out, key, None);
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, inner, indent + 2, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(out, items, indent, indent);
            }
            _ => {
                out.push(' ');
                scalar(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize, first_indent: usize) {
    for (i, item) in items.iter().enumerate() {
        pad(out, if i == 0 { first_indent } else { indent });
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(out, inner, indent + 2, 0),
            Value::Array(inner) if !inner.is_empty() => sequence(out, inner, indent + 2, 0),
            _ => {
                scalar(out, item, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(string) => text(out, string, Some(indent)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Writes a string; `block` is the indentation of a literal block, where one may stand.
fn text(out: &mut String, string: &str, block: Option<usize>) {
    if let Some(indent) = block.filter(|_| is_literal(string)) {
        let body = string.strip_suffix('\n');
        out.push_str(if body.is_some() { "|" } else { "|-" });
        for line in body.unwrap_or(string).split('\n') {
            out.push('\n');
            if !line.is_empty() {
                pad(out, indent);
                out.push_str(line);
            }
        }
    } else if !string.chars().all(is_printable) || string.contains('\n') || means_something_else(string) {
        double_quoted(out, string);
    } else if has_indicators(string) {
        out.push('\'');
        out.push_str(&string.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push_str(string);
    }
}

/// Whether a literal block (`|`) gives the string back exactly.
fn is_literal(string: &str) -> bool {
    let body = string.strip_suffix('\n').unwrap_or(string);
    let simple_ends = !body.is_empty() && !body.starts_with([' ', '\n']) && !body.ends_with('\n');
    string.contains('\n')
        && simple_ends
        && body.split('\n').all(|line| !line.ends_with(' ') && line.chars().all(is_printable))
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        || c >= '\u{10000}'
}

fn double_quoted(out: &mut String, string: &str) {
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_printable(c) => out.push(c),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Whether the plain string would be read as syntax in block context.
fn has_indicators(string: &str) -> bool {
    let mut chars = string.chars();
    let first = chars.next();
    let second_blank = matches!(chars.next(), None | Some(' '));
    string.starts_with(' ')
        || string.ends_with([' ', ':'])
        || matches!(
            first,
            Some('#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`')
        )
        || (matches!(first, Some('-' | '?' | ':')) && second_blank)
        || string.contains(": ")
        || string.contains(" #")
        || string.starts_with("---")
        || string.starts_with("...")
}

/// Whether some YAML reader takes the plain string for something that is no string.
fn means_something_else(string: &str) -> bool {
    const WORDS: [&str; 13] = ["", "~", "null", "y", "yes", "true", "on", "n", "no", "false", "off", "<<", "="];
    let lower = string.to_ascii_lowercase();
    WORDS.contains(&lower.as_str()) || is_number(&lower) || is_sexagesimal(&lower) || is_date(&lower)
}

fn is_number(lower: &str) -> bool {
    let digits = lower.replace('_', "");
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let radix = |prefix: &str, radix: u32| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.strip_prefix('-').unwrap_or(rest).chars().all(|c| c.is_digit(radix)))
    };
    if radix("0x", 16) || radix("0o", 8) || radix("0b", 2) || matches!(digits, ".inf" | ".nan") {
        return true;
    }
    let (mantissa, exponent) = digits.split_once('e').map_or((digits, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !(whole.is_empty() && fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && exponent
            .is_none_or(|e| e.ends_with(|c: char| c.is_ascii_digit()) && all_digits(e.trim_start_matches(['+', '-'])))
}

/// `12:30`, which YAML 1.1 reads as 750.
fn is_sexagesimal(lower: &str) -> bool {
    let mut parts = lower.strip_prefix(['+', '-']).unwrap_or(lower).split(':');
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && rest.peek().is_some()
        && rest.all(|part| {
            let digits = part.split('.').next().unwrap_or_default();
            (1..=2).contains(&digits.len()) && part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.'))
        })
}

/// Anything that begins like `2001-1-1`.
fn is_date(lower: &str) -> bool {
    let mut parts = lower.splitn(3, '-');
    let mut digits = |least: usize, most: usize| {
        parts.next().is_some_and(|part| {
            let count = part.bytes().take_while(u8::is_ascii_digit).count();
            (least..=most).contains(&count)
        })
    };
    digits(4, 4) && digits(1, 2) && digits(1, 2)
}

/// The order of go-yaml's `keyList`: letters after everything else, runs of digits by their value.
fn key_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = (0..a.len().min(b.len())).find(|&i| a[i] != b[i]) else { return a.len().cmp(&b.len()) };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero inside a number is a digit like any other; at its start it has no value.
    let inside_number =
        (x == '0' || y == '0') && a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|&c| c != '0');
    let run = |chars: &[char]| {
        chars[at..].iter().map_while(|c| c.to_digit(10)).fold((u128::from(inside_number), 0), |(value, len), digit| {
            (value.saturating_mul(10).saturating_add(u128::from(digit)), len + 1)
        })
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests;
