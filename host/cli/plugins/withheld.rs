//! What plugins want and are granted nothing of. Most of that is the operator's choice, and only told; without some of it a
//! plugin cannot do the one thing that it is there for.

use kubephase_model::config::load::Documents;
use kubephase_model::plugin::{Grants, Kind, Plugin, PluginConfiguration, Want};
use kubephase_model::{Problem, Report};

use super::Configured;

/// Warnings, and errors where a plugin would come to nothing, or would only fail in the middle of the run.
pub fn withheld(configuration: &PluginConfiguration, documents: Option<&Documents>, plugins: &[Plugin]) -> Report {
    let mut report = Report::default();
    for plugin in plugins {
        let index = configuration.plugins.iter().position(|entry| entry.name == plugin.name()).unwrap_or_default();
        let configured = Configured { configuration, documents, control_plane: true };
        let (path, place) = configured.place(index, ".grants");
        for capability in Grants::fields() {
            let wants: Vec<Want> =
                plugin.description.wants.iter().filter(|want| want.capability == *capability).cloned().collect();
            let wanted = Grants::of_wants(&wants);
            if wanted.is_empty() || !plugin.entry.grants.list(capability).is_empty() {
                continue;
            }
            let reasons: Vec<&str> = wants.iter().map(|want| want.reason.as_str()).collect();
            let mut message = format!(
                "`{}` wants `{capability}` (\"{}\"), and is granted nothing of it",
                plugin.name(),
                reasons.join("; ")
            );
            let vain = in_vain(plugin, capability);
            if let Some(why) = vain {
                message.push_str(&format!(": {why}"));
            }
            let new = if vain.is_some() { Problem::error } else { Problem::warning };
            let hint = "`kubephase plugin inspect` shows what it wants, ready to be pasted";
            report.push(new(path.clone(), message).at(place.clone()).hint(hint));
        }
    }
    report
}

/// Why a plugin need not run without the capability.
fn in_vain(plugin: &Plugin, capability: &str) -> Option<&'static str> {
    match capability {
        "patches" if plugin.kinds == [Kind::Mutator] => Some("it would be asked about no document"),
        "objects" if plugin.is(Kind::Addon) => Some("its objects would be refused when the control plane is up"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kubephase_model::plugin::{Description, PluginEntry};

    use super::*;

    fn plugin(kinds: &[Kind], wants: &[&str], granted: &[&str]) -> Plugin {
        let mut entry = PluginEntry { name: "a".into(), ..PluginEntry::default() };
        for capability in granted {
            entry.grants.list_mut(capability).expect("a capability").push("x".into());
        }
        let want = |capability: &&str| Want {
            capability: (*capability).to_owned(),
            scopes: vec!["x".into()],
            reason: "why".into(),
        };
        let description = Description { wants: wants.iter().map(want).collect(), ..Description::default() };
        Plugin { entry, description, kinds: kinds.to_vec(), digest: String::new(), signer: None }
    }

    #[test]
    fn what_makes_a_plugin_useless_is_an_error_and_the_rest_is_told() {
        use Kind::{Addon, Mutator, Phase};
        for (kinds, wants, granted, told) in [
            (&[Mutator][..], &["patches"][..], &[][..], Some(true)),
            (&[Mutator, Phase][..], &["patches"][..], &[][..], Some(false)),
            (&[Mutator][..], &["patches"][..], &["patches"][..], None),
            (&[Addon][..], &["objects"][..], &[][..], Some(true)),
            (&[Phase][..], &["files"][..], &[][..], Some(false)),
        ] {
            let configuration = PluginConfiguration::default();
            let report = withheld(&configuration, None, &[plugin(kinds, wants, granted)]);
            let found = report.problems.first().map(|_| report.has_errors());
            assert_eq!(found, told, "{kinds:?} {wants:?} {granted:?}");
        }
    }
}
