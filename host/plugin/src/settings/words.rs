//! What a schema does not like, in our words.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as E};
use jsonschema::paths::{Location, LocationSegment};
use kubephase_model::Problem;
use kubephase_model::config::record::nearest;
use serde_json::Value;

use crate::told::one_line;

/// The problems behind an error: one for each unknown setting, otherwise one. Texts that the user wrote are not repeated but
/// where few are possible: they may be secrets.
pub(super) fn problems(error: &ValidationError<'_>, schema: &Value, at: &str) -> Vec<Problem> {
    let path = path(at, error.instance_path());
    match error.kind() {
        E::AdditionalProperties { unexpected } | E::UnevaluatedProperties { unexpected } => {
            let around = around(error, schema);
            let known: Vec<&str> = names(around);
            unexpected.iter().map(|name| unknown(&path, name, &known)).collect()
        }
        _ => {
            let (message, hint) = say(error, schema);
            let problem = Problem::error(path, message);
            vec![hint.into_iter().fold(problem, Problem::hint)]
        }
    }
}

fn unknown(path: &str, name: &str, known: &[&str]) -> Problem {
    let hint = match nearest(name, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "take it out".into(),
        None => format!("known ones: {}", known.join(", ")),
    };
    let name = one_line(name, 80);
    Problem::error(format!("{path}.{name}"), format!("unknown setting `{name}`")).hint(one_line(&hint, 500))
}

/// `plugins[2].settings.list[0].name`.
fn path(at: &str, location: &Location) -> String {
    location.iter().fold(at.to_owned(), |path, segment| match segment {
        LocationSegment::Property(name) => format!("{path}.{}", one_line(&name, 80)),
        LocationSegment::Index(index) => format!("{path}[{index}]"),
    })
}

/// The part of the schema that has the keyword that failed.
fn around<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let path = error.schema_path().as_str();
    schema.pointer(path.rsplit_once('/').map_or("", |(parent, _)| parent))
}

fn names(around: Option<&Value>) -> Vec<&str> {
    let fields = around.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    fields.into_iter().flat_map(|fields| fields.keys()).map(String::as_str).collect()
}

/// What the schema says about the setting.
fn description(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    let text = around(error, schema)?.get("description")?.as_str()?;
    Some(one_line(text, 300)).filter(|text| !text.is_empty())
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn type_noun(name: &str) -> &'static str {
    match name {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "a list",
        _ => "a mapping",
    }
}

fn say(error: &ValidationError<'_>, schema: &Value) -> (String, Option<String>) {
    let hint = || description(error, schema);
    let found = error.instance();
    let message = match error.kind() {
        E::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(one) => type_noun(one.as_str()).to_owned(),
                TypeKind::Multiple(some) => {
                    some.iter().map(|one| type_noun(one.as_str())).collect::<Vec<_>>().join(" or ")
                }
            };
            let quotes = expected == "a string" && matches!(**found, Value::Number(_) | Value::Bool(_));
            let hint = if quotes { Some("put it in quotes".into()) } else { hint() };
            return (format!("expected {expected}, found {}", noun(found)), hint);
        }
        E::Required { property } => format!("`{}` is missing", plain(property)),
        E::Enum { options } => {
            let known: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            let list = one_line(&known.join(", "), 300);
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let guess =
                found.as_str().and_then(|typed| nearest(typed, &known)).map(|name| format!("did you mean `{name}`?"));
            return (format!("it is not one of {list}"), guess.or_else(hint));
        }
        E::Constant { expected_value } => format!("it must be {}", plain(expected_value)),
        E::Minimum { limit } => format!("it must be {limit} or more"),
        E::ExclusiveMinimum { limit } => format!("it must be more than {limit}"),
        E::Maximum { limit } => format!("it must be {limit} or less"),
        E::ExclusiveMaximum { limit } => format!("it must be less than {limit}"),
        E::MultipleOf { multiple_of } => format!("it must be a multiple of {multiple_of}"),
        E::MinLength { limit: 1 } => "it is empty".to_owned(),
        E::MinLength { limit } => format!("it must have {limit} characters or more"),
        E::MaxLength { limit } => format!("it must have {limit} characters or fewer"),
        E::MinItems { limit: 1 } | E::MinProperties { limit: 1 } => "it is empty".to_owned(),
        E::MinItems { limit } | E::MinProperties { limit } => format!("it must have {limit} entries or more"),
        E::MaxItems { limit } | E::MaxProperties { limit } => format!("it must have {limit} entries or fewer"),
        E::AdditionalItems { limit } => format!("it must have {limit} entries or fewer"),
        E::UniqueItems => "it has the same entry twice".to_owned(),
        E::Contains => "it has no entry of the kind that is needed".to_owned(),
        E::Pattern { pattern } => format!("it does not match the pattern `{}`", one_line(pattern, 200)),
        E::Format { format } => format!("it is no {}", one_line(format, 40)),
        E::FalseSchema => "it is not allowed here".to_owned(),
        E::Not { .. } => "it is what it must not be".to_owned(),
        E::PropertyNames { error } => format!("a name in it cannot be used: {}", say(error, schema).0),
        E::AnyOf { context } | E::OneOfNotValid { context } => {
            let closest = context.iter().filter(|errors| !errors.is_empty()).min_by_key(|errors| errors.len());
            let closest = closest.and_then(|errors| errors.first());
            let own = error.instance_path().as_str();
            let closest = closest.map(|error| {
                let below = error.instance_path().as_str().strip_prefix(own).unwrap_or_default();
                let path = below.trim_start_matches('/').replace('/', ".");
                let place = if path.is_empty() { String::new() } else { format!("{}: ", one_line(&path, 80)) };
                format!("what comes closest says: {place}{}", say(error, schema).0)
            });
            return ("it fits none of the forms that are allowed".into(), hint().or(closest));
        }
        E::OneOfMultipleValid { .. } => "it fits more than one of the forms that are allowed".to_owned(),
        kind => format!("it does not fit the schema (`{}`)", kind.keyword()),
    };
    (message, hint())
}

fn plain(value: &Value) -> String {
    one_line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned), 80)
}
