//! How much work a schema may make. Each `$ref` is counted as what it refers to, so that one in which few lines stand for
//! millions is refused before it is used.

use std::collections::BTreeMap;

use serde_json::Value;

/// The largest schema, in bytes.
const LARGEST: usize = 256 << 10;
/// The most values that it may stand for with all references written out.
const MOST: u64 = 20_000;
/// The version that is understood.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Why a schema is not taken.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err("it is neither an object nor a truth value".into());
    }
    let size = schema.to_string().len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes; {LARGEST} are allowed"));
    }
    match schema.get("$schema").map(|dialect| dialect.as_str().unwrap_or_default().trim_end_matches('#')) {
        None | Some(DIALECT) => {}
        Some(_) => return Err(format!("its `$schema` is not {DIALECT}")),
    }
    let mut costs = BTreeMap::new();
    let cost = weigh(schema, schema, &mut costs)?;
    if cost > MOST {
        return Err(format!("with all references written out it has {cost} values; {MOST} are allowed"));
    }
    Ok(())
}

/// How many values a part stands for. What is being weighed has no weight yet: whoever refers to it goes in a circle.
fn weigh<'s>(part: &'s Value, root: &'s Value, costs: &mut BTreeMap<&'s str, Option<u64>>) -> Result<u64, String> {
    match part {
        Value::Object(fields) => {
            let mut cost = 1_u64;
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(target)) => cost = cost.saturating_add(refer(target, root, costs)?),
                    (
                        "$dynamicRef" | "$recursiveRef" | "$dynamicAnchor" | "$recursiveAnchor" | "$anchor",
                        Value::String(_),
                    ) => {
                        return Err(format!("`{name}` is not used here: write `$ref` with `#/…`"));
                    }
                    ("enum" | "const" | "default" | "examples", _) => cost = cost.saturating_add(1),
                    (_, value) => cost = cost.saturating_add(weigh(value, root, costs)?),
                }
            }
            Ok(cost)
        }
        Value::Array(items) => {
            items.iter().try_fold(1_u64, |cost, item| Ok(cost.saturating_add(weigh(item, root, costs)?)))
        }
        _ => Ok(1),
    }
}

fn refer<'s>(target: &'s str, root: &'s Value, costs: &mut BTreeMap<&'s str, Option<u64>>) -> Result<u64, String> {
    match costs.get(target) {
        Some(Some(cost)) => return Ok(*cost),
        Some(None) => return Err(format!("`{target}` refers to itself")),
        None => {}
    }
    let Some(pointer) = target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return Err(format!("`$ref: {target}` leads out of it: only `#/…` is followed"));
    };
    let part = root.pointer(pointer).ok_or_else(|| format!("there is nothing at `{target}`"))?;
    costs.insert(target, None);
    let cost = weigh(part, root, costs)?;
    costs.insert(target, Some(cost));
    Ok(cost)
}
