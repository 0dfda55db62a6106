//! Flags of `node`.

use clap::{Args, Command, Subcommand};
use kubephase_model::layout::CERTIFICATES_DIR;

use super::subcommands;

/// `node …`.
#[derive(Subcommand)]
pub enum NodeCommand {
    /// Take a node that is gone, or will be, out of the cluster
    Remove(RemoveArgs),
}

/// `node remove`.
#[derive(Args)]
pub struct RemoveArgs {
    /// The node's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Kubeconfig file to work in the cluster with; found as kubectl finds it if not given
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Where this node has the cluster's certificates, with which etcd is asked
    #[arg(long, value_name = "DIR", default_value = CERTIFICATES_DIR)]
    pub cert_dir: String,
    /// How long Pods may take to leave a node that answers
    #[arg(long, value_name = "DURATION", default_value = "5m0s")]
    pub drain_timeout: String,
    /// Go on where Pods do not leave in time
    #[arg(short, long)]
    pub force: bool,
    /// Change nothing: show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// What stands below `node`.
pub fn command(node: Command) -> Command {
    subcommands::<NodeCommand>(node)
}
