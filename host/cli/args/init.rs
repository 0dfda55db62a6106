//! Flags of `init` and of its phases.

use clap::{Args, Command};
use kubephase_model::config::flags::InitFlags;
use kubephase_workflow::init;

use super::{EventsArg, Offer, flags, phases};

/// As typed. The doc comments are the help.
#[derive(Args)]
pub struct InitArgs {
    /// Configuration file: kubeadm's documents, of any supported version
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    pub config: Option<String>,
    /// Make unknown and duplicate fields of the file errors
    #[arg(long, help_heading = "Configuration")]
    pub strict: bool,
    /// Address that the API server advertises; found by the default route if not given
    #[arg(long, value_name = "IP", help_heading = "Configuration")]
    pub apiserver_advertise_address: Option<String>,
    /// Port that the API server listens on [default: 6443]
    #[arg(long, value_name = "PORT", help_heading = "Configuration")]
    pub apiserver_bind_port: Option<i32>,
    /// More names and addresses for the API server's certificate
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Configuration")]
    pub apiserver_cert_extra_sans: Vec<String>,
    /// Where certificates are kept [default: /etc/kubernetes/pki]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    pub cert_dir: Option<String>,
    /// Key that encrypts uploaded certificates: 32 bytes in hex
    #[arg(long, value_name = "HEX", help_heading = "Configuration")]
    pub certificate_key: Option<String>,
    /// Stable address of the control plane, host[:port]
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Configuration")]
    pub control_plane_endpoint: Option<String>,
    /// CRI endpoint; found if not given
    #[arg(long, value_name = "URL", help_heading = "Configuration")]
    pub cri_socket: Option<String>,
    /// Feature gates of kubeadm: Name=true,Other=false
    #[arg(long, value_name = "GATES", help_heading = "Configuration")]
    pub feature_gates: Option<String>,
    /// Registry that images come from [default: registry.k8s.io]
    #[arg(long, value_name = "REGISTRY", help_heading = "Configuration")]
    pub image_repository: Option<String>,
    /// Version to deploy, or a label such as stable-1.36 [default: stable-1]
    #[arg(long, value_name = "VERSION", help_heading = "Configuration")]
    pub kubernetes_version: Option<String>,
    /// Name of this node [default: the host name]
    #[arg(long, value_name = "NAME", help_heading = "Configuration")]
    pub node_name: Option<String>,
    /// Directory with patches, files named target[suffix][+type].json or .yaml
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    pub patches: Option<String>,
    /// Addresses for pods; two, comma-separated, for dual stack
    #[arg(long, value_name = "CIDR", help_heading = "Configuration")]
    pub pod_network_cidr: Option<String>,
    /// Addresses for Services [default: 10.96.0.0/12]
    #[arg(long, value_name = "CIDR", help_heading = "Configuration")]
    pub service_cidr: Option<String>,
    /// Domain of Services [default: cluster.local]
    #[arg(long, value_name = "DOMAIN", help_heading = "Configuration")]
    pub service_dns_domain: Option<String>,
    /// Token for nodes to join with; a random one if not given
    #[arg(long, value_name = "TOKEN", help_heading = "Configuration")]
    pub token: Option<String>,
    /// How long the token lives; 0 is for ever [default: 24h0m0s]
    #[arg(long, value_name = "DURATION", help_heading = "Configuration")]
    pub token_ttl: Option<String>,
    /// Where kubeconfig files are written
    #[arg(long, value_name = "DIR", default_value = "/etc/kubernetes", help_heading = "Configuration")]
    pub kubeconfig_dir: String,
    /// Deprecated: apiServer.extraArgs
    #[arg(long, value_name = "ARGS", hide = true)]
    pub apiserver_extra_args: Option<String>,
    /// Deprecated: controllerManager.extraArgs
    #[arg(long, value_name = "ARGS", hide = true)]
    pub controller_manager_extra_args: Option<String>,
    /// Deprecated: scheduler.extraArgs
    #[arg(long, value_name = "ARGS", hide = true)]
    pub scheduler_extra_args: Option<String>,
    /// Put what control-plane nodes share into the cluster, encrypted, so that others can join
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub upload_certs: Option<bool>,
    /// Keep the token out of the commands to join with
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_token_print: Option<bool>,
    /// Keep the certificate key out of the commands to join with
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_certificate_key_print: Option<bool>,
    /// Kubeconfig file for working in the cluster, if a single phase is run [default: /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Only print the objects of an addon, if its phase alone is run
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub print_manifest: Option<bool>,
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
        value_parser = Offer(|| init::workflow().paths()),
        hide_possible_values = true
    )]
    skip_phases: Vec<String>,
    #[command(flatten)]
    output: EventsArg,
}

impl InitArgs {
    /// The flags that stand for fields.
    pub fn flags(&self) -> InitFlags {
        InitFlags {
            node_name: self.node_name.clone(),
            dry_run: self.run.dry_run,
            ignore_preflight_errors: self.run.ignore_preflight_errors.clone(),
            skip_phases: (!self.run.skip_phases.is_empty()).then(|| self.run.skip_phases.clone()),
            cri_socket: self.cri_socket.clone(),
            apiserver_advertise_address: self.apiserver_advertise_address.clone(),
            apiserver_bind_port: self.apiserver_bind_port,
            apiserver_cert_extra_sans: self.apiserver_cert_extra_sans.clone(),
            cert_dir: self.cert_dir.clone(),
            certificate_key: self.certificate_key.clone(),
            control_plane_endpoint: self.control_plane_endpoint.clone(),
            feature_gates: self.feature_gates.clone(),
            image_repository: self.image_repository.clone(),
            kubernetes_version: self.kubernetes_version.clone(),
            patches: self.patches.clone(),
            pod_network_cidr: self.pod_network_cidr.clone(),
            service_cidr: self.service_cidr.clone(),
            service_dns_domain: self.service_dns_domain.clone(),
            token: self.token.clone(),
            token_ttl: self.token_ttl.clone(),
            apiserver_extra_args: self.apiserver_extra_args.clone(),
            controller_manager_extra_args: self.controller_manager_extra_args.clone(),
            scheduler_extra_args: self.scheduler_extra_args.clone(),
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

/// What stands below `init`.
pub fn command(init: Command) -> Command {
    let workflow = init::workflow();
    flags::<InitArgs>(init)
        .after_help(format!("Phases, in this order:\n\n{}", workflow.outline()))
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(phases::<_, InitArgs>(&workflow))
}
