//! Flags of `rehearse`: those of the command that is rehearsed, and what to do with the rehearsal.

use std::path::PathBuf;

use clap::{Args, Command};
use kubephase_workflow::{init, join};

use super::flags;
use super::init::InitArgs;
use super::join::JoinArgs;

/// Flags that make no sense where nothing is real.
const WITHOUT_IN_INIT: [&str; 4] = ["dry_run", "dry_run_dir", "plan", "print_manifest"];
const WITHOUT_IN_JOIN: [&str; 3] = ["dry_run", "dry_run_dir", "plan"];

/// As typed. The doc comments are the help.
#[derive(Args)]
pub struct StageArgs {
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
    /// Write a page about the rehearsal: phases, findings, every file and object, certificates
    #[arg(long, value_name = "FILE.html", help_heading = "Rehearsal")]
    pub report: Option<PathBuf>,
}

/// Those that only `rehearse init` has.
#[derive(Args)]
pub struct ProgramsArgs {
    /// Start a real etcd and kube-apiserver (and kube-controller-manager, if there is one) instead of the embedded API
    /// server; the programs are looked for in KUBERNETES_BIN_DIR
    #[arg(long, help_heading = "Rehearsal")]
    pub real_api: bool,
}

/// Those that only `rehearse join` has.
#[derive(Args)]
pub struct ClusterArgs {
    /// Configuration file of the cluster that is joined, if --config does not hold it: what `init` was given
    #[arg(long, value_name = "FILE", help_heading = "Rehearsal")]
    pub init_config: Option<String>,
}

/// What stands below `rehearse`.
pub fn command(rehearse: Command) -> Command {
    rehearse
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("init").about("Rehearse setting up the first control-plane node of a cluster").defer(of_init),
        )
        .subcommand(Command::new("join").about("Rehearse joining a cluster that is rehearsed first").defer(of_join))
}

fn without(command: Command, hidden: &[&'static str]) -> Command {
    hidden.iter().fold(command, |command, flag| command.mut_arg(*flag, |arg| arg.hide(true)))
}

fn of_init(command: Command) -> Command {
    let command = flags::<ProgramsArgs>(flags::<StageArgs>(flags::<InitArgs>(command)));
    without(command, &WITHOUT_IN_INIT).after_help(format!(
        "The phases, certificates, files and objects are real. The machine, its container runtime, its kubelet and the API\n\
         server are pretended, in memory and in a temporary directory, and are gone at the end.\n\n\
         Phases, in this order:\n\n{}",
        init::workflow().outline()
    ))
}

fn of_join(command: Command) -> Command {
    let command = flags::<ClusterArgs>(flags::<StageArgs>(flags::<JoinArgs>(command)));
    without(command, &WITHOUT_IN_JOIN).after_help(format!(
        "First `init` sets a cluster up on a pretended machine, without a word if all goes well. Then\n\
         another one joins it, in the same phases as a real machine. One file may hold the documents of\n\
         both, or each has its own: InitConfiguration and ClusterConfiguration are for the first machine,\n\
         JoinConfiguration is for the one that joins. How the cluster is found and trusted is checked;\n\
         what is found then is the rehearsed one, by a token and a certificate key of its own.\n\n\
         Phases, in this order:\n\n{}",
        join::workflow().outline()
    ))
}
