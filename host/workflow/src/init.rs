//! `init`: bringing up the first control-plane node. This file is the table of contents; its order is the order of
//! execution.

mod addon;
mod approve_serving;
mod bootstrap_token;
mod certs;
mod context;
mod control_plane;
mod etcd;
mod head_start;
mod kubeconfig;
mod kubelet_finalize;
mod kubelet_start;
mod mark_control_plane;
mod preflight;
mod show_join_command;
mod upload_certs;
mod upload_config;
mod wait_control_plane;

pub use context::{Init, Sharing};
pub use show_join_command::Joining;

pub use crate::work::Options;

use kubephase_engine::Workflow;
use kubephase_model::plugin::Plugin;
use kubephase_model::plugin::order::{Cycle, order};

use crate::work::guests;

/// The phases of `init`.
pub fn workflow() -> Workflow<Init> {
    Workflow {
        name: "init",
        phases: vec![
            preflight::phase(),
            certs::phase(),
            kubeconfig::phase(),
            etcd::phase(),
            control_plane::phase(),
            kubelet_start::phase(),
            wait_control_plane::phase(),
            upload_config::phase(),
            upload_certs::phase(),
            mark_control_plane::phase(),
            bootstrap_token::phase(),
            kubelet_finalize::phase(),
            addon::phase(),
            show_join_command::phase(),
        ],
    }
}

/// The phases of `init` with plugins among them: addons in `addon`, phases where they want to be. `plugins` are those
/// that run on this node, and may be none of those that are configured.
pub fn workflow_with(plugins: &[Plugin]) -> Result<Workflow<Init>, Cycle> {
    let mut workflow = workflow();
    upload_config::with_plugins(&mut workflow.phases);
    let order = order(plugins, &workflow.paths())?;
    guests::place(&mut workflow.phases, plugins, &order.steps);
    Ok(workflow)
}

/// Whether a phase asks plugins.
pub fn has_plugins(path: &str) -> bool {
    !matches!(
        path.split('/').next(),
        Some("certs" | "kubeconfig" | "upload-certs" | "mark-control-plane" | "bootstrap-token")
    )
}

/// Whether a phase looks for the container runtime's socket where none is named. Other phases must not: it means
/// connecting to sockets.
pub fn uses_cri_socket(only: Option<&str>) -> bool {
    only.is_none_or(|path| matches!(path, "preflight" | "kubelet-start"))
}

#[cfg(test)]
mod tests {
    use kubephase_model::plugin::{Description, Kind, PluginEntry};

    use super::*;

    #[test]
    fn the_tree_is_kubeadms() {
        assert_eq!(
            workflow().paths(),
            [
                "preflight",
                "certs",
                "certs/ca",
                "certs/apiserver",
                "certs/apiserver-kubelet-client",
                "certs/front-proxy-ca",
                "certs/front-proxy-client",
                "certs/etcd-ca",
                "certs/etcd-server",
                "certs/etcd-peer",
                "certs/etcd-healthcheck-client",
                "certs/apiserver-etcd-client",
                "certs/sa",
                "kubeconfig",
                "kubeconfig/admin",
                "kubeconfig/super-admin",
                "kubeconfig/kubelet",
                "kubeconfig/controller-manager",
                "kubeconfig/scheduler",
                "etcd",
                "etcd/local",
                "control-plane",
                "control-plane/apiserver",
                "control-plane/controller-manager",
                "control-plane/scheduler",
                "kubelet-start",
                "wait-control-plane",
                "upload-config",
                "upload-config/kubeadm",
                "upload-config/kubelet",
                "upload-certs",
                "mark-control-plane",
                "bootstrap-token",
                "kubelet-finalize",
                "kubelet-finalize/enable-client-cert-rotation",
                "kubelet-finalize/approve-serving-certificate",
                "addon",
                "addon/coredns",
                "addon/kube-proxy",
                "show-join-command",
            ]
        );
    }

    /// A plugin that is an addon or a phase, before or after something.
    fn plugin(name: &str, kind: Kind, before: &[&str], after: &[&str]) -> Plugin {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let entry =
            PluginEntry { name: name.to_owned(), before: list(before), after: list(after), ..PluginEntry::default() };
        let (description, digest) = (Description::default(), String::new());
        Plugin { entry, description, kinds: vec![kind], digest, signer: None }
    }

    #[test]
    fn plugins_stand_where_they_want_to_be_and_nothing_else_moves() {
        let plugins = [
            plugin("metrics", Kind::Addon, &[], &["net"]),
            plugin("net", Kind::Addon, &[], &[]),
            plugin("first", Kind::Phase, &["preflight"], &[]),
            plugin("keys", Kind::Phase, &["certs/apiserver"], &["certs/ca"]),
            plugin("between", Kind::Phase, &["kubelet-start"], &["control-plane"]),
            plugin("also", Kind::Phase, &["kubelet-start"], &["between"]),
            plugin("late", Kind::Phase, &[], &[]),
        ];
        let paths = workflow_with(&plugins).expect("an order").paths();
        let behind = |path: &str| {
            let at = paths.iter().position(|known| known == path).unwrap_or_else(|| panic!("{path}: {paths:?}"));
            at.checked_sub(1).map(|at| paths[at].as_str())
        };
        for (path, before) in [
            ("first", None),
            ("preflight", Some("first")),
            ("certs/keys", Some("certs/ca")),
            ("between", Some("control-plane/scheduler")),
            ("also", Some("between")),
            ("kubelet-start", Some("also")),
            ("upload-config/plugins", Some("upload-config/kubelet")),
            ("addon/net", Some("addon/kube-proxy")),
            ("addon/metrics", Some("addon/net")),
            ("late", Some("addon/metrics")),
            ("show-join-command", Some("late")),
        ] {
            assert_eq!(behind(path), before, "{path}");
        }
        let ours: Vec<String> = workflow().paths();
        assert!(ours.iter().all(|path| paths.contains(path)) && paths.len() == ours.len() + plugins.len() + 1);
        assert!(workflow_with(&[plugin("x", Kind::Phase, &["certs"], &["etcd"])]).is_err());
    }
}
