//! What a mutator makes of a document: its patches applied, the result judged. A document that breaks a rule is never
//! handed on.

use kubephase_model::plugin::Patch;
use kubephase_render::patch::{PatchSet, PatchType, Target};
use kubephase_workflow::extension::ExtensionFailure;
use serde_json::Value;

use crate::error::CallError;
use crate::judge::Refusal;
use crate::told::one_line;

/// The document after the patches. They have been judged by themselves; what comes of them has not.
pub(crate) fn apply(plugin: &str, target: &str, document: &Value, patches: &[Patch]) -> Result<Value, CallError> {
    let invalid = |message: String| {
        CallError::new(ExtensionFailure::Invalid, message, "this is a fault of the plugin: tell its maker")
    };
    let Some(known) = Target::of_plugins(target) else {
        return Err(invalid(format!("`{target}` is no document that is patched")));
    };
    let bodies = patches.iter().filter_map(|patch| Some((PatchType::named(&patch.language)?, patch.body.clone())));
    let whose = format!("of plugin `{plugin}`");
    let set = PatchSet::given(&whose, known, bodies).map_err(|wrong| {
        let wrong: Vec<String> = wrong.into_iter().map(|(index, why)| format!("patches[{index}]: {why}")).collect();
        invalid(wrong.join("; "))
    })?;
    let patched = set.apply(known, document.clone()).map_err(|error| {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message.push_str(&format!(": {error}"));
            cause = error.source();
        }
        let told = invalid(message);
        CallError { hint: error.hint().or(told.hint.clone()), ..told }
    })?;
    if patched.dropped.is_empty() {
        return Ok(patched.value);
    }
    Err(invalid(format!("it sets {}, which {target} does not have", patched.dropped.join(", "))))
}

/// The document as patching spells it, without a change: Go's encoding leaves fields out that say what is the default.
pub(crate) fn spelt(plugin: &str, target: &str, document: &Value) -> Result<Value, CallError> {
    let nothing = Patch {
        target: target.to_owned(),
        language: "merge".to_owned(),
        body: Value::Object(serde_json::Map::new()),
        reason: String::new(),
    };
    apply(plugin, target, document, &[nothing])
}

/// Patches for other documents than the one that was asked about.
pub(crate) fn strays(patches: &[Patch], target: &str) -> Vec<Refusal> {
    let stray = patches.iter().enumerate().filter(|(_, patch)| patch.target != target);
    stray
        .map(|(index, patch)| Refusal {
            what: format!(
                "patches[{index}] is for `{}`, but it was asked about `{target}`",
                one_line(&patch.target, 80)
            ),
            grant: None,
        })
        .collect()
}

/// An error of everything that was refused, if anything was.
pub(crate) fn accept(refusals: Vec<Refusal>) -> Result<(), CallError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let what: Vec<&str> = refusals.iter().map(|refusal| refusal.what.as_str()).collect();
    let mut lines: Vec<&str> = refusals.iter().filter_map(|refusal| refusal.grant.as_deref()).collect();
    lines.sort_unstable();
    lines.dedup();
    let hint = if lines.is_empty() {
        "nothing can allow this: tell the plugin's maker".to_owned()
    } else {
        format!("if that is what you want, add to `grants` of its entry: {}", lines.join("; "))
    };
    Err(CallError::new(ExtensionFailure::Refused, format!("refused: {}", what.join("; ")), &hint))
}

#[cfg(test)]
mod tests {
    use kubephase_model::plugin::Patch;
    use serde_json::json;

    use super::{spelt, strays};

    #[test]
    fn what_was_not_asked_about_is_not_patched() {
        let patch = |target: &str| Patch {
            target: target.to_owned(),
            language: "merge".into(),
            body: json!({}),
            reason: "to help".into(),
        };
        let found = strays(&[patch("kube-apiserver"), patch("etcd")], "kube-apiserver");
        let told: Vec<&str> = found.iter().map(|refusal| &*refusal.what).collect();
        assert_eq!(told, ["patches[1] is for `etcd`, but it was asked about `kube-apiserver`"]);
    }

    #[test]
    fn a_default_that_is_spelt_out_is_no_change_of_a_patch() {
        let daemon_set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "kube-proxy"}, "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "kube-proxy", "image": "a:1",
                "volumeMounts": [{"name": "lock", "mountPath": "/run/xtables.lock", "readOnly": false}]}]}}}});
        let spelt = spelt("mirror", "kubeproxydaemonset", &daemon_set).unwrap_or_default();
        assert_eq!(
            spelt.pointer("/spec/template/spec/containers/0/volumeMounts/0"),
            Some(&json!({"name": "lock", "mountPath": "/run/xtables.lock"}))
        );
    }
}
