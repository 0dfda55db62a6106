//! etcd, where we run it.

use kubephase_model::cluster::{Cluster, arg_value};
use kubephase_model::config::v1beta4::{Arg, LocalEtcd};
use kubephase_model::images;
use kubephase_model::layout::{ETCD_CLIENT_PORT, ETCD_METRICS_PORT, ETCD_PEER_PORT};
use kubephase_model::names::{Url, join_host_port};
use kubephase_model::release::ImageKind;
use serde_json::Value;

use super::host_path::Mount;
use super::probe::Endpoint;
use super::{PodContext, Spec, args, env, localhost, pki, pod, rootless};

const NAME: &str = "etcd";

/// The static pod of etcd (core/v1 Pod). Meaningful only where the configuration has a local etcd.
pub fn etcd(cluster: &Cluster, cx: &PodContext) -> Value {
    let none = LocalEtcd::default();
    let local = cluster.local_etcd().unwrap_or(&none);
    pod(
        cluster,
        Spec {
            component: NAME,
            image: images::reference(cluster, ImageKind::Etcd),
            command: args::command(NAME, arguments(cluster, cx, local), &local.extra_args, cluster.release.arg_order),
            annotation: Some(("kubeadm.kubernetes.io/etcd.advertise-client-urls", url(cluster, ETCD_CLIENT_PORT))),
            env: env::variables(&[], &local.extra_envs),
            probes: &cluster.release.probes.etcd,
            endpoint: metrics_endpoint(&local.extra_args, localhost(cluster)),
            mounts: vec![
                Mount::directory("etcd-data", &local.data_dir.0, false),
                Mount::directory("etcd-certs", &format!("{}/etcd", cluster.pki()), false),
            ],
            requests: cluster.release.etcd_requests,
            rootless: cx.rootless.map(|users| rootless::Context {
                user: users.etcd,
                supplemental_group: None,
                net_bind_service: false,
            }),
        },
    )
}

/// A URL of this member.
fn url(cluster: &Cluster, port: u16) -> String {
    format!("https://{}", join_host_port(&cluster.init.local_api_endpoint.advertise_address, port))
}

fn arguments(cluster: &Cluster, cx: &PodContext, local: &LocalEtcd) -> Vec<(&'static str, String)> {
    let pki = |file: &str| pki(cluster, file);
    let localhost = localhost(cluster);
    let (client, peer) = (url(cluster, ETCD_CLIENT_PORT), url(cluster, ETCD_PEER_PORT));
    let name = cluster.node_name();
    let members: Vec<String> = cx.etcd_members.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let mut args = vec![
        ("advertise-client-urls", client.clone()),
        ("cert-file", pki("etcd/server.crt")),
        ("client-cert-auth", "true".into()),
        ("data-dir", local.data_dir.0.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", if members.is_empty() { format!("{name}={peer}") } else { members.join(",") }),
        ("key-file", pki("etcd/server.key")),
        ("listen-client-urls", format!("https://{},{client}", join_host_port(localhost, ETCD_CLIENT_PORT))),
        ("listen-metrics-urls", format!("http://{}", join_host_port(localhost, ETCD_METRICS_PORT))),
        ("listen-peer-urls", peer),
        ("name", name.to_owned()),
        ("peer-cert-file", pki("etcd/peer.crt")),
        ("peer-client-cert-auth", "true".into()),
        ("peer-key-file", pki("etcd/peer.key")),
        ("peer-trusted-ca-file", pki("etcd/ca.crt")),
        ("snapshot-count", "10000".into()),
        ("trusted-ca-file", pki("etcd/ca.crt")),
    ];
    if !members.is_empty() {
        args.push(("initial-cluster-state", "existing".into()));
    }
    let patch = cluster.version.patch;
    let tag = if local.image_tag.is_empty() { cluster.release.etcd_tag(patch) } else { &local.image_tag };
    args.extend(cluster.release.etcd_extra_args(patch, tag).iter().map(|(name, value)| (*name, (*value).to_owned())));
    args
}

/// Where probes find etcd: the first URL of `listen-metrics-urls`, as it stands there.
fn metrics_endpoint(args: &[Arg], localhost: &str) -> Endpoint {
    let first = arg_value(args, "listen-metrics-urls").and_then(|urls| urls.split(',').next());
    let url = first.and_then(|url| Url::parse(url).ok());
    Endpoint {
        host: url.as_ref().map_or(localhost, |url| &url.host).to_owned(),
        port: url.as_ref().and_then(|url| url.port).unwrap_or(ETCD_METRICS_PORT),
        scheme: if url.is_some_and(|url| url.scheme == "https") { "HTTPS" } else { "HTTP" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_follow_the_first_metrics_url() {
        for (urls, host, port, scheme) in [
            (None, "127.0.0.1", 2381, "HTTP"),
            (Some("http://0.0.0.0:2381"), "0.0.0.0", 2381, "HTTP"),
            (Some("https://10.0.0.1:9000,http://127.0.0.1:2381"), "10.0.0.1", 9000, "HTTPS"),
            (Some("http://[::1]"), "::1", 2381, "HTTP"),
            (Some("nonsense"), "127.0.0.1", 2381, "HTTP"),
        ] {
            let args: Vec<Arg> = urls.map(|urls| Arg::new("listen-metrics-urls", urls)).into_iter().collect();
            assert_eq!(metrics_endpoint(&args, "127.0.0.1"), Endpoint { host: host.into(), port, scheme }, "{urls:?}");
        }
    }
}
