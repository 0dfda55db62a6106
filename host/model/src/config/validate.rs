//! What makes a configuration wrong, and what makes it odd: kubeadm's rules (`apis/kubeadm/validation`) and those it
//! lacks ([`super::differences::STRICTER`]). Works on configurations with all defaults filled in; collects every
//! problem and stops at none.

mod args;
mod component;
mod etcd;
mod join;
mod network;
mod node;
mod token;

use super::flags::FLAG_OF_FIELD;
use super::load::Documents;
use super::v1beta4::{
    BootstrapToken, ClusterConfiguration, InitConfiguration, JoinConfiguration, ResetConfiguration, Timeouts,
    UpgradeConfiguration,
};
use crate::Release;
use crate::report::{Problem, Report, Severity};

/// Collects problems and adds what the user needs to find them: the place in the file, or the flag.
pub struct Check<'a> {
    report: &'a mut Report,
    documents: Option<&'a Documents>,
    kind: &'static str,
}

impl<'a> Check<'a> {
    /// Collects into `report`. Without documents the configuration came from flags.
    pub fn new(report: &'a mut Report, documents: Option<&'a Documents>) -> Self {
        Self { report, documents, kind: "ClusterConfiguration" }
    }

    /// The paths that follow are of this kind.
    pub fn kind(&mut self, kind: &'static str) -> &mut Self {
        self.kind = kind;
        self
    }

    /// Adds a problem.
    pub fn push(&mut self, mut problem: Problem) {
        match self.documents {
            Some(documents) => {
                if problem.place.is_none() {
                    problem.place = documents.place(self.kind, &problem.path);
                }
            }
            None => {
                let flag = FLAG_OF_FIELD.iter().find(|(field, _)| problem.path.starts_with(field));
                if let Some((_, flag)) = flag {
                    (*flag).clone_into(&mut problem.path);
                }
            }
        }
        self.report.push(problem);
    }

    /// Adds an error with advice.
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Problem::error(path, message).hint(hint));
    }

    /// Adds a warning with advice.
    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Problem::warning(path, message).hint(hint));
    }

    /// Errors so far, of whatever origin.
    pub fn errors(&self) -> usize {
        self.report.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    fn absolute(&mut self, path: &str, value: &str) {
        if !value.starts_with('/') {
            self.error(path, format!("`{value}` is not an absolute path"), "write the whole path, from `/` on");
        } else if value.contains('\0') || value.contains('\n') {
            self.error(path, "a path cannot contain line breaks or zero bytes", "take them out");
        }
    }

    fn one_of(&mut self, path: &str, value: &str, known: &[&str]) {
        if !known.contains(&value) {
            let hint = match super::record::nearest(value, known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("choose one of {}", known.join(", ")),
            };
            self.error(path, format!("`{value}` is not one of {}", known.join(", ")), hint);
        }
    }
}

/// Rules of InitConfiguration and ClusterConfiguration. The release is unknown if the version could not be found.
pub fn init(
    init: &InitConfiguration,
    cluster: &ClusterConfiguration,
    release: Option<&Release>,
    check: &mut Check<'_>,
) {
    check.kind("InitConfiguration");
    node::registration(&init.node_registration, release, check);
    token::bootstrap_tokens(&init.bootstrap_tokens, check);
    network::api_endpoint(&init.local_api_endpoint, "localAPIEndpoint", check);
    token::certificate_key(&init.certificate_key, "certificateKey", check);
    timeouts(init.timeouts.as_ref(), check);
    check.kind("ClusterConfiguration");
    network::networking(cluster, release, check);
    network::control_plane_endpoint(&cluster.control_plane_endpoint, init.local_api_endpoint.bind_port, check);
    component::cluster(cluster, release, check);
    etcd::etcd(&cluster.etcd, check);
}

/// Rules of bootstrap tokens alone.
pub fn tokens(tokens: &[BootstrapToken], check: &mut Check<'_>) {
    token::bootstrap_tokens(tokens, check);
}

/// Rules of a certificate key; an empty one is none.
pub fn certificate_key(key: &str, path: &str, check: &mut Check<'_>) {
    token::certificate_key(key, path, check);
}

/// Rules of JoinConfiguration.
pub fn join(config: &JoinConfiguration, check: &mut Check<'_>) {
    check.kind("JoinConfiguration");
    join::join(config, check);
    timeouts(config.timeouts.as_ref(), check);
}

/// Rules of ResetConfiguration.
pub fn reset(config: &ResetConfiguration, check: &mut Check<'_>) {
    check.kind("ResetConfiguration");
    node::cri_socket(&config.cri_socket, "criSocket", check);
    node::ignored_errors(&config.ignore_preflight_errors, "ignorePreflightErrors", check);
    check.absolute("certificatesDir", &config.certificates_dir);
    for (i, flag) in config.unmount_flags.iter().enumerate() {
        check.one_of(
            &format!("unmountFlags[{i}]"),
            flag,
            &["MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"],
        );
    }
    timeouts(config.timeouts.as_ref(), check);
}

/// Rules of UpgradeConfiguration.
pub fn upgrade(config: &UpgradeConfiguration, check: &mut Check<'_>) {
    check.kind("UpgradeConfiguration");
    for (patches, path) in
        [(&config.apply.patches, "apply.patches.directory"), (&config.node.patches, "node.patches.directory")]
    {
        if let Some(patches) = patches {
            check.absolute(path, &patches.directory);
        }
    }
    node::image_pull_policy(&config.apply.image_pull_policy, "apply.imagePullPolicy", check);
    node::image_pull_policy(&config.node.image_pull_policy, "node.imagePullPolicy", check);
    for (names, path) in [
        (&config.apply.ignore_preflight_errors, "apply.ignorePreflightErrors"),
        (&config.node.ignore_preflight_errors, "node.ignorePreflightErrors"),
        (&config.plan.ignore_preflight_errors, "plan.ignorePreflightErrors"),
    ] {
        node::ignored_errors(names, path, check);
    }
    if config.diff.context_lines < 0 {
        check.error("diff.contextLines", "a number of lines cannot be negative", "write 0 or more");
    }
    timeouts(config.timeouts.as_ref(), check);
}

/// Timeouts must not be over before they begin.
fn timeouts(timeouts: Option<&Timeouts>, check: &mut Check<'_>) {
    let Some(timeouts) = timeouts else { return };
    for (name, value) in [
        ("controlPlaneComponentHealthCheck", timeouts.control_plane_component_health_check),
        ("kubeletHealthCheck", timeouts.kubelet_health_check),
        ("kubernetesAPICall", timeouts.kubernetes_api_call),
        ("etcdAPICall", timeouts.etcd_api_call),
        ("tlsBootstrap", timeouts.tls_bootstrap),
        ("discovery", timeouts.discovery),
        ("upgradeManifests", timeouts.upgrade_manifests),
    ] {
        let path = format!("timeouts.{name}");
        match value {
            Some(value) if value.0 < 0 => check.error(path, format!("{value} is negative"), "write it like `4m0s`"),
            Some(value) if value.0 == 0 => {
                check.warn(path, "0s gives up at the first failure", "leave it out to get the default");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
