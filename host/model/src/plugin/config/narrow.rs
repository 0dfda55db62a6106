//! A node's own say about the plugins that its cluster has stored: it may grant them less, or turn them off, and nothing
//! else. What its file leaves out stays as it is stored.

use super::resolve::seen_from_here;
use super::{Digests, KIND, PluginConfiguration, PluginEntry, check};
use crate::config::load::Documents;
use crate::config::record::{Field, nearest};
use crate::report::{Problem, Report};

/// Where more is granted.
const WHERE: &str = "a node may only narrow that; to grant it, change the cluster's by \
                     `kubephase init phase upload-config plugins --config <file>` on a control-plane node";
/// Fields that are the cluster's alone, beside name and grants.
const SAME: [&str; 8] = ["source", "digest", "settings", "before", "after", "stage", "onFailure", "timeout"];

/// What counts on this node of what is stored, with what its file says. Everything else that the file says differently
/// is told, with its place; what comes back after an error is not to be used.
pub fn narrow(
    stored: &PluginConfiguration,
    documents: Option<&Documents>,
    control_plane: bool,
    report: &mut Report,
) -> PluginConfiguration {
    let Some((documents, local)) = documents.and_then(|documents| Some((documents, documents.plugins.as_ref()?)))
    else {
        return stored.clone();
    };
    let mut problems = mistakes(local);
    let local = seen_from_here(documents, local);
    let mut narrowed = stored.clone();
    for (i, plugin) in local.plugins.iter().enumerate() {
        let at = format!("plugins[{i}]");
        match narrowed.plugins.iter_mut().find(|stored| stored.name == plugin.name) {
            None => problems.extend(unknown(&at, plugin, stored)),
            Some(stored) => {
                let given = |field: &str| documents.node(KIND, &at).is_some_and(|node| node.get(field).is_some());
                problems.extend(different(&at, plugin, stored, &given));
                if given("grants") {
                    problems.extend(wider(&at, plugin, stored));
                    stored.grants.clone_from(&plugin.grants);
                }
                if given("enabled") {
                    problems.extend(enabled(&at, plugin, stored, control_plane));
                    stored.enabled.clone_from(&plugin.enabled);
                }
            }
        }
    }
    for (field, is_same) in [
        ("trust", local.trust.is_empty() || local.trust == stored.trust),
        ("registries", local.registries.is_empty() || local.registries == stored.registries),
    ] {
        if !is_same {
            let message = format!("`{field}` is not what the cluster has stored, which alone counts");
            problems.push(Problem::error(field, message).hint(format!("leave `{field}` out")));
        }
    }
    for problem in problems {
        let place = documents.place(KIND, &problem.path);
        report.push(problem.at(place));
    }
    narrowed
}

/// Checks a node's own say as far as that can be done without its cluster.
pub fn check_own(documents: &Documents, report: &mut Report) {
    for problem in documents.plugins.as_ref().map(mistakes).unwrap_or_default() {
        let place = documents.place(KIND, &problem.path);
        report.push(problem.at(place));
    }
}

/// What is wrong with it whatever is stored. What is left out is not empty: it is what is stored.
fn mistakes(local: &PluginConfiguration) -> Vec<Problem> {
    let mut problems = check::problems(local, Digests::Optional);
    let is_left_out = |problem: &Problem| {
        let mut plugins = local.plugins.iter().enumerate();
        plugins.any(|(i, plugin)| plugin.source.is_empty() && problem.path == format!("plugins[{i}].source"))
    };
    problems.retain(|problem| !is_left_out(problem));
    problems
}

/// A plugin that is not the cluster's.
fn unknown(at: &str, plugin: &PluginEntry, stored: &PluginConfiguration) -> Option<Problem> {
    if plugin.name.is_empty() {
        return None;
    }
    let names: Vec<&str> = stored.plugins.iter().map(|plugin| &*plugin.name).collect();
    let hint = match (nearest(&plugin.name, &names), names.is_empty()) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, true) => "the cluster has no plugins: take it out, or add it to the cluster first".into(),
        (None, false) => format!("take it out, or add it to the cluster first; it has {}", names.join(", ")),
    };
    let message = format!("the cluster has no plugin `{}`, and a node cannot add one", plugin.name);
    Some(Problem::error(format!("{at}.name"), message).hint(hint))
}

/// Fields that say something else.
fn different(at: &str, plugin: &PluginEntry, stored: &PluginEntry, given: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let (ours, theirs) = (plugin.write_always(), stored.write_always());
    // A digest that is not said is the one that is stored.
    let said = |field: &&&str| match **field {
        "digest" => !plugin.digest.is_empty(),
        "onFailure" => plugin.only_warns() != stored.only_warns(),
        field => given(field),
    };
    let different =
        SAME.iter().chain(&["limits"]).filter(said).filter(|field| ours.get(**field) != theirs.get(**field));
    let problem = |field: &&str| {
        let message = match *field {
            // Told whole: who has another component wants to know which.
            "digest" | "source" => {
                let text = |entry: &serde_json::Value| entry[*field].as_str().unwrap_or_default().to_owned();
                format!("the {field} of `{}` is {} in the cluster, not {}", plugin.name, text(&theirs), text(&ours))
            }
            _ => format!("`{field}` of `{}` is not what the cluster has stored, which alone counts", plugin.name),
        };
        let hint = format!(
            "leave `{field}` out: every node runs the very same; here grants may be fewer, or `enabled: never`"
        );
        Problem::error(format!("{at}.{field}"), message).hint(hint)
    };
    different.map(problem).collect()
}

/// Grants that allow more than what is stored.
fn wider<'a>(at: &'a str, plugin: &'a PluginEntry, stored: &PluginEntry) -> Vec<Problem> {
    let problem = |(capability, i, scope): (&str, usize, &str)| {
        let granted = match stored.grants.list(capability) {
            [] => "nothing of that".to_owned(),
            list => list.join(", "),
        };
        let message =
            format!("`{scope}` is more than the cluster grants `{}`: of `{capability}`, {granted}", plugin.name);
        Problem::error(format!("{at}.grants.{capability}[{i}]"), message).hint(WHERE)
    };
    stored.grants.exceeded_by(&plugin.grants).into_iter().map(problem).collect()
}

/// It may run on fewer nodes, and somebody has to know.
fn enabled(at: &str, plugin: &PluginEntry, stored: &PluginEntry, control_plane: bool) -> Option<Problem> {
    let path = format!("{at}.enabled");
    let name = &plugin.name;
    let is_more = [true, false].into_iter().any(|role| plugin.runs_on(role) && !stored.runs_on(role));
    if is_more {
        let theirs = if stored.enabled.is_empty() { "always" } else { &stored.enabled };
        let message = format!("`{name}` is enabled for more nodes than in the cluster, which says `{theirs}`");
        return Some(Problem::error(path, message).hint("leave `enabled` out, or write `enabled: never`"));
    }
    let is_off = stored.runs_on(control_plane) && !plugin.runs_on(control_plane);
    is_off.then(|| {
        let message = format!("`{name}` is turned off on this node: what it checks and changes on others is left out");
        Problem::warning(path, message).hint("take the line out if that is not meant")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::load::{Command, load};
    use crate::report::{Severity, Source};

    const HEAD: &str = "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\n";
    const JOIN: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n---\n";
    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn documents(text: &str) -> Documents {
        file(format!("{JOIN}{HEAD}{text}"))
    }

    fn file(text: String) -> Documents {
        let mut report = Report::default();
        let documents = load(&Arc::new(Source { name: "dir/f".into(), text }), Command::Join, &mut report);
        assert!(!report.has_errors(), "{report}");
        documents
    }

    fn stored() -> PluginConfiguration {
        let documents = documents(&format!(
            "plugins:\n\
             - name: gpu\n  source: oci://registry.example/gpu:1\n  digest: {DIGEST}\n  settings: {{min: \"550\"}}\n  \
               grants: {{facts: [pci, cpu], files: [/sys/module/nvidia/**]}}\n\
             - name: hello\n  source: ./hello.wasm\n  digest: {DIGEST}\n  enabled: control-plane\n\
             trust:\n- {{source: \"oci://registry.example/\", signature: none}}\n"
        ));
        seen_from_here(&documents, documents.plugins.as_ref().expect("a document"))
    }

    /// What counts then, and what is told.
    fn narrowed(text: &str) -> (PluginConfiguration, Vec<String>) {
        let mut report = Report::default();
        let narrowed = narrow(&stored(), Some(&documents(text)), true, &mut report);
        let told = report.problems.iter().map(|problem| {
            let line = problem.place.as_ref().map_or(0, |place| place.line);
            let severity = if problem.severity == Severity::Error { "E" } else { "W" };
            format!("{line} {severity} {}: {}", problem.path, problem.message)
        });
        (narrowed, told.collect())
    }

    #[test]
    fn what_is_left_out_stays() {
        let mut report = Report::default();
        assert_eq!(narrow(&stored(), None, true, &mut report), stored());
        assert!(report.problems.is_empty());
        for text in ["plugins: []\n", "plugins:\n- name: gpu\n- name: hello\n"] {
            assert_eq!(narrowed(text), (stored(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn the_very_file_of_init_changes_nothing() {
        let whole = format!(
            "plugins:\n- name: hello\n  source: ./hello.wasm\n  enabled: control-plane\n\
             - name: gpu\n  source: oci://registry.example/gpu:1\n  digest: {DIGEST}\n  settings: {{min: \"550\"}}\n  \
               grants: {{facts: [pci, cpu], files: [/sys/module/nvidia/**]}}\n\
             trust:\n- {{source: \"oci://registry.example/\", signature: none}}\n"
        );
        assert_eq!(narrowed(&whole), (stored(), Vec::new()));
    }

    #[test]
    fn less_may_be_granted() {
        let (config, told) = narrowed("plugins:\n- name: gpu\n  grants: {files: [/sys/module/nvidia/version]}\n");
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(config.plugins[0].grants.files, ["/sys/module/nvidia/version"]);
        assert!(config.plugins[0].grants.facts.is_empty(), "a list that is given is the whole list");
        assert_eq!(config.plugins[0].settings, stored().plugins[0].settings);
        assert_eq!(config.plugins[1], stored().plugins[1]);
        let (config, told) = narrowed("plugins:\n- name: gpu\n  grants: {}\n");
        assert!(told.is_empty() && config.plugins[0].grants.is_empty());
    }

    #[test]
    fn a_plugin_may_be_turned_off_and_that_is_told() {
        let (config, told) = narrowed("plugins:\n- name: gpu\n  enabled: worker\n- name: hello\n  enabled: never\n");
        assert_eq!((config.plugins[0].runs_on(true), config.plugins[1].runs_on(true)), (false, false));
        assert_eq!(
            told,
            [
                "8 W plugins[0].enabled: `gpu` is turned off on this node: what it checks and changes on others is left out",
                "10 W plugins[1].enabled: `hello` is turned off on this node: what it checks and changes on others is left out",
            ]
        );
    }

    #[test]
    fn everything_that_is_more_or_other_is_told_at_once() {
        let other = DIGEST.replace("0123", "4567");
        let text = format!(
            "plugins:\n- name: gpu\n  source: oci://registry.example/gpu:2\n  digest: {other}\n  settings: {{min: \"1\"}}\n  \
             onFailure: warn\n  limits: {{memory: 1Gi}}\n  grants:\n    facts: [cpu, os]\n    files:\n    - /sys/**\n    \
             http: [example.org]\n\
             - name: hello\n  enabled: always\n  timeout: 1h\n\
             - name: helo\n  source: ./x.wasm\n\
             trust:\n- {{source: \"\", signature: none}}\n\
             registries:\n- {{host: registry.example, plainHTTP: true}}\n"
        );
        let (_, told) = narrowed(&text);
        let errors: Vec<&String> = told.iter().filter(|line| line.contains(" E ")).collect();
        assert_eq!(
            errors,
            [
                "8 E plugins[0].source: the source of `gpu` is oci://registry.example/gpu:1 in the cluster, not \
                 oci://registry.example/gpu:2",
                &format!("9 E plugins[0].digest: the digest of `gpu` is {DIGEST} in the cluster, not {other}"),
                "10 E plugins[0].settings: `settings` of `gpu` is not what the cluster has stored, which alone counts",
                "11 E plugins[0].onFailure: `onFailure` of `gpu` is not what the cluster has stored, which alone counts",
                "12 E plugins[0].limits: `limits` of `gpu` is not what the cluster has stored, which alone counts",
                "14 E plugins[0].grants.facts[1]: `os` is more than the cluster grants `gpu`: of `facts`, pci, cpu",
                "16 E plugins[0].grants.files[0]: `/sys/**` is more than the cluster grants `gpu`: of `files`, \
                 /sys/module/nvidia/**",
                "17 E plugins[0].grants.http[0]: `example.org` is more than the cluster grants `gpu`: of `http`, nothing \
                 of that",
                "20 E plugins[1].timeout: `timeout` of `hello` is not what the cluster has stored, which alone counts",
                "19 E plugins[1].enabled: `hello` is enabled for more nodes than in the cluster, which says `control-plane`",
                "21 E plugins[2].name: the cluster has no plugin `helo`, and a node cannot add one",
                "24 E trust: `trust` is not what the cluster has stored, which alone counts",
                "26 E registries: `registries` is not what the cluster has stored, which alone counts",
            ],
            "{told:#?}"
        );
    }

    #[test]
    fn without_the_cluster_it_is_checked_for_itself() {
        let mut report = Report::default();
        check_own(
            &documents("plugins:\n- {name: gpu, grants: {facts: [pci]}}\n- {name: x, enabled: never}\n"),
            &mut report,
        );
        assert!(report.problems.is_empty(), "{report}");
        check_own(&documents("plugins:\n- {name: gpu, grants: {facts: [pic]}}\n"), &mut report);
        let problem = &report.problems[0];
        assert_eq!(
            (problem.path.as_str(), problem.place.as_ref().map(|place| place.line)),
            ("plugins[0].grants.facts[0]", Some(7))
        );
    }

    #[test]
    fn mistakes_of_the_file_are_told_as_ever() {
        let (_, told) =
            narrowed("plugins:\n- name: gpu\n  grants: {facts: [pic]}\n  enabled: sometimes\n- source: x\n");
        assert!(told.iter().any(|line| line.contains("`pic` is not a fact")), "{told:#?}");
        assert!(told.iter().any(|line| line.contains("`sometimes` is not one of")), "{told:#?}");
        assert!(told.iter().any(|line| line.contains("plugins[2].name") || line.contains("needs a name")), "{told:#?}");
    }

    /// The first example of a page behind a heading.
    fn example<'a>(page: &'a str, heading: &str) -> &'a str {
        let behind = page.split(heading).nth(1).expect("the heading");
        let block = behind.split("```yaml\n").nth(1).expect("an example");
        block.split("```").next().expect("its end")
    }

    #[test]
    fn the_page_shows_what_a_cluster_with_those_plugins_takes() {
        let readme = include_str!("../../../../../plugins/registry-mirror/README.md");
        let page = include_str!("../../../../docs/plugins/operating.md");
        let init = file(format!("{JOIN}{}", example(readme, "## Configuration")));
        let mut stored = seen_from_here(&init, init.plugins.as_ref().expect("a document"));
        stored.plugins.push(PluginEntry { name: "audit-policy".into(), ..PluginEntry::default() });
        let node = file(example(page, "## Nodes that join").to_owned());
        let mut report = Report::default();
        let narrowed = narrow(&stored, Some(&node), true, &mut report);
        assert!(!report.has_errors(), "{report}");
        assert_eq!(report.problems.len(), 1, "one is turned off: {report}");
        let (less, all) = (&narrowed.plugins[0].grants, &mut stored.plugins[0].grants);
        assert_eq!(all.files, ["/etc/containerd/config.toml"]);
        all.files.clear();
        assert_eq!(less, all, "and nothing else");
    }
}
