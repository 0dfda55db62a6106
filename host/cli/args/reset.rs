//! Flags of `reset` and of its phases.

use clap::{Args, Command};
use kubephase_model::config::reset::ResetFlags;
use kubephase_workflow::reset;

use super::{EventsArg, Offer, flags, phases};

/// As typed. The doc comments are the help.
#[derive(Args)]
pub struct ResetArgs {
    /// Configuration file with a ResetConfiguration
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Make unknown and duplicate fields of the file errors
    #[arg(long)]
    pub strict: bool,
    /// Where certificates are kept [default: /etc/kubernetes/pki]
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<String>,
    /// Also empty /etc/kubernetes/tmp
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    cleanup_tmp_dir: Option<bool>,
    /// CRI endpoint; found if not given
    #[arg(long, value_name = "URL")]
    cri_socket: Option<String>,
    /// Change nothing: list what would be removed, and what would stay and why
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dry_run: Option<bool>,
    /// Do not ask
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    force: Option<bool>,
    /// Checks whose errors become warnings; `EtcdQuorum` resets although etcd keeps this node as a dead member
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    ignore_preflight_errors: Vec<String>,
    /// Kubeconfig file to ask the cluster with, if it is there
    #[arg(long, value_name = "FILE", default_value = kubephase_model::layout::ADMIN_CONF)]
    pub kubeconfig: String,
    /// Phases to leave out
    #[arg(
        long,
        value_name = "PHASES",
        value_delimiter = ',',
        value_parser = Offer(|| reset::workflow().paths()),
        hide_possible_values = true
    )]
    skip_phases: Vec<String>,
    #[command(flatten)]
    output: EventsArg,
    #[command(flatten, next_help_heading = "Plugins")]
    pub get: super::plugin::GetArgs,
}

impl ResetArgs {
    /// The flags that stand for fields.
    pub fn flags(&self) -> ResetFlags {
        ResetFlags {
            cert_dir: self.cert_dir.clone(),
            cleanup_tmp_dir: self.cleanup_tmp_dir.unwrap_or_default(),
            cri_socket: self.cri_socket.clone(),
            force: self.force.unwrap_or_default(),
            dry_run: self.dry_run,
            ignore_preflight_errors: self.ignore_preflight_errors.clone(),
            skip_phases: (!self.skip_phases.is_empty()).then(|| self.skip_phases.clone()),
        }
    }
}

/// What stands below `reset`.
pub fn command(reset: Command) -> Command {
    let workflow = reset::workflow();
    flags::<ResetArgs>(reset)
        .after_help(format!("Phases, in this order:\n\n{}", workflow.outline()))
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(phases::<_, ResetArgs>(&workflow))
}
