//! The rules that the server holds objects to beyond their types, in its words, for the kinds that bootstrapping and
//! common addons write. Other kinds have only the rules of metadata. Objects are decoded and have their defaults.

mod certificates;
mod config;
mod meta;
mod names;
mod node;
mod pod;
mod probe;
mod rbac;
mod service;
mod update;
mod volume;
mod workload;

use serde_json::Value;

use super::{FieldProblem, Reason};
use crate::kinds::Kind;

/// What is wrong with a new object.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<FieldProblem> {
    let mut problems = Problems::default();
    meta::check(kind, object, &mut problems);
    match kind.group {
        "apps" => workload::check(kind, object, &mut problems),
        "rbac.authorization.k8s.io" => rbac::check(kind, object, &mut problems),
        "certificates.k8s.io" => certificates::check(object, &mut problems),
        "coordination.k8s.io" => node::check_lease(object, &mut problems),
        "" => match kind.kind {
            "ConfigMap" | "Secret" => config::check(kind, object, &mut problems),
            "Service" => service::check(object, &mut problems),
            "Pod" => pod::check(&object["spec"], "spec", &mut problems),
            "Node" => node::check(object, &mut problems),
            _ => {}
        },
        _ => {}
    }
    problems.0
}

/// What is wrong with a change, save for what is wrong with `new` itself.
pub(super) fn check_update(kind: &Kind, old: &Value, new: &Value) -> Vec<FieldProblem> {
    let mut problems = Problems::default();
    update::check(kind, old, new, &mut problems);
    problems.0
}

/// Problems as they are found.
#[derive(Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, reason: Reason, message: String) {
        self.0.push(FieldProblem { path: path.into(), reason, message });
    }

    fn required(&mut self, path: impl Into<String>, detail: &str) {
        let message = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        self.add(path, Reason::Required, message);
    }

    fn invalid(&mut self, path: impl Into<String>, value: &Value, detail: &str) {
        self.add(path, Reason::Invalid, format!("Invalid value: {value}: {detail}"));
    }

    fn unsupported(&mut self, path: impl Into<String>, value: &Value, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        self.add(path, Reason::NotSupported, message);
    }

    fn duplicate(&mut self, path: impl Into<String>, value: &Value) {
        self.add(path, Reason::Duplicate, format!("Duplicate value: {value}"));
    }

    fn forbidden(&mut self, path: impl Into<String>, detail: &str) {
        self.add(path, Reason::Forbidden, format!("Forbidden: {detail}"));
    }

    fn not_found(&mut self, path: impl Into<String>, value: &Value) {
        self.add(path, Reason::NotFound, format!("Not found: {value}"));
    }

    /// Every complaint about one value.
    fn complaints(&mut self, path: &str, value: &Value, complaints: Vec<String>) {
        for complaint in complaints {
            self.invalid(path, value, &complaint);
        }
    }

    /// A value that is one of a few. Nothing is said of one that is not there.
    fn one_of(&mut self, path: impl Into<String>, value: Option<&Value>, supported: &[&str]) {
        if let Some(value @ Value::String(text)) = value
            && !supported.contains(&text.as_str())
        {
            self.unsupported(path, value, supported);
        }
    }

    /// A number that must not be below zero.
    fn not_negative(&mut self, path: impl Into<String>, value: Option<&Value>) {
        if let Some(value) = value.filter(|value| value.as_i64().is_some_and(|number| number < 0)) {
            self.invalid(path, value, "must be greater than or equal to 0");
        }
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list, with the paths to them.
fn items<'a>(object: &'a Value, field: &str, path: &str) -> impl Iterator<Item = (String, &'a Value)> {
    let path = format!("{path}.{field}");
    let items = object.get(field).and_then(Value::as_array).into_iter().flatten();
    items.enumerate().map(move |(index, item)| (format!("{}[{index}]", path.trim_start_matches('.')), item))
}

#[cfg(test)]
mod tests;
