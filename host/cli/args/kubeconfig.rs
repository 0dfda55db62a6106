//! Flags of `kubeconfig`.

use clap::{Args, Command, Subcommand};

use super::subcommands;

/// `kubeconfig …`.
#[derive(Subcommand)]
pub enum KubeconfigCommand {
    /// Print a kubeconfig file for another user
    User(UserArgs),
}

/// `kubeconfig user`.
#[derive(Args)]
pub struct UserArgs {
    /// The user's name
    #[arg(long, value_name = "NAME", required = true)]
    pub client_name: String,
    /// Groups of the user
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub org: Vec<String>,
    /// Bearer token in the place of a client certificate
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How long the client certificate is valid
    #[arg(long, value_name = "DURATION", default_value = "8760h0m0s")]
    pub validity_period: String,
    /// Configuration file [default: this node's admin.conf says where the cluster is]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
}

/// What stands below `kubeconfig`.
pub fn command(kubeconfig: Command) -> Command {
    subcommands::<KubeconfigCommand>(kubeconfig)
}
