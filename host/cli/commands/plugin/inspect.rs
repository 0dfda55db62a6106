//! `plugin inspect`: what a plugin is, what it needs and what it may do, in words for who has to decide.

use std::time::Duration;

use kubephase_model::plugin::{Description, PluginEntry};
use kubephase_plugin::{Export, Limits, Workbench};
use serde_json::{Map, Value, json};

use super::{Got, Told};
use crate::args::plugin::InspectArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::printer::{grants, out};

pub fn run(args: &InspectArgs, global: &Global) -> Outcome {
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    runtime.block_on(async {
        let told = Told::new(global);
        let got = Got::of(&args.plugin, &args.which, &args.get, &told, global).await?;
        let facts = facts(&got);
        out(&match global.output {
            Output::Json => format!("{facts:#}\n"),
            Output::Yaml => kubephase_render::yaml(&facts),
            Output::Text => text(&got),
        });
        Ok(())
    })
}

fn facts(got: &Got) -> Value {
    let bench = &got.bench;
    let description = serde_json::to_value(bench.description()).unwrap_or_default();
    let limits = limits(&got.entry, bench);
    let mut facts = Map::new();
    facts.extend(description.as_object().cloned().unwrap_or_default());
    facts.insert("kinds".into(), json!(bench.kinds()));
    facts.insert("imports".into(), json!(bench.imports()));
    facts.insert("digest".into(), json!(bench.digest()));
    facts.insert("size".into(), json!(bench.size()));
    facts.insert("signer".into(), json!(got.signer));
    facts.insert("limits".into(), limits);
    Value::Object(facts)
}

fn limits(entry: &PluginEntry, bench: &Workbench) -> Value {
    let limits = Limits::of(entry);
    let calls = Export::ALL.into_iter().filter(|export| bench.kinds().contains(&export.kind()));
    let calls: Map<String, Value> =
        calls.map(|export| (export.name().to_owned(), json!(export.budget(&limits).as_secs_f64()))).collect();
    json!({
        "memory": limits.memory,
        "output": limits.output,
        "fuel": limits.fuel,
        "tableElements": limits.table_elements,
        "instances": limits.instances,
        "seconds": calls,
    })
}

fn text(got: &Got) -> String {
    let bench = &got.bench;
    let Description { name, version, about, settings_schema, wants, before, after, .. } = bench.description();
    let kinds: Vec<&str> = bench.kinds().iter().map(|kind| kind.name()).collect();
    let limits = Limits::of(&got.entry);
    let calls: Vec<String> = Export::ALL
        .into_iter()
        .filter(|export| bench.kinds().contains(&export.kind()))
        .map(|export| format!("{} {}", export.name(), seconds(export.budget(&limits))))
        .collect();
    let mut text = format!("{name} {version}: {about}\n\n");
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:10} {value}\n"));
    row("kinds", kinds.join(", "));
    row("digest", bench.digest().to_owned());
    row("size", format!("{} KB", bench.size().div_ceil(1000)));
    row("signed by", got.signer.clone().unwrap_or_else(|| "no signature was asked for".to_owned()));
    row(
        "imports",
        if bench.imports().is_empty() { "nothing".to_owned() } else { bench.imports().join("\n           ") },
    );
    row(
        "limits",
        format!("{} MiB memory, {} KiB in and out; {}", limits.memory >> 20, limits.output >> 10, calls.join(", ")),
    );
    for (name, list) in [("before", before), ("after", after)] {
        if !list.is_empty() {
            row(name, list.join(", "));
        }
    }
    for (name, value) in &bench.description().attributes {
        row(name, value.clone());
    }
    if wants.is_empty() {
        text.push_str("\nIt wants nothing granted: it cannot look at the node or the cluster, and cannot have anything changed.\n");
    } else {
        text.push_str("\nIt wants to\n\n");
        text.push_str(&grants::wants(wants));
        text.push_str("\nTo grant all of it, its entry gets\n\n");
        text.push_str(&grants::paste(wants, "    "));
    }
    if let Some(schema) = settings_schema {
        text.push_str("\nSettings\n\n");
        text.push_str(&settings(schema));
    }
    text
}

fn seconds(budget: Duration) -> String {
    format!("{} s", budget.as_secs_f64())
}

/// The properties of a schema, one line each.
fn settings(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else { return format!("  {schema}\n") };
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let mut text = String::new();
    for (name, property) in properties {
        let kind = match (&property["type"], property["enum"].as_array()) {
            (_, Some(values)) => values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "),
            (Value::String(kind), _) => kind.clone(),
            (other, _) if other.is_null() => "any".to_owned(),
            (other, _) => other.to_string(),
        };
        let default = property.get("default").map(|value| format!(", default {value}")).unwrap_or_default();
        let needed = if is_required(name) { ", required" } else { "" };
        text.push_str(&format!("  {name} ({kind}{default}{needed})\n"));
        if let Some(about) = property["description"].as_str() {
            text.push_str(&format!("      {about}\n"));
        }
    }
    text
}
