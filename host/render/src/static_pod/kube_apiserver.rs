//! kube-apiserver.

use kubephase_model::cluster::{Cluster, arg_value};
use kubephase_model::images;
use kubephase_model::layout::ETCD_CLIENT_PORT;
use kubephase_model::names::join_host_port;
use kubephase_model::release::ImageKind;
use serde_json::Value;

use super::probe::Endpoint;
use super::{PodContext, Spec, args, env, host_path, localhost, pki, pod, rootless};

const NAME: &str = "kube-apiserver";

/// The static pod of kube-apiserver (core/v1 Pod).
pub fn kube_apiserver(cluster: &Cluster, cx: &PodContext) -> Value {
    let component = &cluster.config.api_server.component;
    let address = cluster.init.local_api_endpoint.advertise_address.as_str();
    let port = cluster.bind_port();
    let mut mounts = host_path::certificates(cluster);
    if let Some(etcd) = cluster.external_etcd() {
        mounts.extend(host_path::external_etcd(cluster, etcd));
    }
    pod(
        cluster,
        Spec {
            component: NAME,
            image: images::reference(cluster, ImageKind::ApiServer),
            command: args::command(NAME, arguments(cluster), &component.extra_args, cluster.release.arg_order),
            annotation: Some((
                "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint",
                join_host_port(address, port),
            )),
            env: env::variables(&cluster.facts.proxy_env, &component.extra_envs),
            probes: &cluster.release.probes.api_server,
            endpoint: Endpoint::https(address, port),
            mounts: host_path::merge(mounts, &component.extra_volumes),
            requests: &[("cpu", "250m")],
            rootless: cx.rootless.map(|users| rootless::Context {
                user: users.kube_apiserver,
                supplemental_group: Some(users.sa_key_readers),
                net_bind_service: true,
            }),
        },
    )
}

fn arguments(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let config = &cluster.config;
    let user = &config.api_server.component.extra_args;
    let pki = |file: &str| pki(cluster, file);
    let mut args = vec![
        ("advertise-address", cluster.init.local_api_endpoint.advertise_address.clone()),
        ("allow-privileged", "true".into()),
        ("client-ca-file", pki("ca.crt")),
        ("enable-admission-plugins", "NodeRestriction".into()),
        ("enable-bootstrap-token-auth", "true".into()),
        ("kubelet-client-certificate", pki("apiserver-kubelet-client.crt")),
        ("kubelet-client-key", pki("apiserver-kubelet-client.key")),
        ("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname".into()),
        ("proxy-client-cert-file", pki("front-proxy-client.crt")),
        ("proxy-client-key-file", pki("front-proxy-client.key")),
        ("requestheader-allowed-names", "front-proxy-client".into()),
        ("requestheader-client-ca-file", pki("front-proxy-ca.crt")),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-".into()),
        ("requestheader-group-headers", "X-Remote-Group".into()),
        ("requestheader-username-headers", "X-Remote-User".into()),
        ("secure-port", cluster.bind_port().to_string()),
        ("service-account-key-file", pki("sa.pub")),
        ("service-cluster-ip-range", config.networking.service_subnet.clone()),
        ("tls-cert-file", pki("apiserver.crt")),
        ("tls-private-key-file", pki("apiserver.key")),
    ];
    if cluster.release.service_account_issuer {
        let issuer = format!("https://kubernetes.default.svc.{}", config.networking.dns_domain);
        args.push(("service-account-issuer", issuer));
        args.push(("service-account-signing-key-file", pki("sa.key")));
    }
    if cluster.release.insecure_port_zero {
        args.push(("insecure-port", "0".into()));
    }
    if !cluster.release.authorization_config || arg_value(user, "authorization-config").is_none() {
        args.push(("authorization-mode", "Node,RBAC".into()));
    }
    args.extend(args::dual_stack_gate(cluster));
    args.extend(etcd(cluster));
    args
}

fn etcd(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let Some(external) = cluster.external_etcd() else {
        let user = cluster.local_etcd().map_or(&[][..], |etcd| etcd.extra_args.as_slice());
        let server = arg_value(user, "advertise-client-urls")
            .map_or_else(|| format!("https://{}", join_host_port(localhost(cluster), ETCD_CLIENT_PORT)), str::to_owned);
        return vec![
            ("etcd-servers", server),
            ("etcd-cafile", pki(cluster, "etcd/ca.crt")),
            ("etcd-certfile", pki(cluster, "apiserver-etcd-client.crt")),
            ("etcd-keyfile", pki(cluster, "apiserver-etcd-client.key")),
        ];
    };
    let mut args = vec![("etcd-servers", external.endpoints.0.join(","))];
    if !external.ca_file.0.is_empty() {
        args.push(("etcd-cafile", external.ca_file.0.clone()));
    }
    if !external.cert_file.0.is_empty() && !external.key_file.0.is_empty() {
        args.push(("etcd-certfile", external.cert_file.0.clone()));
        args.push(("etcd-keyfile", external.key_file.0.clone()));
    }
    args
}
