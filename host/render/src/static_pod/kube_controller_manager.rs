//! kube-controller-manager.

use kubephase_model::cluster::{Cluster, arg_value};
use kubephase_model::images;
use kubephase_model::layout::{CONTROLLER_MANAGER_PORT, KUBERNETES_DIR};
use kubephase_model::release::ImageKind;
use serde_json::Value;

use super::host_path::Mount;
use super::probe::Endpoint;
use super::{PodContext, Spec, args, env, host_path, pki, pod, rootless};

const NAME: &str = "kube-controller-manager";
const FLEXVOLUME_DIR: &str = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec";

/// The static pod of kube-controller-manager (core/v1 Pod).
pub fn kube_controller_manager(cluster: &Cluster, cx: &PodContext) -> Value {
    let component = &cluster.config.controller_manager;
    let mut mounts = host_path::certificates(cluster);
    mounts.push(Mount::new("kubeconfig", &kubeconfig(), "FileOrCreate", true));
    if cluster.release.flexvolume_dir {
        // Drivers answer on sockets there, hence not read-only.
        let dir = arg_value(&component.extra_args, "flex-volume-plugin-dir").unwrap_or(FLEXVOLUME_DIR);
        mounts.push(Mount::directory("flexvolume-dir", dir, false));
    }
    pod(
        cluster,
        Spec {
            component: NAME,
            image: images::reference(cluster, ImageKind::ControllerManager),
            command: args::command(NAME, arguments(cluster, cx), &component.extra_args, cluster.release.arg_order),
            annotation: None,
            env: env::variables(&cluster.facts.proxy_env, &component.extra_envs),
            probes: &cluster.release.probes.controller_manager,
            endpoint: Endpoint::bound(&component.extra_args, CONTROLLER_MANAGER_PORT),
            mounts: host_path::merge(mounts, &component.extra_volumes),
            requests: &[("cpu", "200m")],
            rootless: cx.rootless.map(|users| rootless::Context {
                user: users.kube_controller_manager,
                supplemental_group: Some(users.sa_key_readers),
                net_bind_service: false,
            }),
        },
    )
}

fn kubeconfig() -> String {
    format!("{KUBERNETES_DIR}/controller-manager.conf")
}

fn arguments(cluster: &Cluster, cx: &PodContext) -> Vec<(&'static str, String)> {
    let config = &cluster.config;
    let pki = |file: &str| pki(cluster, file);
    // Without the CA's key there is nothing to sign with: empty files keep the signing controller off.
    let signing = |file: &str| if cx.external_ca { String::new() } else { pki(file) };
    let mut args = vec![
        ("authentication-kubeconfig", kubeconfig()),
        ("authorization-kubeconfig", kubeconfig()),
        ("bind-address", "127.0.0.1".into()),
        ("client-ca-file", pki("ca.crt")),
        ("cluster-signing-cert-file", signing("ca.crt")),
        ("cluster-signing-key-file", signing("ca.key")),
        ("controllers", "*,bootstrapsigner,tokencleaner".into()),
        ("kubeconfig", kubeconfig()),
        ("leader-elect", "true".into()),
        ("requestheader-client-ca-file", pki("front-proxy-ca.crt")),
        ("root-ca-file", pki("ca.crt")),
        ("service-account-private-key-file", pki("sa.key")),
        ("use-service-account-credentials", "true".into()),
    ];
    if !config.cluster_name.is_empty() {
        args.push(("cluster-name", config.cluster_name.clone()));
    }
    let networking = &config.networking;
    if !networking.pod_subnet.is_empty() {
        args.push(("allocate-node-cidrs", "true".into()));
        args.push(("cluster-cidr", networking.pod_subnet.clone()));
        if !networking.service_subnet.is_empty() {
            args.push(("service-cluster-ip-range", networking.service_subnet.clone()));
        }
    }
    if cluster.release.port_zero(cluster.version.patch) {
        args.push(("port", "0".into()));
    }
    args.extend(args::dual_stack_gate(cluster));
    args
}
