//! `plugin list`: the plugins of a configuration file, or those that a cluster has stored.

use kubephase_artifact::Cache;
use kubephase_model::plugin::{Plugin, PluginConfiguration, PluginEntry};
use kubephase_node::Node;
use kubephase_workflow::cluster;
use serde_json::{Value, json};

use super::configuration;
use crate::args::plugin::ListArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::plugins::{self, Store};
use crate::printer::{out, table::table};

pub fn run(args: &ListArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let configuration = match &args.which.config {
        Some(file) => configuration(&host, Some(file), global)?.0,
        None => stored(args, &host)?,
    };
    let store = Store::of(Some(&args.get));
    let cache = store.options.cache.as_ref();
    match global.output {
        Output::Text if configuration.plugins.is_empty() => out("there are no plugins\n"),
        Output::Text => {
            let head = ["NAME", "SOURCE", "DIGEST", "RUNS ON", "CACHED"].map(str::to_owned).to_vec();
            let rows = configuration.plugins.iter().map(|entry| {
                let digest = if entry.digest.is_empty() { "none: `plugin lock`" } else { &entry.digest };
                vec![
                    entry.name.clone(),
                    entry.source.clone(),
                    digest.chars().take(19).collect(),
                    runs_on(entry).to_owned(),
                    if is_cached(entry, cache, &host) { "yes" } else { "no" }.to_owned(),
                ]
            });
            out(&table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()));
        }
        Output::Json | Output::Yaml => {
            let entries = configuration.plugins.iter().map(|entry| {
                json!({
                    "name": entry.name,
                    "source": entry.source,
                    "digest": entry.digest,
                    "runsOn": runs_on(entry),
                    "cached": is_cached(entry, cache, &host),
                })
            });
            show(&json!({ "plugins": entries.collect::<Vec<_>>() }), global);
        }
    }
    Ok(())
}

fn stored(args: &ListArgs, host: &Node) -> Result<PluginConfiguration, Failure> {
    let kubeconfig = cluster::find_kubeconfig(host, args.kubeconfig.as_deref());
    input::until_interrupted(async {
        let fail = |error: kubephase_workflow::PhaseError| {
            let hint = error.hint().map(String::from);
            Failure::machine(error, hint)
        };
        let api = cluster::connect(host, &kubeconfig).map_err(fail)?;
        plugins::stored(&api).await
    })
}

fn runs_on(entry: &PluginEntry) -> &str {
    if entry.enabled.is_empty() { "always" } else { &entry.enabled }
}

fn is_cached(entry: &PluginEntry, cache: Option<&Cache>, host: &Node) -> bool {
    let digest = entry.digest.parse().ok();
    cache.zip(digest).is_some_and(|(cache, digest)| host.exists(&cache.path(&digest)))
}

/// What is known of a plugin, for programs.
pub fn facts(plugin: &Plugin) -> Value {
    json!({
        "name": plugin.name(),
        "version": plugin.description.version,
        "about": plugin.description.about,
        "kinds": plugin.kinds,
        "digest": plugin.digest,
        "signer": plugin.signer,
        "source": plugin.entry.source,
    })
}

/// Prints an object as JSON or YAML.
pub fn show(value: &Value, global: &Global) {
    out(&match global.output {
        Output::Json => format!("{value:#}\n"),
        Output::Yaml | Output::Text => kubephase_render::yaml(value),
    });
}
