//! Flags of `certs`. What can be renewed is the table's.

use clap::builder::PossibleValuesParser;
use clap::{Args, Command, Subcommand};
use kubephase_model::layout;
use kubephase_workflow::certs::Renewable;
use kubephase_workflow::diagnose::COMPONENTS;

use super::approve_serving::ApproveServingArgs;
use super::{OutputArg, flags, subcommands};

/// `certs …`, but for `renew`, whose sub-commands come from a table.
#[derive(Subcommand)]
pub enum CertsCommand {
    /// Print a new key to encrypt the certificates with that control-plane nodes share
    CertificateKey,
    /// Tell when this node's certificates end
    CheckExpiration(CheckArgs),
    /// Make keys and signing requests for a certificate authority whose key is kept elsewhere
    GenerateCsr(CsrArgs),
    /// Restart this node's static pods, which read new certificates when they start, each when the one before is healthy
    Restart(RestartArgs),
    /// Approve serving certificates that kubelets ask for, if they are for the node's own names only
    ApproveServing(ApproveServingArgs),
}

/// Which cluster is meant: what a file says, or what the cluster itself does.
#[derive(Args)]
pub struct ClusterArgs {
    /// Directory with the certificates [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<String>,
    /// Configuration file [default: what the cluster has stored]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Kubeconfig file to ask the cluster with
    #[arg(long, value_name = "FILE", default_value = layout::ADMIN_CONF)]
    pub kubeconfig: String,
}

/// `certs check-expiration`.
#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArg,
    /// For templates, which are no output format here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_missing_template_keys: Option<bool>,
    /// For objects of a cluster, which these are not
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    show_managed_fields: Option<bool>,
}

/// `certs renew NAME`.
#[derive(Args)]
pub struct RenewArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Then restart the components that read what was renewed, each when the one before is healthy
    #[arg(long)]
    pub restart: bool,
}

/// `certs restart`.
#[derive(Args)]
pub struct RestartArgs {
    /// Which; all that run here if none is named
    #[arg(value_name = "COMPONENT", value_parser = PossibleValuesParser::new(COMPONENTS))]
    pub components: Vec<String>,
    /// Configuration file [default: what the cluster has stored]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Kubeconfig file to ask the cluster with
    #[arg(long, value_name = "FILE", default_value = layout::ADMIN_CONF)]
    pub kubeconfig: String,
}

/// `certs generate-csr`.
#[derive(Args)]
pub struct CsrArgs {
    /// Directory for keys and requests [default: the configuration's certificatesDir]
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<String>,
    /// Configuration file [default: the defaults]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Directory for kubeconfig files and their requests
    #[arg(long, value_name = "DIR", default_value = layout::KUBERNETES_DIR)]
    pub kubeconfig_dir: String,
}

/// What stands below `certs`.
pub fn command(certs: Command) -> Command {
    subcommands::<CertsCommand>(certs).subcommand(renew())
}

fn renew() -> Command {
    let renew = Command::new("renew")
        .about("Put new certificates in the place of old ones, with the same subject, names and usages")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("all").about("Renew all that this node can").defer(flags::<RenewArgs>));
    Renewable::all().into_iter().fold(renew, |renew, one| {
        renew.subcommand(Command::new(one.name()).about(format!("Renew the {}", one.about())).defer(flags::<RenewArgs>))
    })
}
