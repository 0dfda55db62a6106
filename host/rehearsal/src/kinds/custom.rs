//! Kinds that CustomResourceDefinitions declare. They live as long as the process, as the others do: each that is met
//! is made once. Schemas, conversion and `scale` of definitions are not looked at.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::{KINDS, Kind};

/// A column that a definition adds for `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed {
    /// Its heading.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub ty: &'static str,
    /// Where the value is, as a JSON path: `.spec.size`.
    pub path: &'static str,
    /// Shown by `-o wide` only.
    pub wide: bool,
}

static MADE: Mutex<BTreeMap<String, &'static Kind>> = Mutex::new(BTreeMap::new());

impl Kind {
    /// The kinds that a definition has served, one for each version, the first one first.
    pub fn declared(definition: &Value) -> Vec<&'static Self> {
        let spec = &definition["spec"];
        let versions = spec["versions"].as_array().into_iter().flatten();
        versions.filter(|version| version["served"] == true).map(|version| of(spec, version)).collect()
    }

    /// Whether a definition declares it.
    pub fn is_custom(&self) -> bool {
        !KINDS.iter().any(|known| known.is_same_resource(self))
    }

    /// Whether the objects of both are the same ones, perhaps in another version.
    pub fn is_same_resource(&self, other: &Self) -> bool {
        self.group == other.group && self.plural == other.plural
    }
}

fn of(spec: &Value, version: &Value) -> &'static Kind {
    let names = &spec["names"];
    let columns = &version["additionalPrinterColumns"];
    let status = version["subresources"]["status"].is_object();
    let all = json!([spec["group"], spec["scope"], names, version["name"], columns, status]);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(all.to_string()).or_insert_with(|| {
        let kind = Kind {
            group: text(&spec["group"]),
            version: text(&version["name"]),
            kind: text(&names["kind"]),
            plural: text(&names["plural"]),
            singular: text(&names["singular"]),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            status,
            subresources: &[],
            printed: columns.as_array().into_iter().flatten().map(printed).collect::<Vec<_>>().leak(),
        };
        Box::leak(Box::new(kind))
    })
}

fn printed(column: &Value) -> Printed {
    Printed {
        name: text(&column["name"]),
        ty: text(&column["type"]),
        path: text(&column["jsonPath"]),
        wide: column["priority"].as_i64().unwrap_or(0) > 0,
    }
}

fn text(value: &Value) -> &'static str {
    value.as_str().unwrap_or_default().to_owned().leak()
}

fn texts(value: &Value) -> &'static [&'static str] {
    value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().leak()
}
