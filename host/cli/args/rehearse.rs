//! Flags of `rehearse init`: those of `init`, and what to do with the rehearsal.

use std::path::PathBuf;

use clap::{Args, Command};
use kubephase_workflow::init;

use super::flags;
use super::init::InitArgs;

/// Flags of `init` that make no sense where nothing is real.
const WITHOUT: [&str; 4] = ["dry_run", "dry_run_dir", "plan", "print_manifest"];

/// As typed. The doc comments are the help.
#[derive(Args)]
pub struct RehearseArgs {
    /// Keep the API server up until Ctrl-C, and say how kubectl reaches it
    #[arg(long, help_heading = "Rehearsal")]
    pub serve: bool,
    /// Port of the API server on 127.0.0.1; any free one if not given
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true,
        requires = "serve",
        help_heading = "Rehearsal"
    )]
    pub serve_port: u16,
    /// Keep the files of the pretended machine in this directory: an empty one, or that of an earlier rehearsal, whose
    /// files are then removed
    #[arg(long, value_name = "DIR", help_heading = "Rehearsal")]
    pub keep: Option<PathBuf>,
    /// Start a real etcd and kube-apiserver (and kube-controller-manager, if there is one) instead of the embedded API
    /// server; the programs are looked for in KUBERNETES_BIN_DIR
    #[arg(long, help_heading = "Rehearsal")]
    pub real_api: bool,
    /// Write a page about the rehearsal: phases, findings, every file and object, certificates
    #[arg(long, value_name = "FILE.html", help_heading = "Rehearsal")]
    pub report: Option<PathBuf>,
}

/// What stands below `rehearse`.
pub fn command(rehearse: Command) -> Command {
    rehearse.subcommand_required(true).arg_required_else_help(true).subcommand(
        Command::new("init").about("Rehearse setting up the first control-plane node of a cluster").defer(of_init),
    )
}

fn of_init(command: Command) -> Command {
    let command = flags::<RehearseArgs>(flags::<InitArgs>(command));
    let command = WITHOUT.into_iter().fold(command, |command, flag| command.mut_arg(flag, |arg| arg.hide(true)));
    command.after_help(format!(
        "The phases, certificates, files and objects are real. The machine, its container runtime, its kubelet and the API\n\
         server are pretended, in memory and in a temporary directory, and are gone at the end.\n\n\
         Phases, in this order:\n\n{}",
        init::workflow().outline()
    ))
}
