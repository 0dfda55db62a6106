//! Rules about the fields of a component's configuration: judged, and made true.

use kubephase_sdk::prelude::*;

use crate::rule::{Rule, Verdict, is_loopback, weak};
use crate::settings::Values;

const BOOTSTRAP: &str = "serverTLSBootstrap";

/// What a rule comes to; nothing if it is not about fields.
pub fn judge(rule: &Rule, document: &Value) -> Option<Verdict> {
    let field = |path: &str| document.pointer(&pointer(path)).filter(|value| !value.is_null());
    Some(match rule {
        Rule::FieldIs(path, wanted) => match field(path) {
            None => missing(path),
            Some(is) if *is == *wanted => Verdict::Fulfilled,
            Some(is) => has(path, is),
        },
        Rule::FieldNot(path, refused) => {
            Verdict::unless(field(path).filter(|is| text(is) == *refused).map(|is| seen(path, is)))
        }
        Rule::FieldSet(path) => {
            field(path).filter(|is| **is != "").map_or_else(|| missing(path), |_| Verdict::Fulfilled)
        }
        Rule::FieldZero(path) => Verdict::unless(field(path).filter(|is| **is != 0).map(|is| seen(path, is))),
        Rule::FieldAny(path, _) => match field(path) {
            None => missing(path),
            Some(is) if is.as_i64().is_some_and(|is| is > 0) => Verdict::Fulfilled,
            Some(is) => has(path, is),
        },
        Rule::FieldLoopback(path) => {
            Verdict::unless(field(path).filter(|is| !is_local(&text(is))).map(|is| seen(path, is)))
        }
        Rule::FieldCiphers(path) => match field(path).and_then(Value::as_array).map(Vec::as_slice) {
            None | Some([]) => missing(path),
            Some(ciphers) => match &weak(ciphers.iter().filter_map(Value::as_str))[..] {
                [] => Verdict::Fulfilled,
                weak => Verdict::Contrary(format!("has {} in {path}", weak.join(", "))),
            },
        },
        Rule::ServingCertificate => {
            let own = ["tlsCertFile", "tlsPrivateKeyFile"].iter().all(|path| field(path).is_some_and(|is| *is != ""));
            match field(BOOTSTRAP) {
                Some(Value::Bool(true)) => Verdict::Fulfilled,
                _ if own => Verdict::Fulfilled,
                None => missing(BOOTSTRAP),
                Some(is) => has(BOOTSTRAP, is),
            }
        }
        _ => return None,
    })
}

/// A merge patch that makes a rule true that was [`Verdict::Missing`], if there is one.
pub fn set(rule: &Rule, values: &Values) -> Option<Value> {
    let (path, value) = match rule {
        Rule::FieldIs(path, value) => (*path, Value::from(*value)),
        Rule::FieldAny(path, value) => (*path, Value::from(value(values))),
        Rule::FieldCiphers(path) => (*path, Value::from(values.ciphers.clone())),
        Rule::ServingCertificate => (BOOTSTRAP, true.into()),
        _ => return None,
    };
    Some(path.rsplit('.').fold(value, |value, key| json!({key: value})))
}

/// `host:port` on the loopback. Empty is the default, which is that.
fn is_local(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    address.is_empty() || is_loopback(host)
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn missing(path: &str) -> Verdict {
    Verdict::Missing(format!("has no {path}"))
}

fn has(path: &str, value: &Value) -> Verdict {
    Verdict::Contrary(seen(path, value))
}

fn seen(path: &str, value: &Value) -> String {
    format!("has {path}: {}", text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_judged() {
        let document = json!({"a": {"b": false}, "n": 10255, "m": "AlwaysAllow", "c": ["RC4"], "d": [],
                              "listen": "0.0.0.0:10249", "local": "[::1]:10249", "pids": -1, "zero": 0});
        let contrary = |seen: &str| Some(Verdict::Contrary(seen.into()));
        let fulfilled = Some(Verdict::Fulfilled);
        for (rule, expected) in [
            (Rule::FieldIs("a.b", false), fulfilled.clone()),
            (Rule::FieldIs("a.b", true), contrary("has a.b: false")),
            (Rule::FieldIs("a.c", true), Some(Verdict::Missing("has no a.c".into()))),
            (Rule::FieldZero("n"), contrary("has n: 10255")),
            (Rule::FieldZero("zero"), fulfilled.clone()),
            (Rule::FieldZero("none"), fulfilled.clone()),
            (Rule::FieldNot("m", "AlwaysAllow"), contrary("has m: AlwaysAllow")),
            (Rule::FieldNot("a.b", "false"), contrary("has a.b: false")),
            (Rule::FieldCiphers("c"), contrary("has RC4 in c")),
            (Rule::FieldCiphers("d"), Some(Verdict::Missing("has no d".into()))),
            (Rule::FieldLoopback("listen"), contrary("has listen: 0.0.0.0:10249")),
            (Rule::FieldLoopback("local"), fulfilled.clone()),
            (Rule::FieldAny("pids", |_| 1), contrary("has pids: -1")),
            (Rule::ServingCertificate, Some(Verdict::Missing("has no serverTLSBootstrap".into()))),
            (Rule::FlagIs("a", "b"), None),
        ] {
            assert_eq!(judge(&rule, &document), expected);
        }
    }

    #[test]
    fn patches_are_as_deep_as_their_path() {
        let values = Values::default();
        let patch = set(&Rule::FieldIs("authentication.anonymous.enabled", false), &values);
        assert_eq!(patch, Some(json!({"authentication": {"anonymous": {"enabled": false}}})));
        assert_eq!(
            set(&Rule::FieldAny("podPidsLimit", |values| values.pod_pids), &values),
            Some(json!({"podPidsLimit": 4096}))
        );
    }
}
