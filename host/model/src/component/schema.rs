//! Field tables of component configurations: what exists, of which type, since when, and what Go's encoder emits
//! for an unset value. Knows nothing about what a field means.

use crate::config::record::join;
use serde_json::{Map, Number, Value};

use super::duration;

/// One field of a configuration object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in JSON and YAML.
    pub name: &'static str,
    /// What the decoder accepts.
    pub ty: Type,
    /// What the encoder emits where the field is unset.
    pub zero: Zero,
    /// First Kubernetes minor with the field; 0 for before 1.18.
    pub since: u32,
    /// First minor without it; `u32::MAX` if it is still there.
    pub until: u32,
}

/// Type of a field's value. Numbers are limited as the Go type behind them is.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// True or false.
    Bool,
    /// `int32`.
    Int,
    /// `int64`.
    Long,
    /// `uint32`.
    Uint,
    /// `float32` or `float64`.
    Float,
    /// Any string, those with known values included.
    String,
    /// A string such as `1m30s`.
    Duration,
    /// Likewise, or an integer of nanoseconds.
    DurationOrInt,
    /// A string or number such as `512Mi`.
    Quantity,
    /// A list of one type.
    List(&'static Type),
    /// Any string keys, with values of one type.
    Map(&'static Type),
    /// An object of the listed fields.
    Object(&'static [Field]),
}

/// What the encoder emits for an unset field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// Nothing; nor for an explicit zero, which the Go type cannot tell from unset.
    Omit,
    /// Nothing; an explicit zero stays (a Go pointer).
    Unset,
    /// `null`.
    Null,
    /// `false`.
    False,
    /// `0`.
    Int0,
    /// This string.
    Str(&'static str),
    /// An object with the zeros of its own fields.
    Object,
}

/// Why a value does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issue {
    /// No version has a field of this name.
    Unknown {
        /// A field that may have been meant.
        suggestion: Option<&'static str>,
    },
    /// The field exists, but not in this minor.
    NotInMinor {
        /// First minor that has it; 0 for before 1.18.
        since: u32,
        /// First minor without it; `u32::MAX` if it is still there.
        until: u32,
    },
    /// The decoder would refuse the value.
    WrongType {
        /// What the field takes, as a noun with its article.
        expected: &'static str,
        /// What stands there, likewise.
        found: &'static str,
    },
}

/// A row of a table, for a field that is still there.
pub(super) const fn field(name: &'static str, ty: Type, zero: Zero, since: u32) -> Field {
    Field { name, ty, zero, since, until: u32::MAX }
}

impl Field {
    /// The row, for a field that `minor` no longer had.
    pub(super) const fn until(self, minor: u32) -> Self {
        Self { until: minor, ..self }
    }

    /// Whether a Kubernetes minor has the field.
    pub fn exists_in(&self, minor: u32) -> bool {
        (self.since..self.until).contains(&minor)
    }

    fn zero_value(&self, minor: u32) -> Option<Value> {
        match self.zero {
            Zero::Omit | Zero::Unset => None,
            Zero::Null => Some(Value::Null),
            Zero::False => Some(Value::Bool(false)),
            Zero::Int0 => Some(Value::from(0)),
            Zero::Str(text) => Some(Value::from(text)),
            Zero::Object => {
                let mut object = Value::Object(Map::new());
                self.ty.encode(minor, &mut object);
                Some(object)
            }
        }
    }
}

/// Turns what a user wrote into what Go's encoder makes of it after decoding: unset fields that it emits appear,
/// explicit zeros that it omits go, durations and whole numbers get their one spelling; also inside set objects.
/// Leaves alone what does not fit the table.
pub fn fill_zeros(fields: &[Field], minor: u32, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in fields.iter().filter(|field| field.exists_in(minor)) {
        let encoded = match map.get_mut(field.name).filter(|value| !value.is_null()) {
            Some(value) => {
                field.ty.encode(minor, value);
                if field.zero == Zero::Omit && is_zero(value) { None } else { continue }
            }
            None => field.zero_value(minor),
        };
        match encoded {
            Some(value) => map.insert(field.name.to_owned(), value),
            None => map.remove(field.name),
        };
    }
}

/// Everything that a decoder of that minor would refuse or, being lenient, ignore; each with its path, such as
/// `registerWithTaints[0].key`.
pub fn problems(fields: &[Field], minor: u32, value: &Value) -> Vec<(String, Issue)> {
    let mut found = Vec::new();
    check_object(fields, minor, value, "", &mut found);
    found
}

impl Type {
    fn encode(&self, minor: u32, value: &mut Value) {
        match (self, &mut *value) {
            (Self::Object(fields), _) => fill_zeros(fields, minor, value),
            (Self::List(ty), Value::Array(items)) => items.iter_mut().for_each(|item| ty.encode(minor, item)),
            (Self::Map(ty), Value::Object(map)) => map.values_mut().for_each(|item| ty.encode(minor, item)),
            (Self::Duration | Self::DurationOrInt, Value::String(text)) => {
                if let Some(nanos) = duration::parse(text) {
                    *text = duration::format(nanos);
                }
            }
            (Self::Int | Self::Long | Self::Uint | Self::Float, Value::Number(number)) => {
                if let Some(whole) = whole(number).filter(|_| number.is_f64()) {
                    *value = Value::from(whole);
                }
            }
            _ => {}
        }
    }

    fn check(&self, minor: u32, value: &Value, path: &str, found: &mut Vec<(String, Issue)>) {
        let fits = match (self, value) {
            // Go's decoder leaves a field as it is where it meets null.
            (_, Value::Null) => true,
            (Self::Object(fields), _) => return check_object(fields, minor, value, path, found),
            (Self::List(ty), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    ty.check(minor, item, &format!("{path}[{index}]"), found);
                }
                true
            }
            (Self::Map(ty), Value::Object(map)) => {
                for (key, item) in map {
                    ty.check(minor, item, &join(path, key), found);
                }
                true
            }
            (Self::Bool, Value::Bool(_)) | (Self::String, Value::String(_)) | (Self::Float, Value::Number(_)) => true,
            (Self::Duration | Self::DurationOrInt, Value::String(text)) => duration::parse(text).is_some(),
            (Self::Quantity, Value::String(text)) => is_quantity(text),
            (Self::Quantity, Value::Number(_)) => true,
            (Self::Int, Value::Number(number)) => whole(number).is_some_and(|int| i32::try_from(int).is_ok()),
            (Self::Uint, Value::Number(number)) => whole(number).is_some_and(|int| u32::try_from(int).is_ok()),
            (Self::Long | Self::DurationOrInt, Value::Number(number)) => whole(number).is_some(),
            _ => false,
        };
        if !fits {
            let noun = match (self, value) {
                (Self::Duration | Self::DurationOrInt | Self::Quantity, Value::String(_)) => "a string that is none",
                (Self::Int | Self::Long | Self::Uint, Value::Number(number))
                    if number.as_f64().is_some_and(is_whole) =>
                {
                    "a number out of range"
                }
                _ => noun(value),
            };
            found.push((path.to_owned(), Issue::WrongType { expected: self.noun(), found: noun }));
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a 32-bit integer",
            Self::Long => "a 64-bit integer",
            Self::Uint => "a 32-bit integer, 0 or more",
            Self::Float => "a number",
            Self::String => "a string",
            Self::Duration => "a duration such as 1m30s",
            Self::DurationOrInt => "a duration such as 5s",
            Self::Quantity => "a quantity such as 512Mi",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "a mapping",
        }
    }
}

fn check_object(fields: &[Field], minor: u32, value: &Value, path: &str, found: &mut Vec<(String, Issue)>) {
    let Value::Object(map) = value else {
        found.push((path.to_owned(), Issue::WrongType { expected: "a mapping", found: noun(value) }));
        return;
    };
    for (key, value) in map {
        let path = join(path, key);
        // A field may have several rows, oldest first, one per type that it had.
        let rows = || fields.iter().filter(|field| field.name == key);
        if let Some(field) = rows().find(|field| field.exists_in(minor)) {
            // A duration decodes itself and knows no null, unless Go has a pointer to it.
            if matches!((&field.ty, &field.zero, value), (Type::Duration, Zero::Str(_), Value::Null)) {
                found.push((path, Issue::WrongType { expected: field.ty.noun(), found: noun(value) }));
                continue;
            }
            field.ty.check(minor, value, &path, found);
        } else if let (Some(first), Some(last)) = (rows().next(), rows().next_back()) {
            found.push((path, Issue::NotInMinor { since: first.since, until: last.until }));
        } else {
            found.push((path, Issue::Unknown { suggestion: closest(fields, minor, key) }));
        }
    }
}

fn closest(fields: &[Field], minor: u32, key: &str) -> Option<&'static str> {
    let distance = |name: &str| match name.eq_ignore_ascii_case(key) {
        true => 0,
        false => strsim::damerau_levenshtein(name, key),
    };
    let names = fields.iter().filter(|field| field.exists_in(minor)).map(|field| field.name);
    let (best, name) = names.map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    (best <= 1 + key.len() / 6).then_some(name)
}

/// Whether Go's encoder would leave the value out where `omitempty` says so.
pub fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// The number as an integer; `3.0` is one, for YAML reaches Go's decoder by way of JSON, which writes it as `3`.
fn whole(number: &Number) -> Option<i64> {
    let exact = |float: &f64| is_whole(*float) && float.abs() < 9e15;
    number.as_i64().or_else(|| number.as_f64().filter(exact).map(|float| float as i64))
}

fn is_whole(float: f64) -> bool {
    float.fract() == 0.0
}

fn is_quantity(text: &str) -> bool {
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let text = unsigned(text.trim());
    let (number, suffix) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let exponent = suffix.strip_prefix(['e', 'E']).map(unsigned).filter(|digits| !digits.is_empty());
    number.parse::<f64>().is_ok()
        && (SUFFIXES.contains(&suffix)
            || exponent.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())))
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kube_proxy_fields::KUBE_PROXY;
    use super::super::kubelet_fields::KUBELET;
    use super::*;

    fn kubelet_problem(value: Value) -> (String, Issue) {
        let mut found = problems(KUBELET, 36, &value);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn wrong(path: &str, expected: &'static str, found: &'static str) -> (String, Issue) {
        (path.to_owned(), Issue::WrongType { expected, found })
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path_and_the_likely_one() {
        let unknown = |path: &str, suggestion| (path.to_owned(), Issue::Unknown { suggestion });
        assert_eq!(kubelet_problem(json!({ "maxPod": 5 })), unknown("maxPod", Some("maxPods")));
        assert_eq!(kubelet_problem(json!({ "clusterDns": [] })), unknown("clusterDns", Some("clusterDNS")));
        assert_eq!(
            kubelet_problem(json!({ "authentication": { "x509": { "clientCaFile": "/ca" } } })),
            unknown("authentication.x509.clientCaFile", Some("clientCAFile"))
        );
        assert_eq!(
            kubelet_problem(json!({ "registerWithTaints": [{ "key": "k" }, { "efect": "NoSchedule" }] })),
            unknown("registerWithTaints[1].efect", Some("effect"))
        );
        assert_eq!(kubelet_problem(json!({ "somethingElse": 1 })), unknown("somethingElse", None));
    }

    #[test]
    fn a_field_of_another_minor_is_told_from_an_unknown_one() {
        let value = json!({ "tlsCurvePreferences": [29], "logging": { "sanitization": true, "flushFrequency": 5 } });
        assert_eq!(
            problems(KUBELET, 20, &value),
            [
                ("logging.flushFrequency".to_owned(), Issue::NotInMinor { since: 23, until: u32::MAX }),
                ("tlsCurvePreferences".to_owned(), Issue::NotInMinor { since: 36, until: u32::MAX }),
            ]
        );
        assert_eq!(
            problems(KUBELET, 36, &value),
            [("logging.sanitization".to_owned(), Issue::NotInMinor { since: 20, until: 24 })]
        );
    }

    #[test]
    fn a_value_the_decoder_refuses_is_a_wrong_type() {
        for (value, problem) in [
            (json!({ "maxPods": "50" }), wrong("maxPods", "a 32-bit integer", "a string")),
            (json!({ "maxPods": 1.5 }), wrong("maxPods", "a 32-bit integer", "a number with a fraction")),
            (json!({ "maxPods": 3_000_000_000_u32 }), wrong("maxPods", "a 32-bit integer", "a number out of range")),
            (json!({ "failSwapOn": "no" }), wrong("failSwapOn", "true or false", "a string")),
            (json!({ "clusterDNS": "10.96.0.10" }), wrong("clusterDNS", "a list", "a string")),
            (json!({ "clusterDNS": [10] }), wrong("clusterDNS[0]", "a string", "a number")),
            (json!({ "evictionHard": { "pid": 5 } }), wrong("evictionHard.pid", "a string", "a number")),
            (json!({ "syncFrequency": 60 }), wrong("syncFrequency", "a duration such as 1m30s", "a number")),
            (json!({ "syncFrequency": null }), wrong("syncFrequency", "a duration such as 1m30s", "null")),
            (
                json!({ "syncFrequency": "1d" }),
                wrong("syncFrequency", "a duration such as 1m30s", "a string that is none"),
            ),
            (json!({ "authentication": [] }), wrong("authentication", "a mapping", "a list")),
            (
                json!({ "logging": { "verbosity": -1 } }),
                wrong("logging.verbosity", "a 32-bit integer, 0 or more", "a number out of range"),
            ),
            (
                json!({ "reservedMemory": [{ "limits": { "memory": "1 Gi" } }] }),
                wrong("reservedMemory[0].limits.memory", "a quantity such as 512Mi", "a string that is none"),
            ),
        ] {
            assert_eq!(kubelet_problem(value), problem);
        }
    }

    #[test]
    fn what_the_decoder_takes_is_no_problem() {
        let value = json!({
            "maxPods": 50.0,
            "clusterDNS": null,
            "logging": { "flushFrequency": "5s", "options": { "json": { "infoBufferSize": 1024 } } },
            "memoryThrottlingFactor": 0.9,
            "featureGates": { "AllBeta": true },
            "reservedMemory": [{ "numaNode": 0, "limits": { "memory": "1.5e3", "hugepages-2Mi": "2Mi" } }],
        });
        assert_eq!(problems(KUBELET, 36, &value), []);
        let nanoseconds = json!({ "logging": { "flushFrequency": 5_000_000_000_i64 } });
        assert_eq!(problems(KUBELET, 27, &nanoseconds), []);
        assert_eq!(problems(KUBELET, 36, &nanoseconds), []);
        assert_eq!(problems(KUBELET, 27, &json!({ "logging": { "flushFrequency": "5s" } })).len(), 1);
    }

    #[test]
    fn set_fields_are_spelled_as_the_encoder_does() {
        let mut value = json!({
            "readOnlyPort": 0,
            "rotateCertificates": false,
            "failSwapOn": false,
            "evictionHard": {},
            "maxPods": 50.0,
            "shutdownGracePeriod": "90s",
            "clusterDomain": null,
            "registerWithTaints": [{ "effect": "NoSchedule" }],
            "notInTheTable": { "a": null },
        });
        fill_zeros(KUBELET, 36, &mut value);
        for absent in ["readOnlyPort", "rotateCertificates", "evictionHard", "clusterDomain"] {
            assert_eq!(value.get(absent), None, "{absent}");
        }
        assert_eq!(value["failSwapOn"], json!(false));
        assert_eq!(value["maxPods"].to_string(), "50");
        assert_eq!(value["shutdownGracePeriod"], "1m30s");
        assert_eq!(value["registerWithTaints"], json!([{ "key": "", "effect": "NoSchedule" }]));
        assert_eq!(value["notInTheTable"], json!({ "a": null }));

        let once = value.clone();
        fill_zeros(KUBELET, 36, &mut value);
        assert_eq!(value, once);
    }

    #[test]
    fn a_field_has_one_row_per_minor() {
        fn check(fields: &[Field]) {
            for minor in 20..=37 {
                let mut names: Vec<_> = fields.iter().filter(|field| field.exists_in(minor)).map(|f| f.name).collect();
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count, "{names:?}");
            }
            for field in fields {
                if let Type::Object(inner) | Type::List(&Type::Object(inner)) = field.ty {
                    check(inner);
                }
            }
        }
        check(KUBELET);
        check(KUBE_PROXY);
    }
}
