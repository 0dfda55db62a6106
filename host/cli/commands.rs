//! What each command does: one file per command.

mod approve_serving;
mod certs;
mod completion;
mod config;
mod images;
mod init;
mod join;
mod kubeconfig;
mod node;
mod plugin;
mod rehearse;
mod reset;
mod status;
mod token;
mod version;

use clap::ArgMatches;

use crate::args::Global;
use crate::failure::{Failure, Outcome};

/// Runs the command that was typed.
pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    if let Some(directory) = &global.rootfs {
        kubephase_node::enter_rootfs(directory).map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            Failure::machine(error, hint)
        })?;
    }
    match matches.subcommand() {
        Some(("init", matches)) => init::run(matches, global),
        Some(("join", matches)) => join::run(matches, global),
        Some(("node", matches)) => node::run(matches, global),
        Some(("status", matches)) => status::run(matches, global),
        Some(("reset", matches)) => reset::run(matches, global),
        Some(("config", matches)) => config::run(matches, global),
        Some(("images", matches)) => images::run(matches, global),
        Some(("plugin", matches)) => plugin::run(matches, global),
        Some(("certs", matches)) => certs::run(matches, global),
        Some(("kubeconfig", matches)) => kubeconfig::run(matches, global),
        Some(("rehearse", matches)) => rehearse::run(matches, global),
        Some(("token", matches)) => token::run(matches, global),
        Some(("version", matches)) => version::run(matches),
        Some(("completion", matches)) => completion::run(matches),
        _ => Err(Failure::Bug("a command of the grammar has no implementation".into())),
    }
}
