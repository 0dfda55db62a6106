//! Flags that stand for fields of the configuration, and kubeadm's rule which of them may be given beside
//! `--config`. Names and meanings are kubeadm's; parsing the command line is the cli's.

use super::duration::GoDuration;
use super::v1beta4::{
    Arg, ArgValue, BootstrapToken, BootstrapTokenDiscovery, ClusterConfiguration, ControlPlaneComponent, FileDiscovery,
    InitConfiguration, JoinConfiguration, JoinControlPlane, Patches,
};
use crate::report::{Problem, Report};

/// Flags of `init` and its phases that may set fields. Lists are empty and options `None` where a flag was not
/// given.
#[derive(Clone, Debug, Default)]
pub struct InitFlags {
    /// `--node-name`; allowed beside `--config`.
    pub node_name: Option<String>,
    /// `--dry-run`; allowed beside `--config`.
    pub dry_run: Option<bool>,
    /// `--ignore-preflight-errors`; allowed beside `--config`, added to the file's.
    pub ignore_preflight_errors: Vec<String>,
    /// `--skip-phases`; allowed beside `--config`, replaces the file's.
    pub skip_phases: Option<Vec<String>>,
    /// `--cri-socket`.
    pub cri_socket: Option<String>,
    /// `--apiserver-advertise-address`.
    pub apiserver_advertise_address: Option<String>,
    /// `--apiserver-bind-port`.
    pub apiserver_bind_port: Option<i32>,
    /// `--apiserver-cert-extra-sans`.
    pub apiserver_cert_extra_sans: Vec<String>,
    /// `--cert-dir`.
    pub cert_dir: Option<String>,
    /// `--certificate-key`.
    pub certificate_key: Option<String>,
    /// `--control-plane-endpoint`.
    pub control_plane_endpoint: Option<String>,
    /// `--feature-gates`, as typed: `A=true,B=false`.
    pub feature_gates: Option<String>,
    /// `--image-repository`.
    pub image_repository: Option<String>,
    /// `--kubernetes-version`.
    pub kubernetes_version: Option<String>,
    /// `--patches`.
    pub patches: Option<String>,
    /// `--pod-network-cidr`.
    pub pod_network_cidr: Option<String>,
    /// `--service-cidr`.
    pub service_cidr: Option<String>,
    /// `--service-dns-domain`.
    pub service_dns_domain: Option<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--token-ttl`, as typed.
    pub token_ttl: Option<String>,
    /// `--apiserver-extra-args`, as typed: `a=b,c=d`.
    pub apiserver_extra_args: Option<String>,
    /// `--controller-manager-extra-args`, as typed.
    pub controller_manager_extra_args: Option<String>,
    /// `--scheduler-extra-args`, as typed.
    pub scheduler_extra_args: Option<String>,
}

/// Flags of `join` that may set fields.
#[derive(Clone, Debug, Default)]
pub struct JoinFlags {
    /// Positional `host:port`.
    pub api_server_endpoint: Option<String>,
    /// `--node-name`; allowed beside `--config`.
    pub node_name: Option<String>,
    /// `--cri-socket`.
    pub cri_socket: Option<String>,
    /// `--dry-run`; allowed beside `--config`.
    pub dry_run: Option<bool>,
    /// `--ignore-preflight-errors`; allowed beside `--config`, added to the file's.
    pub ignore_preflight_errors: Vec<String>,
    /// `--skip-phases`; allowed beside `--config`, replaces the file's.
    pub skip_phases: Option<Vec<String>>,
    /// `--token`: for discovery and TLS bootstrap, where those are not given.
    pub token: Option<String>,
    /// `--discovery-token`.
    pub discovery_token: Option<String>,
    /// `--discovery-token-ca-cert-hash`.
    pub discovery_token_ca_cert_hash: Vec<String>,
    /// `--discovery-token-unsafe-skip-ca-verification`.
    pub discovery_token_unsafe_skip_ca_verification: bool,
    /// `--discovery-file`.
    pub discovery_file: Option<String>,
    /// `--tls-bootstrap-token`.
    pub tls_bootstrap_token: Option<String>,
    /// `--control-plane`.
    pub control_plane: bool,
    /// `--apiserver-advertise-address`.
    pub apiserver_advertise_address: Option<String>,
    /// `--apiserver-bind-port`.
    pub apiserver_bind_port: Option<i32>,
    /// `--certificate-key`.
    pub certificate_key: Option<String>,
    /// `--patches`.
    pub patches: Option<String>,
}

/// Fields of the configuration and the flags that set them, to name problems of flags by the flag.
pub(super) static FLAG_OF_FIELD: &[(&str, &str)] = &[
    ("nodeRegistration.name", "--node-name"),
    ("nodeRegistration.criSocket", "--cri-socket"),
    ("nodeRegistration.ignorePreflightErrors", "--ignore-preflight-errors"),
    ("localAPIEndpoint.advertiseAddress", "--apiserver-advertise-address"),
    ("localAPIEndpoint.bindPort", "--apiserver-bind-port"),
    ("controlPlane.localAPIEndpoint.advertiseAddress", "--apiserver-advertise-address"),
    ("controlPlane.localAPIEndpoint.bindPort", "--apiserver-bind-port"),
    ("controlPlane.certificateKey", "--certificate-key"),
    ("apiServer.certSANs", "--apiserver-cert-extra-sans"),
    ("certificatesDir", "--cert-dir"),
    ("certificateKey", "--certificate-key"),
    ("controlPlaneEndpoint", "--control-plane-endpoint"),
    ("featureGates", "--feature-gates"),
    ("imageRepository", "--image-repository"),
    ("kubernetesVersion", "--kubernetes-version"),
    ("patches.directory", "--patches"),
    ("networking.podSubnet", "--pod-network-cidr"),
    ("networking.serviceSubnet", "--service-cidr"),
    ("networking.dnsDomain", "--service-dns-domain"),
    ("bootstrapTokens[0].ttl", "--token-ttl"),
    ("bootstrapTokens[0]", "--token"),
    ("discovery.bootstrapToken.apiServerEndpoint", "the API server's address"),
    ("discovery.bootstrapToken.token", "--token"),
    ("discovery.bootstrapToken.caCertHashes", "--discovery-token-ca-cert-hash"),
    ("discovery.file.kubeConfigPath", "--discovery-file"),
    ("discovery.tlsBootstrapToken", "--tls-bootstrap-token"),
];

/// Refuses flags beside `--config` that would be dropped silently otherwise.
pub(super) fn not_with_config(given: &[(&str, bool)], report: &mut Report) {
    let names: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        report.push(
            Problem::error("", format!("`--config` cannot be combined with {}", names.join(", ")))
                .hint("put the values into the file"),
        );
    }
}

impl InitFlags {
    /// Reports the flags that `--config` excludes.
    pub fn check_mixing(&self, report: &mut Report) {
        not_with_config(
            &[
                ("--cri-socket", self.cri_socket.is_some()),
                ("--apiserver-advertise-address", self.apiserver_advertise_address.is_some()),
                ("--apiserver-bind-port", self.apiserver_bind_port.is_some()),
                ("--apiserver-cert-extra-sans", !self.apiserver_cert_extra_sans.is_empty()),
                ("--cert-dir", self.cert_dir.is_some()),
                ("--certificate-key", self.certificate_key.is_some()),
                ("--control-plane-endpoint", self.control_plane_endpoint.is_some()),
                ("--feature-gates", self.feature_gates.is_some()),
                ("--image-repository", self.image_repository.is_some()),
                ("--kubernetes-version", self.kubernetes_version.is_some()),
                ("--patches", self.patches.is_some()),
                ("--pod-network-cidr", self.pod_network_cidr.is_some()),
                ("--service-cidr", self.service_cidr.is_some()),
                ("--service-dns-domain", self.service_dns_domain.is_some()),
                ("--token", self.token.is_some()),
                ("--token-ttl", self.token_ttl.is_some()),
                ("--apiserver-extra-args", self.apiserver_extra_args.is_some()),
                ("--controller-manager-extra-args", self.controller_manager_extra_args.is_some()),
                ("--scheduler-extra-args", self.scheduler_extra_args.is_some()),
            ],
            report,
        );
    }

    /// The configuration that the flags alone mean.
    pub(super) fn documents(&self, report: &mut Report) -> (InitConfiguration, ClusterConfiguration) {
        let (mut init, mut cluster) = (InitConfiguration::default(), ClusterConfiguration::default());
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        init.node_registration.cri_socket = text(&self.cri_socket);
        init.local_api_endpoint.advertise_address = text(&self.apiserver_advertise_address);
        init.local_api_endpoint.bind_port = self.apiserver_bind_port.unwrap_or(0);
        init.certificate_key = text(&self.certificate_key);
        init.patches = self.patches.clone().map(|directory| Patches { directory });
        let ttl = self.token_ttl.as_deref().and_then(|text| token_ttl("--token-ttl", text, report));
        init.bootstrap_tokens = vec![BootstrapToken {
            token: text(&self.token),
            description: DEFAULT_TOKEN_DESCRIPTION.to_owned(),
            ttl,
            ..BootstrapToken::default()
        }];

        cluster.api_server.cert_sans.clone_from(&self.apiserver_cert_extra_sans);
        cluster.certificates_dir = text(&self.cert_dir);
        cluster.control_plane_endpoint = text(&self.control_plane_endpoint);
        cluster.image_repository = text(&self.image_repository);
        cluster.kubernetes_version = text(&self.kubernetes_version);
        cluster.networking.pod_subnet = text(&self.pod_network_cidr);
        cluster.networking.service_subnet = text(&self.service_cidr);
        cluster.networking.dns_domain = text(&self.service_dns_domain);
        self.feature_gates_into(&mut cluster, report);
        extra_args("--apiserver-extra-args", &self.apiserver_extra_args, &mut cluster.api_server.component, report);
        extra_args(
            "--controller-manager-extra-args",
            &self.controller_manager_extra_args,
            &mut cluster.controller_manager,
            report,
        );
        extra_args("--scheduler-extra-args", &self.scheduler_extra_args, &mut cluster.scheduler, report);
        (init, cluster)
    }

    fn feature_gates_into(&self, cluster: &mut ClusterConfiguration, report: &mut Report) {
        let gates = self.feature_gates.as_deref().unwrap_or_default();
        for gate in gates.split(',').map(str::trim).filter(|gate| !gate.is_empty()) {
            let parsed = gate.split_once('=').and_then(|(name, value)| {
                let on = match value.trim() {
                    "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                    "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                    _ => return None,
                };
                Some((name.trim().to_owned(), on))
            });
            match parsed {
                Some((name, on)) => {
                    cluster.feature_gates.insert(name, on);
                }
                None => report.push(
                    Problem::error("--feature-gates", format!("`{gate}` does not switch a gate on or off"))
                        .hint("write `Name=true` or `Name=false`, several separated by commas"),
                ),
            }
        }
    }
}

/// Reads how long a token is to live.
pub(super) fn token_ttl(flag: &str, text: &str, report: &mut Report) -> Option<GoDuration> {
    let ttl = GoDuration::parse(text);
    if ttl.is_none() {
        report.push(
            Problem::error(flag, format!("`{text}` is not a duration"))
                .hint("write it like `24h0m0s`; `0` lets the token live for ever"),
        );
    }
    ttl
}

/// What kubeadm writes into the token that `init` makes when it is not told otherwise.
pub const DEFAULT_TOKEN_DESCRIPTION: &str = "The default bootstrap token generated by 'kubeadm init'.";

fn extra_args(flag: &str, text: &Option<String>, component: &mut ControlPlaneComponent, report: &mut Report) {
    for item in text.iter().flat_map(|text| text.split(',')).filter(|item| !item.is_empty()) {
        match item.split_once('=').filter(|(name, value)| !name.is_empty() && !value.contains('=')) {
            Some((name, value)) => component.extra_args.push(Arg::new(name, value)),
            None => report.push(
                Problem::error(flag, format!("`{item}` is not `name=value`"))
                    .hint("values with `=` or `,` need a configuration file"),
            ),
        }
    }
}

impl JoinFlags {
    /// Reports the flags that `--config` excludes.
    pub fn check_mixing(&self, report: &mut Report) {
        not_with_config(
            &[
                ("--cri-socket", self.cri_socket.is_some()),
                ("--token", self.token.is_some()),
                ("--discovery-token", self.discovery_token.is_some()),
                ("--discovery-token-ca-cert-hash", !self.discovery_token_ca_cert_hash.is_empty()),
                ("--discovery-token-unsafe-skip-ca-verification", self.discovery_token_unsafe_skip_ca_verification),
                ("--discovery-file", self.discovery_file.is_some()),
                ("--tls-bootstrap-token", self.tls_bootstrap_token.is_some()),
                ("--control-plane", self.control_plane),
                ("--apiserver-advertise-address", self.apiserver_advertise_address.is_some()),
                ("--apiserver-bind-port", self.apiserver_bind_port.is_some()),
                ("--certificate-key", self.certificate_key.is_some()),
                ("--patches", self.patches.is_some()),
            ],
            report,
        );
    }

    /// The configuration that the flags alone mean.
    pub(super) fn document(&self, report: &mut Report) -> JoinConfiguration {
        let mut join = JoinConfiguration::default();
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        let token = |flag: &Option<String>| flag.clone().or_else(|| self.token.clone()).unwrap_or_default();
        join.node_registration.cri_socket = text(&self.cri_socket);
        join.patches = self.patches.clone().map(|directory| Patches { directory });
        join.discovery.tls_bootstrap_token = token(&self.tls_bootstrap_token);
        join.discovery.file =
            self.discovery_file.clone().map(|path| FileDiscovery { kube_config_path: ArgValue(path) });
        join.discovery.bootstrap_token = self.api_server_endpoint.clone().map(|endpoint| BootstrapTokenDiscovery {
            token: ArgValue(token(&self.discovery_token)),
            api_server_endpoint: endpoint,
            ca_cert_hashes: self.discovery_token_ca_cert_hash.clone(),
            unsafe_skip_ca_verification: self.discovery_token_unsafe_skip_ca_verification,
        });
        if self.control_plane {
            let mut control_plane =
                JoinControlPlane { certificate_key: text(&self.certificate_key), ..Default::default() };
            control_plane.local_api_endpoint.advertise_address = text(&self.apiserver_advertise_address);
            control_plane.local_api_endpoint.bind_port = self.apiserver_bind_port.unwrap_or(0);
            join.control_plane = Some(control_plane);
            return join;
        }
        for (name, given) in [
            ("--apiserver-advertise-address", self.apiserver_advertise_address.is_some()),
            ("--apiserver-bind-port", self.apiserver_bind_port.is_some()),
            ("--certificate-key", self.certificate_key.is_some()),
        ] {
            if given {
                report.push(
                    Problem::warning(name, "it has no effect on a worker")
                        .hint("add `--control-plane` to join as a control-plane node"),
                );
            }
        }
        join
    }
}
