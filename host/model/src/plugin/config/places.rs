//! What needs the phases of a workflow to be judged: whether what a plugin stands before and after is there.

use super::{KIND, PluginConfiguration};
use crate::config::load::Documents;
use crate::config::record::nearest;
use crate::report::{Problem, Report};

/// Checks `before`, `after` and names against the paths of a workflow's phases (`control-plane/etcd`). The name of a plugin
/// becomes that of a phase (`<name>` or `addon/<name>`), so it may not be one that is there.
pub fn check_places(documents: &Documents, phases: &[String], report: &mut Report) {
    let Some(config) = &documents.plugins else { return };
    for mut problem in problems(config, phases) {
        problem.place = documents.place(KIND, &problem.path);
        report.push(problem);
    }
}

fn problems(config: &PluginConfiguration, phases: &[String]) -> Vec<Problem> {
    let mut found = Vec::new();
    let names: Vec<&str> = config.plugins.iter().map(|plugin| &*plugin.name).collect();
    let known: Vec<&str> = phases.iter().map(String::as_str).chain(names.iter().copied()).collect();
    for (i, plugin) in config.plugins.iter().enumerate() {
        let taken = phases.iter().find(|phase| **phase == plugin.name || **phase == format!("addon/{}", plugin.name));
        if let Some(phase) = taken.filter(|_| !plugin.name.is_empty()) {
            found.push(
                Problem::error(
                    format!("plugins[{i}].name"),
                    format!("`{}` is the name of the phase `{phase}`", plugin.name),
                )
                .hint("give the plugin another name"),
            );
        }
        for (field, list) in [("before", &plugin.before), ("after", &plugin.after)] {
            for (j, name) in list.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
                let hint =
                    match (nearest(name, &known), name.strip_prefix("addon/").filter(|name| names.contains(name))) {
                        (_, Some(plugin)) => format!("name the plugin: `{plugin}`"),
                        (Some(name), _) => format!("did you mean `{name}`?"),
                        _ => format!("phases and plugins that are there: {}", known.join(", ")),
                    };
                let path = format!("plugins[{i}].{field}[{j}]");
                found.push(Problem::error(path, format!("`{name}` is neither a phase nor a plugin")).hint(hint));
            }
        }
    }
    found
}
