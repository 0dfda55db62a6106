//! Lists as rows to print, which `kubectl get` asks the server for: the columns that the real server has for the kinds
//! that a bootstrap shows, name and age for the others.

mod columns;
mod custom;
mod pod;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::clock;
use crate::kinds::Kind;

/// What a cell is made of.
struct Row<'a> {
    object: &'a Value,
    now: SystemTime,
}

/// One column.
struct Column {
    name: &'static str,
    /// `string`, `integer`, `date` or `boolean`.
    ty: &'static str,
    /// Shown by `-o wide` only.
    wide: bool,
    cell: fn(&Row<'_>) -> Value,
}

/// An object or a list of a kind as `meta.k8s.io/v1` `Table`. `include` says what goes along with each row: `None`,
/// `Metadata` (the default) or `Object`.
pub fn table(kind: &Kind, object: &Value, include: &str, now: SystemTime) -> Value {
    let items: Vec<&Value> = object.get("items").and_then(Value::as_array).map_or(vec![object], |l| l.iter().collect());
    // A definition's columns stand for the age.
    let columns = if kind.printed.is_empty() { columns::of(kind) } else { columns::NAME_ALONE };
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let cells = columns.iter().map(|column| (column.cell)(&Row { object: item, now }));
            let added = kind.printed.iter().map(|column| custom::cell(column, &Row { object: item, now }));
            let mut row = json!({ "cells": cells.chain(added).collect::<Vec<_>>() });
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
    let described = |name: &str, ty: &str, wide: bool| {
        let format = if name == "Name" { "name" } else { "" };
        json!({ "name": name, "type": ty, "format": format, "description": "", "priority": i32::from(wide) })
    };
    let columns = columns.iter().map(|column| described(column.name, column.ty, column.wide));
    let added = kind.printed.iter().map(|column| described(column.name, column.ty, column.wide));
    let columns: Vec<Value> = columns.chain(added).collect();
    let meta = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
    let mut table = json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta,
        "columnDefinitions": columns, "rows": rows,
    });
    for field in ["continue", "remainingItemCount"] {
        if let Some(value) = object["metadata"].get(field) {
            table["metadata"][field] = value.clone();
        }
    }
    table
}

impl Row<'_> {
    /// A field by its path; null if it is not there.
    fn at(&self, path: &str) -> &Value {
        path.split('.').fold(self.object, |value, part| &value[part])
    }

    fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    fn number(&self, path: &str) -> i64 {
        self.at(path).as_i64().unwrap_or(0)
    }

    fn list(&self, path: &str) -> impl Iterator<Item = &Value> {
        self.at(path).as_array().into_iter().flatten()
    }

    fn condition(&self, ty: &str) -> Option<&Value> {
        self.list("status.conditions").find(|condition| condition["type"] == ty)
    }

    fn since(&self, path: &str) -> String {
        self.since_time(self.text(path))
    }

    fn since_time(&self, then: &str) -> String {
        match clock::read(then) {
            Some(then) => duration(self.now.duration_since(then).map_or(0, |since| since.as_secs())),
            None => "<unknown>".to_owned(),
        }
    }
}

/// A length of time as kubectl shows it: two units at most, one if it is long (Go's `duration.HumanDuration`).
fn duration(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let two = |large: u64, large_unit: char, small: u64, small_unit: char| {
        let rest = seconds % large / small;
        if rest == 0 {
            format!("{}{large_unit}", seconds / large)
        } else {
            format!("{}{large_unit}{rest}{small_unit}", seconds / large)
        }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(MINUTE, 'm', 1, 's'),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(HOUR, 'h', MINUTE, 'm'),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(DAY, 'd', HOUR, 'h'),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(YEAR, 'y', DAY, 'd'),
        _ => format!("{}y", seconds / YEAR),
    }
}

fn or_none(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "<none>".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
