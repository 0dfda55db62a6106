//! Settings against a plugin's own JSON Schema (draft 2020-12). The schema is the plugin's word and is not trusted: it
//! reaches nothing outside of itself, does not refer to itself in a circle, and its patterns cannot be made to take long.

mod bounds;
mod words;

use std::collections::BTreeSet;

use jsonschema::{Draft, PatternOptions, Validator};
use kubephase_model::Problem;
use kubephase_model::config::load::Documents;
use kubephase_model::plugin::PluginEntry;
use kubephase_model::plugin::config::KIND;
use kubephase_model::report::Place;
use kubephase_model::yaml::Kind;
use serde_json::Value;

use crate::told::one_line;

/// Bytes that a compiled pattern may take.
const PATTERN: usize = 1 << 20;
/// More problems than this of one plugin's settings help nobody.
const MOST: usize = 50;

/// Whether a schema can be used; otherwise why not.
pub(crate) fn check_schema(schema: &Value) -> Result<(), String> {
    validator(schema).map(drop)
}

/// Everything that is wrong with settings, one line each with its path.
pub(crate) fn problems(schema: &Value, settings: &Value) -> Vec<String> {
    let line = |problem: Problem| match problem.hint.clone() {
        Some(hint) => format!("{problem} ({hint})"),
        None => problem.to_string(),
    };
    check(Some(schema), settings, "settings", "the plugin").into_iter().map(line).collect()
}

/// Everything that is wrong with the settings of a plugin of the configuration, each with its path and, if it was read from
/// a file, its place. `index` is its number there; a plugin without a schema has no settings.
pub fn judge(schema: Option<&Value>, entry: &PluginEntry, index: usize, documents: Option<&Documents>) -> Vec<Problem> {
    let at = format!("plugins[{index}].settings");
    let mut found = check(schema, &entry.settings, &at, &format!("the plugin `{}`", entry.name));
    for problem in &mut found {
        problem.place = documents.and_then(|documents| place(documents, &problem.path));
    }
    // In the order of the file, not of the schema.
    found.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.line, place.column)));
    found
}

/// Where a setting stands: its name, if it has one, so that an unknown one is shown as such.
fn place(documents: &Documents, path: &str) -> Option<Place> {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    if let Kind::Map(entries) = &documents.node(KIND, parent)?.kind
        && let Some((key, _)) = entries.iter().find(|(key, _)| key.name == name)
    {
        return Some(key.place.clone());
    }
    documents.place(KIND, path)
}

fn check(schema: Option<&Value>, settings: &Value, at: &str, whose: &str) -> Vec<Problem> {
    let empty = Value::Object(serde_json::Map::new());
    let settings = if settings.is_null() { &empty } else { settings };
    let Some(schema) = schema else {
        let nothing = *settings == empty;
        let problem = || Problem::error(at, format!("{whose} has no settings")).hint("take them out");
        return if nothing { Vec::new() } else { vec![problem()] };
    };
    let validator = match validator(schema) {
        Ok(validator) => validator,
        Err(why) => {
            let message = format!("the schema of {whose} for its settings is not valid: {why}");
            return vec![Problem::error(at, message).hint("this is a fault of the plugin: tell its maker")];
        }
    };
    let mut seen = BTreeSet::new();
    let errors = validator.iter_errors(settings).flat_map(|error| words::problems(&error, schema, at));
    errors.filter(|problem| seen.insert((problem.path.clone(), problem.message.clone()))).take(MOST).collect()
}

fn validator(schema: &Value) -> Result<Validator, String> {
    bounds::check(schema)?;
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN))
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| {
            let path = error.instance_path().as_str();
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            one_line(&format!("{place}{error}"), 300)
        })
}

#[cfg(test)]
mod tests;
