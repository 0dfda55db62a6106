//! Flags of `config`.

use clap::{Arg, Args, Command, Subcommand};

use super::images::WantedArgs;
use super::{EventsArg, OutputArg};

/// `config …`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print default configurations
    #[command(subcommand)]
    Print(PrintCommand),
    /// Check a configuration file; every problem is shown with its place
    Validate(ValidateArgs),
    /// Print a configuration file in the newest version of the API
    Migrate(MigrateArgs),
    /// Images that a configuration needs
    #[command(subcommand)]
    Images(ImagesCommand),
}

/// `config print …`.
#[derive(Subcommand)]
#[expect(clippy::enum_variant_names, reason = "they are the sub-commands, named by kubeadm")]
pub enum PrintCommand {
    /// Print the defaults of `init`
    InitDefaults {
        /// Also print these: KubeletConfiguration, KubeProxyConfiguration
        #[arg(long, value_name = "KINDS", value_delimiter = ',')]
        component_configs: Vec<String>,
    },
    /// Print the defaults of `join`
    JoinDefaults,
    /// Print the defaults of `reset`
    ResetDefaults,
    /// Print the defaults of `upgrade`
    UpgradeDefaults,
}

/// `config validate`.
#[derive(Args)]
pub struct ValidateArgs {
    /// The file
    #[arg(long, value_name = "FILE", required = true)]
    pub config: String,
    /// Do not warn of deprecated API versions
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_deprecated_api: Option<bool>,
    /// Accept experimental API versions (there are none)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_experimental_api: Option<bool>,
    /// Unknown and duplicate fields are always errors here
    #[arg(long, hide = true)]
    pub strict: bool,
    #[command(flatten)]
    pub output: EventsArg,
}

/// `config migrate`.
#[derive(Args)]
pub struct MigrateArgs {
    /// The file to read
    #[arg(long, value_name = "FILE", required = true)]
    pub old_config: String,
    /// The file to write instead of standard output
    #[arg(long, value_name = "FILE")]
    pub new_config: Option<String>,
    /// Accept experimental API versions (there are none)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_experimental_api: Option<bool>,
}

/// `config images …`.
#[derive(Subcommand)]
pub enum ImagesCommand {
    /// List them, one per line
    List(ListArgs),
    /// Have the container runtime pull them
    Pull(PullArgs),
}

/// `config images list`.
#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub wanted: WantedArgs,
    #[command(flatten)]
    output: OutputArg,
    /// kubeadm's, for outputs by template
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_missing_template_keys: Option<bool>,
    /// kubeadm's; images have no managed fields
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    show_managed_fields: Option<bool>,
}

/// `config images pull`.
#[derive(Args)]
pub struct PullArgs {
    #[command(flatten)]
    pub wanted: WantedArgs,
    /// CRI endpoint; found if not given
    #[arg(long, value_name = "URL")]
    pub cri_socket: Option<String>,
    #[command(flatten)]
    output: EventsArg,
}

/// What stands below `config`.
pub fn command(config: Command) -> Command {
    // kubeadm's, and not used there either: none of these commands talks to a cluster.
    let kubeconfig = Arg::new("kubeconfig").long("kubeconfig").value_name("FILE").global(true).hide(true);
    super::subcommands::<ConfigCommand>(config).arg(kubeconfig)
}
