//! Flags of `config`.

use clap::{Args, Command, Subcommand};

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
    #[arg(long)]
    pub allow_deprecated_api: bool,
    /// Accept experimental API versions (there are none)
    #[arg(long)]
    pub allow_experimental_api: bool,
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
    #[arg(long)]
    pub allow_experimental_api: bool,
}

/// `config images …`.
#[derive(Subcommand)]
pub enum ImagesCommand {
    /// List them, one per line
    List(ImagesArgs),
}

/// `config images list`.
#[derive(Args)]
pub struct ImagesArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Feature gates of kubeadm
    #[arg(long, value_name = "GATES")]
    pub feature_gates: Option<String>,
    /// Registry that images come from [default: registry.k8s.io]
    #[arg(long, value_name = "REGISTRY")]
    pub image_repository: Option<String>,
    /// Version to deploy, or a label [default: stable-1]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
    #[command(flatten)]
    pub output: OutputArg,
}

/// What stands below `config`.
pub fn command(config: Command) -> Command {
    ConfigCommand::augment_subcommands(config.subcommand_required(true).arg_required_else_help(true))
}
