mod changes;
mod proposals;

use kubephase_model::plugin::{Description, PluginEntry};
use serde_json::json;

use super::*;

/// Grants as they stand in a configuration: `patches: kube-apiserver; hostPaths: /a /b`.
fn grants(text: &str) -> Grants {
    let mut grants = Grants::default();
    for line in text.split(';').filter(|line| !line.trim().is_empty()) {
        let (capability, scopes) = line.trim().split_once(": ").expect("a capability and its scopes");
        let list = grants.list_mut(capability).expect("a capability");
        list.extend(scopes.split(' ').map(str::to_owned));
    }
    let problems = kubephase_model::plugin::grants::problems(&grants, "g");
    assert!(problems.iter().all(|problem| problem.severity == kubephase_model::Severity::Warning), "{problems:?}");
    grants
}

fn plugin(text: &str) -> Plugin {
    Plugin {
        entry: PluginEntry { name: "p".into(), grants: grants(text), ..PluginEntry::default() },
        description: Description::default(),
        kinds: Vec::new(),
        digest: String::new(),
        signer: None,
    }
}

/// What is refused, with the grant behind it.
fn lines(refusals: &[Refusal]) -> Vec<String> {
    let line = |refusal: &Refusal| match &refusal.grant {
        Some(grant) => format!("{} [{grant}]", refusal.what),
        None => refusal.what.clone(),
    };
    refusals.iter().map(line).collect()
}

/// Whether the lines that refusals name allow it all, once they are granted.
fn allowed_by_its_lines(judge: impl Fn(&Grants) -> Vec<Refusal>, given: &Grants) {
    let mut grants = given.clone();
    let refusals = judge(&grants);
    for line in refusals.iter().filter_map(|refusal| refusal.grant.as_deref()) {
        let (capability, scope) = line.split_once(": [").expect("a line");
        let scope = scope.trim_end_matches(']').trim_matches('"');
        grants.list_mut(capability).expect("a capability").push(scope.to_owned());
    }
    let left: Vec<Refusal> = judge(&grants).into_iter().filter(|refusal| refusal.grant.is_some()).collect();
    assert!(left.is_empty(), "{left:?}");
}
