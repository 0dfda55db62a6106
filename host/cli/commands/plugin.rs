//! `plugin …`: one file per command. What they share is here: getting a component onto the bench, and telling what plugins
//! tell.

mod inspect;
mod run;
mod test;

use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches};
use kubephase_model::{Problem, Report};
use kubephase_node::Node;
use kubephase_plugin::{Ear, LoadError, Workbench};
use kubephase_workflow::extension::ExtensionError;

use crate::args::Global;
use crate::args::plugin::PluginCommand;
use crate::failure::{Failure, Outcome};
use crate::plugins;

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    match PluginCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        PluginCommand::Inspect(args) => inspect::run(&args, global),
        PluginCommand::Run(args) => run::run(&args, global),
        PluginCommand::Test(args) => test::run(&args, global),
        _ => Err(Failure::Bug("not there yet".into())),
    }
}
