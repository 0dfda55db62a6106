//! How a node joins.

use super::Check;
use super::network::api_endpoint;
use super::node::registration;
use super::token::{JOIN_TOKEN_HINT, bootstrap_token, certificate_key};
use crate::config::v1beta4::{BootstrapTokenDiscovery, Discovery, FileDiscovery, JoinConfiguration};
use crate::names::{HostPort, HostPortError, is_bootstrap_token, split_host_port};

pub(super) fn join(config: &JoinConfiguration, check: &mut Check<'_>) {
    discovery(&config.discovery, check);
    registration(&config.node_registration, None, check);
    if let Some(control_plane) = &config.control_plane {
        api_endpoint(&control_plane.local_api_endpoint, "controlPlane.localAPIEndpoint", check);
        certificate_key(&control_plane.certificate_key, "controlPlane.certificateKey", check);
    }
    if !config.ca_cert_path.starts_with('/') || !config.ca_cert_path.ends_with(".crt") {
        check.error(
            "caCertPath",
            format!("`{}` is not an absolute path that ends with .crt", config.ca_cert_path),
            "the default is /etc/kubernetes/pki/ca.crt",
        );
    }
}

fn discovery(discovery: &Discovery, check: &mut Check<'_>) {
    match (&discovery.bootstrap_token, &discovery.file) {
        (None, None) => check.error(
            "discovery",
            "nothing says how to find the cluster",
            "give the address and a token of the API server (`kubephase token create --print-join-command` on a control-plane node prints them), or a discovery file",
        ),
        (Some(_), Some(_)) => {
            check.error("discovery", "bootstrapToken and file are both given", "keep the one that you want to use");
        }
        _ => {}
    }
    if let Some(token) = &discovery.bootstrap_token {
        by_token(token, check);
        bootstrap_token(&discovery.tls_bootstrap_token, "discovery.tlsBootstrapToken", JOIN_TOKEN_HINT, check);
    }
    if let Some(file) = &discovery.file {
        by_file(file, check);
        let token = &discovery.tls_bootstrap_token;
        if discovery.bootstrap_token.is_none() && !token.is_empty() && !is_bootstrap_token(token) {
            check.error("discovery.tlsBootstrapToken", "it is not a bootstrap token", JOIN_TOKEN_HINT);
        }
    }
}

fn by_token(token: &BootstrapTokenDiscovery, check: &mut Check<'_>) {
    let path = "discovery.bootstrapToken.apiServerEndpoint";
    let endpoint = &token.api_server_endpoint;
    if endpoint.is_empty() {
        check.error(path, "no address of an API server", "write it like cp.example.com:6443");
    } else {
        // Any name that a resolver may know will do, as it does for kubeadm.
        match (split_host_port(endpoint), endpoint.parse::<HostPort>()) {
            (_, Ok(HostPort { port: Some(_), .. })) => {}
            (Some((host, _)), Err(HostPortError::Host(_)))
                if !host.is_empty() && !host.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) => {}
            (_, Ok(_)) => {
                check.error(
                    path,
                    format!("`{endpoint}` has no port"),
                    format!("write {endpoint}:6443 if that is its port"),
                );
            }
            (_, Err(error)) => check.error(path, format!("`{endpoint}`: {error}"), error.hint()),
        }
    }
    if token.ca_cert_hashes.is_empty() && !token.unsafe_skip_ca_verification {
        check.error(
            "discovery.bootstrapToken.caCertHashes",
            "without the hash of its CA nobody knows whether this is the right cluster",
            "give caCertHashes (--discovery-token-ca-cert-hash); to trust any cluster set unsafeSkipCAVerification",
        );
    }
    for (i, hash) in token.ca_cert_hashes.iter().enumerate() {
        let is_pin = hash.split_once(':').is_some_and(|(algorithm, hex)| {
            algorithm.eq_ignore_ascii_case("sha256") && hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if !is_pin {
            check.error(
                format!("discovery.bootstrapToken.caCertHashes[{i}]"),
                format!("`{hash}` is not `sha256:` and 64 hexadecimal digits"),
                "copy it from the join command that init printed",
            );
        }
    }
    bootstrap_token(&token.token.0, "discovery.bootstrapToken.token", JOIN_TOKEN_HINT, check);
}

fn by_file(file: &FileDiscovery, check: &mut Check<'_>) {
    let path = &file.kube_config_path.0;
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    if path.is_empty() {
        check.error("discovery.file.kubeConfigPath", "no path", "name a kubeconfig file or an https:// URL");
    } else if scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("https")) {
        check.error(
            "discovery.file.kubeConfigPath",
            format!("`{path}` is neither a path nor an https:// URL"),
            "what is fetched without TLS cannot be trusted",
        );
    }
}
