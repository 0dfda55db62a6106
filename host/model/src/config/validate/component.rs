//! What the whole cluster shares: components, images, gates, certificates.

use super::Check;
use super::args::{args, cert_sans, envs, volumes};
use crate::config::defaults::{CA_CERTIFICATE_VALIDITY, CERTIFICATE_VALIDITY};
use crate::config::record::nearest;
use crate::config::v1beta4::{ClusterConfiguration, ControlPlaneComponent};
use crate::gate::{Gate, Stage};
use crate::names::{is_image_repository, is_image_tag};
use crate::{KeyAlgorithm, Release};

pub(super) fn cluster(cluster: &ClusterConfiguration, release: Option<&Release>, check: &mut Check<'_>) {
    component(&cluster.api_server.component, "apiServer", "kube-apiserver", release, check);
    component(&cluster.controller_manager, "controllerManager", "kube-controller-manager", release, check);
    component(&cluster.scheduler, "scheduler", "kube-scheduler", release, check);
    authorization_mode(cluster, check);
    cert_sans(&cluster.api_server.cert_sans, "apiServer.certSANs", check);
    check.absolute("certificatesDir", &cluster.certificates_dir);
    image_repository(&cluster.image_repository, "imageRepository", check);
    image_repository(&cluster.dns.image_repository, "dns.imageRepository", check);
    image_tag(&cluster.dns.image_tag, "dns.imageTag", check);
    if let Some(release) = release {
        feature_gates(cluster, release, check);
    }
    let algorithms = KeyAlgorithm::ALL.map(KeyAlgorithm::name);
    check.one_of("encryptionAlgorithm", &cluster.encryption_algorithm, &algorithms);
    validity(cluster, check);
}

fn component(part: &ControlPlaneComponent, path: &str, binary: &str, release: Option<&Release>, check: &mut Check<'_>) {
    args(&part.extra_args, &format!("{path}.extraArgs"), binary, release, check);
    volumes(&part.extra_volumes, &format!("{path}.extraVolumes"), check);
    envs(&part.extra_envs, &format!("{path}.extraEnvs"), check);
}

/// Other modes than the default open or close the cluster in ways that are seldom meant.
fn authorization_mode(cluster: &ClusterConfiguration, check: &mut Check<'_>) {
    const DEFAULT: &str = "Node,RBAC";
    const KNOWN: [&str; 6] = ["Node", "RBAC", "Webhook", "ABAC", "AlwaysAllow", "AlwaysDeny"];
    let args = cluster.api_server.component.extra_args.iter().enumerate();
    for (i, arg) in args.filter(|(_, arg)| arg.name == "authorization-mode" && arg.value.0 != DEFAULT) {
        let path = format!("apiServer.extraArgs[{i}].value");
        match arg.value.0.split(',').find(|mode| !KNOWN.contains(mode)) {
            Some(mode) => check.warn(
                path,
                format!("`{mode}` is not an authorization mode: kube-apiserver will not start"),
                format!("its modes are {}", KNOWN.join(", ")),
            ),
            None => check.warn(
                path,
                format!("the authorization mode is `{}` instead of `{DEFAULT}`", arg.value.0),
                "kubelets need Node, and kubeadm's own roles need RBAC",
            ),
        }
    }
}

pub(super) fn image_repository(repository: &str, path: &str, check: &mut Check<'_>) {
    if !repository.is_empty() && !is_image_repository(repository) {
        let hint = if repository.contains("://") {
            "leave the scheme out"
        } else if repository.ends_with('/') {
            "leave the slash at the end out"
        } else {
            "write it like registry.example.com:5000/path, in lower case and without a tag"
        };
        check.error(path, format!("`{repository}` is not an image repository"), hint);
    }
}

pub(super) fn image_tag(tag: &str, path: &str, check: &mut Check<'_>) {
    // `+` is allowed: it becomes `_` in the reference.
    if !tag.is_empty() && !is_image_tag(&tag.replace('+', "_")) {
        check.error(path, format!("`{tag}` is not an image tag"), "write it like v1.14.2 or 3.6.8-0");
    }
}

fn feature_gates(cluster: &ClusterConfiguration, release: &Release, check: &mut Check<'_>) {
    for (name, on) in &cluster.feature_gates {
        let path = format!("featureGates.{name}");
        let known: Vec<&str> = Gate::known(release.minor).map(|gate| gate.name).collect();
        let Some(gate) = Gate::find(name) else {
            let hint = match nearest(name, &known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!(
                    "gates of {}: {}; gates of components go to their extraArgs",
                    release.name(),
                    known.join(", ")
                ),
            };
            check.error(path, format!("`{name}` is not a feature gate of kubeadm"), hint);
            continue;
        };
        match gate.stage(release.minor) {
            None => {
                let hint = match gate.removed.filter(|(since, _)| *since <= release.minor) {
                    Some((since, now)) => format!("it was removed in v1.{since}: {now}"),
                    None => format!("it came with v1.{}", gate.stages.first().map_or(0, |(since, _)| *since)),
                };
                check.error(path, format!("{} has no feature gate `{name}`", release.name()), hint);
            }
            Some(Stage::Stable) if !on => {
                check.warn(
                    path,
                    format!("`{name}` is meant to be always on"),
                    "take it out: a later release will refuse it",
                );
            }
            Some(Stage::Deprecated) => {
                let hint = gate.removed.map_or("take it out", |(_, now)| now);
                check.warn(path, format!("the feature gate `{name}` is deprecated"), hint);
            }
            Some(_) => {}
        }
    }
}

fn validity(cluster: &ClusterConfiguration, check: &mut Check<'_>) {
    let leaf = ("certificateValidityPeriod", cluster.certificate_validity_period, CERTIFICATE_VALIDITY);
    let ca = ("caCertificateValidityPeriod", cluster.ca_certificate_validity_period, CA_CERTIFICATE_VALIDITY);
    for (path, value, recommended) in [leaf, ca] {
        let Some(value) = value else { continue };
        if value.0 <= 0 {
            check.error(
                path,
                format!("{value}: certificates would be over when they are made"),
                format!("{recommended} is usual"),
            );
        } else if value > recommended {
            check.warn(
                path,
                format!("{value} is longer than the recommended {recommended}"),
                "shorter is safer; renewal is one command",
            );
        }
    }
    if let (Some(leaf), Some(ca)) = (leaf.1, ca.1)
        && leaf > ca
        && ca.0 > 0
    {
        check.warn(
            "certificateValidityPeriod",
            format!("{leaf} is longer than the lifetime of the certificate authorities ({ca})"),
            "a certificate is worth nothing after its authority's end",
        );
    }
}
