//! `node …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::Level;
use kubephase_model::config::duration::GoDuration;
use kubephase_model::{Problem, Report};
use kubephase_node::{ChangeKind, Node, ScratchDir};
use kubephase_workflow::cluster;
use kubephase_workflow::node_remove::{self, Options};

use crate::args::Global;
use crate::args::node::{NodeCommand, RemoveArgs};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::printer::{changes, err, out};

pub fn run(matches: &ArgMatches, _: &Global) -> Outcome {
    match NodeCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        NodeCommand::Remove(args) => remove(&args),
    }
}

fn remove(args: &RemoveArgs) -> Outcome {
    let mut problems = Report::default();
    let drain = GoDuration::parse(&args.drain_timeout);
    if drain.is_none() {
        problems.push(
            Problem::error("--drain-timeout", format!("`{}` is no duration", args.drain_timeout))
                .hint("such as `5m0s`"),
        );
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if args.name.is_empty() || args.name.len() > 253 || !args.name.chars().all(is_name) {
        problems.push(
            Problem::error("NAME", format!("`{}` is no name of a node", args.name)).hint("see `kubectl get nodes`"),
        );
    }
    let (Some(drain), false) = (drain, problems.has_errors()) else { return Err(problems.into()) };
    let host = Node::real();
    let scratch = args.dry_run.then(|| ScratchDir::new("kubephase-node-")).transpose();
    let scratch = scratch.map_err(|error| Failure::machine(error, None))?;
    let node = scratch.as_ref().map_or_else(|| host.clone(), |scratch| Node::dry_run(scratch.path()));
    let kubeconfig = cluster::find_kubeconfig(&host, args.kubeconfig.as_deref());
    let options = Options {
        name: args.name.clone(),
        drain: drain.as_std(),
        force: args.force,
        pki: args.cert_dir.trim_end_matches('/').to_owned(),
    };
    let tell = |level: Level, message: String| {
        err(&format!("{}{message}\n", if level == Level::Warning { "! " } else { "" }));
    };
    let done = input::until_interrupted(async {
        let api = cluster::connect(&node, &kubeconfig).map_err(|error| {
            let hint = error.hint().map(String::from);
            Failure::machine(error, hint)
        })?;
        node_remove::remove(&node, &api, &options, &tell).await.map_err(|error| {
            let hint = error.hint();
            Failure::machine(error, hint)
        })
    });
    for change in node.changes().iter().filter(|change| change.kind != ChangeKind::Unchanged) {
        out(&format!("{}\n", changes::line(change, args.dry_run)));
    }
    done?;
    out(&if args.dry_run {
        format!("\nNothing was changed: this is what removing {} would do\n", args.name)
    } else {
        format!("\n{} is removed. If its machine still runs, reset it with `kubephase reset`\n", args.name)
    });
    Ok(())
}
