//! What is wrong with grants as they are written.

use super::table::{FACTS, OWN_TARGETS, PATCH_TARGETS, PRIVILEGES};
use super::{Grants, PROBES, host, object, path, probe};
use crate::config::record::nearest;
use crate::names::is_dns1123_label;
use crate::report::Problem;

/// Every problem, with paths below `at`, such as `plugins[0].grants`.
pub fn problems(grants: &Grants, at: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    for capability in Grants::fields() {
        let scopes = grants.list(capability);
        for (i, scope) in scopes.iter().enumerate() {
            let path = format!("{at}.{capability}[{i}]");
            if let Some(problem) = problem(capability, scope, &path) {
                found.push(problem);
            } else if scopes[..i].contains(scope) {
                found.push(Problem::warning(path, format!("`{scope}` is granted twice")).hint("take one out"));
            } else if matches!(capability, "files" | "writes" | "hostPaths") && matches!(&**scope, "/" | "/**") {
                let message = format!("`{scope}` is everything on this machine");
                found.push(Problem::warning(path, message).hint("grant what the plugin needs"));
            }
        }
    }
    found
}

fn problem(capability: &str, scope: &str, at: &str) -> Option<Problem> {
    let wrong = |(why, hint): (&str, &str)| Problem::error(at, format!("`{scope}`: {why}")).hint(hint);
    if scope.is_empty() {
        return Some(Problem::error(at, "it is empty").hint("take it out"));
    }
    match capability {
        "facts" => unknown("a fact", scope, FACTS, at),
        "files" | "writes" => path::fault(scope).map(wrong),
        "kube" => object::kube_fault(scope).map(wrong),
        "objects" => object::read(scope).err().map(wrong),
        "http" => host::http_fault(scope).map(wrong),
        "probe" => {
            let known: Vec<&str> = PROBES.iter().map(|(name, _)| *name).collect();
            let function = scope.split(':').next().unwrap_or_default();
            unknown("a probe", function, &known, at).or_else(|| probe::fault(scope).map(wrong))
        }
        "patches" => target(scope, &[], at),
        "privileges" => {
            let known: Vec<&str> = PRIVILEGES.iter().map(|(name, _)| *name).collect();
            let (place, name) = scope.rsplit_once(':').map_or((None, scope), |(place, name)| (Some(place), name));
            let place = place.and_then(|place| target(place, OWN_TARGETS, at));
            place.or_else(|| unknown("a privilege", name, &known, at))
        }
        "hostPaths" if scope.contains('*') => {
            Some(wrong(("there is no `*` in here", "name the directory: what is below it is granted too")))
        }
        "hostPaths" => path::fault(scope).map(wrong),
        _ => None,
    }
}

fn target(name: &str, more: &[&str], at: &str) -> Option<Problem> {
    match name.strip_prefix("plugin:") {
        Some("*") => None,
        Some(plugin) if is_dns1123_label(plugin) => None,
        Some(plugin) => Some(
            Problem::error(at, format!("`{plugin}` is no plugin's name"))
                .hint("write plugin:<name>, or plugin:* for the objects of every plugin"),
        ),
        None => unknown("a target of patches", name, &[PATCH_TARGETS, more].concat(), at),
    }
}

fn unknown(what: &str, name: &str, known: &[&str], at: &str) -> Option<Problem> {
    if known.contains(&name) {
        return None;
    }
    let hint = match nearest(name, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known ones: {}", known.join(", ")),
    };
    Some(Problem::error(at, format!("`{name}` is not {what}")).hint(hint))
}
