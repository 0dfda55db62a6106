//! `plugin check`: what `init` checks of plugins before it begins, for all of a file, whatever node they are for.

use kubephase_model::plugin::Plugin;
use kubephase_model::plugin::config::{Digests, resolve};
use kubephase_model::{Problem, Report};
use kubephase_node::Node;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init;
use serde_json::json;

use super::{Told, configuration};
use crate::args::plugin::CheckArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::plugins::{Configured, Store, ready, withheld, world};
use crate::printer::{out, table::table};
use crate::{input, report};

pub fn run(args: &CheckArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let (configuration, documents) = configuration(&host, Some(&args.config), global)?;
    let mut problems = Report::default();
    resolve(Some(&documents), Digests::Required, &mut problems);
    if problems.has_errors() {
        return Err(problems.into());
    }
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let store = Store::of(Some(&args.get));
    let told = Told::new(global);
    let mut checked: Vec<Plugin> = Vec::new();
    // Those of the other role too: each is asked once.
    for control_plane in [true, false] {
        let mut mine = configuration.clone();
        mine.plugins.iter_mut().filter(|entry| !control_plane && entry.runs_on(true)).for_each(|entry| {
            entry.enabled = "never".to_owned();
        });
        let configured = Configured { configuration: &mine, documents: Some(&documents), control_plane };
        let plugins = runtime.block_on(ready(&configured, &store, &host, world(&host, None), told.ear()))?;
        checked.extend(plugins.iter().flat_map(|plugins| plugins.plugins().iter().cloned()));
    }
    init::workflow_with(&checked).map_err(|cycle| {
        let problem = Problem::error("plugins", cycle.to_string()).hint(cycle.hint());
        Report { problems: vec![problem] }
    })?;
    let withheld = withheld(&configuration, Some(&documents), &checked);
    if withheld.has_errors() {
        return Err(withheld.into());
    }
    report::problems(&withheld.problems, &Global { output: Output::Text, ..global.clone() });
    match global.output {
        Output::Text => {
            let mut rows = vec![["NAME", "VERSION", "KINDS", "DIGEST"].map(str::to_owned).to_vec()];
            rows.extend(checked.iter().map(|plugin| {
                let kinds: Vec<&str> = plugin.kinds.iter().map(|kind| kind.name()).collect();
                vec![
                    plugin.name().to_owned(),
                    plugin.description.version.clone(),
                    kinds.join(","),
                    plugin.digest.chars().take(19).collect(),
                ]
            }));
            out(&table(&rows));
            let counted = if checked.len() == 1 { "1 plugin".to_owned() } else { format!("{} plugins", checked.len()) };
            out(&format!("{counted} can be used as configured\n"));
        }
        Output::Json | Output::Yaml => {
            let list: Vec<_> = checked.iter().map(super::list::facts).collect();
            super::list::show(&json!({ "plugins": list }), global);
        }
    }
    Ok(())
}
