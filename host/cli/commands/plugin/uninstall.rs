//! `plugin uninstall`: a plugin and all that it owns, in the cluster and on this node.

use std::sync::Arc;

use kubephase_model::plugin::PluginConfiguration;
use kubephase_node::{Node, ScratchDir};
use kubephase_preflight::Ignore;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::plugins::{Pulls, Site, uninstall};
use kubephase_workflow::{PhaseError, cluster};

use crate::args::plugin::UninstallArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::plugins::{Configured, Store, ear, ready, stored, world};
use crate::printer::{self, changes, err, out};

pub fn run(args: &UninstallArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let scratch = args.dry_run.then(|| ScratchDir::new("kubephase-uninstall-")).transpose();
    let scratch = scratch.map_err(|error| Failure::machine(error, None))?;
    let node = scratch.as_ref().map_or_else(|| host.clone(), |scratch| Node::dry_run(scratch.path()));
    let _lock = host.lock().map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })?;
    let kubeconfig = cluster::find_kubeconfig(&host, args.kubeconfig.as_deref());
    let sink = printer::sink(global);
    input::until_interrupted(async {
        let api = cluster::connect(&node, &kubeconfig).map_err(failure)?;
        let configuration = stored(&api).await?;
        let extension = asked(args, &configuration, &host, global).await;
        let site = Site {
            node: node.clone(),
            api: Some(api),
            sink,
            path: String::new(),
            ignore: Ignore::default(),
            patience: None,
            pulls: Pulls::default(),
        };
        if let (Some(extension), Some(api)) = (&extension, &site.api) {
            extension.connected(api);
        }
        uninstall(&site, extension.as_deref(), &args.name).await.map_err(failure)
    })?;
    if global.output == Output::Text {
        for change in node.changes() {
            out(&format!("{}\n", changes::line(&change, args.dry_run)));
        }
        out(&if args.dry_run {
            format!("\nNothing was changed: this is what uninstalling {} would do\n", args.name)
        } else {
            format!("\n{} is uninstalled\n", args.name)
        });
    }
    Ok(())
}

/// The plugin itself, to be asked what else should go; without it only what is known to be its own does.
async fn asked(
    args: &UninstallArgs,
    configuration: &PluginConfiguration,
    host: &Node,
    global: &Global,
) -> Option<Arc<dyn Extension>> {
    let mut only = configuration.clone();
    only.plugins.retain(|entry| entry.name == args.name);
    let configured = Configured { configuration: &only, documents: None, control_plane: true };
    let ear = ear(printer::sink(global), global.verbosity);
    match ready(&configured, &Store::of(Some(&args.get)), host, world(host, None), ear).await {
        Ok(plugins) => plugins.map(|plugins| plugins as Arc<dyn Extension>),
        Err(error) => {
            let why = match error {
                Failure::Input(report) | Failure::Fault(report) => report.to_string(),
                Failure::Machine { error, .. } => error.to_string(),
                Failure::Bug(why) => why,
            };
            err(&format!(
                "! the plugin itself cannot be asked what else should go, so only what it owns is removed: {why}\n"
            ));
            None
        }
    }
}

fn failure(error: impl Into<PhaseError>) -> Failure {
    let error = error.into();
    let hint = error.hint().map(String::from);
    Failure::machine(error, hint)
}
