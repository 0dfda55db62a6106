//! kube-scheduler.

use kubephase_model::cluster::Cluster;
use kubephase_model::images;
use kubephase_model::layout::{KUBERNETES_DIR, SCHEDULER_PORT};
use kubephase_model::release::ImageKind;
use serde_json::Value;

use super::host_path::Mount;
use super::probe::Endpoint;
use super::{PodContext, Spec, args, env, host_path, pod, rootless};

const NAME: &str = "kube-scheduler";

/// The static pod of kube-scheduler (core/v1 Pod).
pub fn kube_scheduler(cluster: &Cluster, cx: &PodContext) -> Value {
    let component = &cluster.config.scheduler;
    let kubeconfig = format!("{KUBERNETES_DIR}/scheduler.conf");
    let mut arguments = vec![
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig.clone()),
        ("bind-address", "127.0.0.1".into()),
        ("kubeconfig", kubeconfig.clone()),
        ("leader-elect", "true".into()),
    ];
    if cluster.release.port_zero(cluster.version.patch) {
        arguments.push(("port", "0".into()));
    }
    arguments.extend(args::dual_stack_gate(cluster));
    let mounts = vec![Mount::new("kubeconfig", &kubeconfig, "FileOrCreate", true)];
    pod(
        cluster,
        Spec {
            component: NAME,
            image: images::reference(cluster, ImageKind::Scheduler),
            command: args::command(NAME, arguments, &component.extra_args, cluster.release.arg_order),
            annotation: None,
            env: env::variables(&cluster.facts.proxy_env, &component.extra_envs),
            probes: &cluster.release.probes.scheduler,
            endpoint: Endpoint::bound(&component.extra_args, SCHEDULER_PORT),
            mounts: host_path::merge(mounts, &component.extra_volumes),
            requests: &[("cpu", "100m")],
            rootless: cx.rootless.map(|users| rootless::Context {
                user: users.kube_scheduler,
                supplemental_group: None,
                net_bind_service: false,
            }),
        },
    )
}
