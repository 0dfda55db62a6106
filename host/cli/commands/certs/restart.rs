//! `certs restart`, and `certs renew … --restart`.

use kubephase_node::Node;
use kubephase_workflow::certs::{self, Settings, Unfinished};
use kubephase_workflow::diagnose::COMPONENTS;

use crate::args::Global;
use crate::args::certs::RestartArgs;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::printer::{self, err};
use crate::settings::{self, Address};

pub fn run(args: &RestartArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let settings = settings::of_cluster(&host, args.config.as_deref(), &args.kubeconfig, Address::Unused, global)?;
    let is_meant =
        |component: &&str| args.components.is_empty() || args.components.iter().any(|name| name == component);
    let components: Vec<&str> = COMPONENTS.into_iter().filter(is_meant).collect();
    all(&host, &settings, &components, global)
}

/// Restarts them. Whatever ends that early, it is told how to go on: without renewing anything again.
pub fn all(host: &Node, settings: &Settings, components: &[&'static str], global: &Global) -> Outcome {
    if components.is_empty() {
        err("nothing has to be restarted\n");
        return Ok(());
    }
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let sink = printer::sink(global);
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = certs::restart(host, settings, components, &sink) => done.map_err(unfinished),
            // The kubelet starts what was stopped without us.
            _ = tokio::signal::ctrl_c() => Err(Failure::Machine {
                error: "interrupted while restarting components".into(),
                hint: Some(format!("`{}` does it from the start", command(components))),
                told: false,
            }),
        }
    })
}

fn unfinished(Unfinished { error, left }: Unfinished) -> Failure {
    let rest = format!("`{}` restarts what is left", command(&left));
    let hint = error.hint().map_or_else(|| rest.clone(), |hint| format!("{hint}; then {rest}"));
    Failure::machine(error, Some(hint))
}

/// What restarts them.
pub fn command(components: &[&str]) -> String {
    if *components == COMPONENTS {
        return "kubephase certs restart".into();
    }
    format!("kubephase certs restart {}", components.join(" "))
}
