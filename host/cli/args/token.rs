//! Flags of `token`.

use clap::{Args, Command, Subcommand};

use super::{OutputArg, flags, subcommands};

/// `token …`.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print a random token, which the cluster does not know
    Generate,
    /// Create a token in the cluster, by default a random one that lives for a day
    Create(CreateArgs),
    /// List the tokens of the cluster
    List(ListArgs),
    /// Delete tokens from the cluster; none if one of the arguments is not right
    Delete(DeleteArgs),
}

/// Flags of every sub-command.
#[derive(Args)]
pub struct ClusterArgs {
    /// Kubeconfig file; found as kubectl does if not given, else /etc/kubernetes/admin.conf
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<String>,
    /// Change nothing in the cluster, only say what would be
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        global = true
    )]
    pub dry_run: Option<bool>,
}

/// `token create`.
#[derive(Args)]
pub struct CreateArgs {
    /// The token, such as abcdef.0123456789abcdef; a random one if not given
    #[arg(value_name = "TOKEN")]
    pub token: Option<String>,
    /// Configuration file: all tokens of its InitConfiguration are created, the first one is printed
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// What it is for, for people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Groups that it authenticates as [default: system:bootstrappers:kubeadm:default-node-token]
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub groups: Vec<String>,
    /// What it is good for [default: signing,authentication]
    #[arg(long, value_name = "USAGES", value_delimiter = ',')]
    pub usages: Vec<String>,
    /// How long it lives; 0 is for ever [default: 24h0m0s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub ttl: Option<String>,
    /// Print the whole command to join with, not only the token
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    print_join_command: Option<bool>,
    /// Make it the command for a control-plane node: the key that `init phase upload-certs` told
    #[arg(long, value_name = "HEX")]
    pub certificate_key: Option<String>,
}

impl CreateArgs {
    /// Whether the whole command is wanted.
    pub fn print_join_command(&self) -> bool {
        self.print_join_command.unwrap_or(false)
    }
}

/// `token list`.
#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    _output: OutputArg,
    #[command(flatten)]
    _ignored: PrinterArgs,
}

/// Flags of kubectl's printers, which kubeadm has too. They make no difference to the formats that there are.
#[derive(Args)]
struct PrinterArgs {
    /// For templates, which are no format here
    #[arg(
        long,
        hide = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    allow_missing_template_keys: Option<bool>,
    /// Tokens have no managed fields
    #[arg(
        long,
        hide = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    show_managed_fields: Option<bool>,
}

/// `token delete`.
#[derive(Args)]
pub struct DeleteArgs {
    /// Ids (the first part of a token) or whole tokens
    #[arg(value_name = "TOKEN", required = true)]
    pub tokens: Vec<String>,
}

/// What stands below `token`.
pub fn command(token: Command) -> Command {
    subcommands::<TokenCommand>(flags::<ClusterArgs>(token))
}
