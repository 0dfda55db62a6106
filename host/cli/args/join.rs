//! Flags of `join` and of its phases.

use clap::{Args, Command};
use kubephase_model::config::flags::JoinFlags;
use kubephase_workflow::join;

use super::{EventsArg, Offer, flags, phases};

/// As typed. The doc comments are the help.
#[derive(Args)]
pub struct JoinArgs {
    /// host:port of the cluster's API server
    #[arg(value_name = "API_SERVER_ENDPOINT")]
    pub api_server_endpoint: Option<String>,
    /// Configuration file with a JoinConfiguration
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Make unknown and duplicate fields of the file errors
    #[arg(long)]
    pub strict: bool,
    /// Name of this node [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// CRI endpoint; found if not given
    #[arg(long, value_name = "URL")]
    pub cri_socket: Option<String>,
    /// Token for discovery and for the kubelet's TLS bootstrap
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Token for discovery
    #[arg(long, value_name = "TOKEN")]
    pub discovery_token: Option<String>,
    /// Pins of the cluster's CA: sha256:<hex>
    #[arg(long, value_name = "HASHES", value_delimiter = ',')]
    pub discovery_token_ca_cert_hash: Vec<String>,
    /// Trust the cluster without pins
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub discovery_token_unsafe_skip_ca_verification: Option<bool>,
    /// Kubeconfig file or URL to discover the cluster by
    #[arg(long, value_name = "FILE")]
    pub discovery_file: Option<String>,
    /// Token for the kubelet's TLS bootstrap
    #[arg(long, value_name = "TOKEN")]
    pub tls_bootstrap_token: Option<String>,
    /// Join as a control-plane node
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub control_plane: Option<bool>,
    /// Key of the uploaded certificates
    #[arg(long, value_name = "HEX")]
    pub certificate_key: Option<String>,
    /// Address that this node's API server will advertise
    #[arg(long, value_name = "IP")]
    pub apiserver_advertise_address: Option<String>,
    /// Port that this node's API server will listen on
    #[arg(long, value_name = "PORT")]
    pub apiserver_bind_port: Option<i32>,
    /// Directory with patches, files named target[suffix][+type].json or .yaml
    #[arg(long, value_name = "DIR")]
    pub patches: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten, next_help_heading = "Plugins")]
    pub get: super::plugin::GetArgs,
}

/// How the run goes.
#[derive(Args)]
struct RunArgs {
    /// Change nothing: write what would be written to a scratch directory, and list it with differences
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dry_run: Option<bool>,
    /// Where a dry run writes, laid out as on the node; implies --dry-run
    #[arg(long, value_name = "DIR")]
    dry_run_dir: Option<String>,
    /// Show per phase what would be created, replaced or left alone, and do nothing
    #[arg(long)]
    plan: bool,
    /// Checks whose errors become warnings; `all` for every one
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    ignore_preflight_errors: Vec<String>,
    /// Phases to leave out, by path
    #[arg(
        long,
        value_name = "PHASES",
        value_delimiter = ',',
        value_parser = Offer(|| join::workflow().paths()),
        hide_possible_values = true
    )]
    skip_phases: Vec<String>,
    #[command(flatten)]
    output: EventsArg,
}

impl JoinArgs {
    /// The flags that stand for fields.
    pub fn flags(&self) -> JoinFlags {
        JoinFlags {
            api_server_endpoint: self.api_server_endpoint.clone(),
            node_name: self.node_name.clone(),
            cri_socket: self.cri_socket.clone(),
            dry_run: self.run.dry_run,
            ignore_preflight_errors: self.run.ignore_preflight_errors.clone(),
            skip_phases: (!self.run.skip_phases.is_empty()).then(|| self.run.skip_phases.clone()),
            token: self.token.clone(),
            discovery_token: self.discovery_token.clone(),
            discovery_token_ca_cert_hash: self.discovery_token_ca_cert_hash.clone(),
            discovery_token_unsafe_skip_ca_verification: self
                .discovery_token_unsafe_skip_ca_verification
                .unwrap_or_default(),
            discovery_file: self.discovery_file.clone(),
            tls_bootstrap_token: self.tls_bootstrap_token.clone(),
            control_plane: self.control_plane.unwrap_or_default(),
            certificate_key: self.certificate_key.clone(),
            apiserver_advertise_address: self.apiserver_advertise_address.clone(),
            apiserver_bind_port: self.apiserver_bind_port,
            patches: self.patches.clone(),
        }
    }

    /// Where a dry run writes, if it was named.
    pub fn dry_run_dir(&self) -> Option<&str> {
        self.run.dry_run_dir.as_deref()
    }

    /// Whether only a plan is wanted.
    pub fn plan(&self) -> bool {
        self.run.plan
    }
}

/// What stands below `join`.
pub fn command(join: Command) -> Command {
    let workflow = join::workflow();
    flags::<JoinArgs>(join)
        .after_help(format!("Phases, in this order:\n\n{}", workflow.outline()))
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(phases::<_, JoinArgs>(&workflow))
}
