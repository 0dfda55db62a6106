//! Patches by themselves; what they make of a document is judged when they have been applied.

use kubephase_model::plugin::Patch;
use kubephase_model::plugin::grants::table::PATCH_TARGETS;
use serde_json::Value;

use super::bench::{Bench, shown};

/// The most values that all patches of one answer may have together: lists are merged item by item, and the time for that
/// grows with the square.
const VALUES: usize = 10_000;

pub(super) fn judge(patches: &[Patch], bench: &mut Bench<'_>) {
    let values: usize = patches.iter().map(|patch| values(&patch.body)).sum();
    if values > VALUES {
        bench.at("patches");
        return bench.never("", format!("they have {values} values together; {VALUES} are allowed"));
    }
    for (i, patch) in patches.iter().enumerate() {
        bench.at(format!("patches[{i}]"));
        let plugin = patch.target.strip_prefix("plugin:");
        if !PATCH_TARGETS.contains(&&*patch.target) && !plugin.is_some_and(kubephase_model::names::is_dns1123_label) {
            bench.never("", format!("`{}` is no document that is patched", shown(&patch.target)));
        } else if !bench.grants.allows_patch(&patch.target) {
            bench.ungranted("", "patches", &patch.target, format!("{} may not be patched", shown(&patch.target)));
        }
        match (&*patch.language, &patch.body) {
            ("json", Value::Array(_)) | ("merge" | "strategic", Value::Object(_)) => {}
            ("json", _) => bench.never("", "a JSON patch is a list of operations"),
            ("merge" | "strategic", _) => bench.never("", format!("a {} patch is a mapping", patch.language)),
            (language, _) => bench.never("", format!("`{}` is no language of patches", shown(language))),
        }
        super::findings::line("reason", &patch.reason, 500, bench);
    }
}

/// How many values it has in it, itself included.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(fields) => fields.values().map(values).sum(),
        _ => 0,
    }
}
