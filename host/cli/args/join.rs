//! Flags of `join`'s phases.

use clap::{Args, Command};
use kubephase_model::config::flags::JoinFlags;
use kubephase_workflow::join;

use super::{EventsArg, phases};

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
    /// Only look: neither root nor the images are needed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub dry_run: Option<bool>,
    /// Checks whose errors become warnings; `all` for every one
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    pub ignore_preflight_errors: Vec<String>,
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
    #[arg(long)]
    pub discovery_token_unsafe_skip_ca_verification: bool,
    /// Kubeconfig file or URL to discover the cluster by
    #[arg(long, value_name = "FILE")]
    pub discovery_file: Option<String>,
    /// Token for the kubelet's TLS bootstrap
    #[arg(long, value_name = "TOKEN")]
    pub tls_bootstrap_token: Option<String>,
    /// Join as a control-plane node
    #[arg(long)]
    pub control_plane: bool,
    /// Key of the uploaded certificates
    #[arg(long, value_name = "HEX")]
    pub certificate_key: Option<String>,
    /// Address that this node's API server will advertise
    #[arg(long, value_name = "IP")]
    pub apiserver_advertise_address: Option<String>,
    /// Port that this node's API server will listen on
    #[arg(long, value_name = "PORT")]
    pub apiserver_bind_port: Option<i32>,
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
            dry_run: self.dry_run,
            ignore_preflight_errors: self.ignore_preflight_errors.clone(),
            token: self.token.clone(),
            discovery_token: self.discovery_token.clone(),
            discovery_token_ca_cert_hash: self.discovery_token_ca_cert_hash.clone(),
            discovery_token_unsafe_skip_ca_verification: self.discovery_token_unsafe_skip_ca_verification,
            discovery_file: self.discovery_file.clone(),
            tls_bootstrap_token: self.tls_bootstrap_token.clone(),
            control_plane: self.control_plane,
            certificate_key: self.certificate_key.clone(),
            apiserver_advertise_address: self.apiserver_advertise_address.clone(),
            apiserver_bind_port: self.apiserver_bind_port,
            ..JoinFlags::default()
        }
    }
}

/// What stands below `join`: its phases. The whole `join` does not exist yet.
pub fn command(join: Command) -> Command {
    let workflow = join::workflow();
    join.after_help(format!("Phases so far:\n\n{}", workflow.outline()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(phases::<_, JoinArgs>(&workflow))
}
