//! From documents or flags to the one valid [`Cluster`]: flags, defaults, what the machine and the version say,
//! validation. Every problem is reported; with an error there is no result.

use super::flags::{InitFlags, JoinFlags};
use super::load::Documents;
use super::v1beta4::{
    ClusterConfiguration, InitConfiguration, JoinConfiguration, NodeRegistrationOptions, Patches, ResetConfiguration,
    Taint, TaintEffect, UpgradeConfiguration,
};
use super::validate::{self, Check};
use super::version::{self, Resolved};
use super::{address, defaults};
use crate::component::{Component, NotRecommended, kube_proxy, kubelet};
use crate::layout::{CONTAINERD_SOCKET, CRI_SOCKETS};
use crate::names::HostPort;
use crate::plugin::config::{self as plugins, Digests};
use crate::release::{REFERENCE, REGISTRY};
use crate::report::{Problem, Report, Severity};
use crate::{Cluster, Facts, Release};

/// Looks a version label up: `stable-1.36`, `ci/latest`. The answer is a version or the reason why there is none.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Fills a buffer with random bytes.
pub type Entropy<'a> = &'a mut dyn FnMut(&mut [u8]);

/// The cluster that `init` makes. With documents the flags are ignored but for the few that kubeadm allows beside
/// them; any other one is an error. `cri_detection` says whether the command would use the sockets that the host
/// has; others take containerd's.
pub fn resolve_init(
    documents: Option<&Documents>,
    flags: &InitFlags,
    facts: &Facts,
    lookup: Lookup<'_>,
    entropy: Entropy<'_>,
    cri_detection: bool,
    report: &mut Report,
) -> Option<Cluster> {
    let (mut init, mut config) = match documents {
        Some(documents) => {
            flags.check_mixing(report);
            (documents.init.clone().unwrap_or_default(), documents.cluster.clone().unwrap_or_default())
        }
        None => flags.documents(report),
    };
    init_flags(&mut init, flags);
    disable_skipped(&init.skip_phases, &mut config);
    defaults::init(&mut init);
    defaults::cluster(&mut config);

    let check = &mut Check::new(report, documents);
    for (i, token) in init.bootstrap_tokens.iter_mut().enumerate() {
        if token.token.is_empty() {
            // Left out, a token is made; written as "", it is a mistake.
            let path = format!("bootstrapTokens[{i}].token");
            let node = documents.and_then(|documents| documents.node("InitConfiguration", &path));
            if node.is_some_and(|node| node.as_str() == Some("")) {
                check
                    .kind("InitConfiguration")
                    .push(Problem::error(&path, "it is empty").hint("leave it out to have one made"));
            }
            token.token = random_token(entropy);
        }
    }
    let resolved = version::resolve(&config.kubernetes_version, lookup, check.kind("ClusterConfiguration"));
    check.kind("InitConfiguration");
    let taints = resolved.as_ref().map_or(REFERENCE, |resolved| resolved.release).control_plane_taints;
    node(&mut init.node_registration, Some(taints), facts, cri_detection, check);
    zero_health_check(&mut init, check);
    let endpoint = &mut init.local_api_endpoint.advertise_address;
    address::fill(endpoint, "localAPIEndpoint.advertiseAddress", facts, check);
    cluster_defaults(&init, &mut config, resolved.as_ref());

    let release = resolved.as_ref().map(|resolved| resolved.release);
    let (kubelet, kube_proxy) = components(documents, &init, &config, release.unwrap_or(REFERENCE), facts, check);
    validate::init(&init, &config, release, check);
    let plugins = plugins::resolve(documents, Digests::Required, report);
    if report.has_errors() {
        return None;
    }
    let Resolved { version, ci, release } = resolved?;
    let is_given = |component: &Component| documents.is_some_and(|documents| documents.component(*component).is_some());
    let given = Component::ALL.into_iter().filter(is_given).collect();
    Some(Cluster { init, config, kubelet, kube_proxy, given, version, ci, release, plugins, facts: facts.clone() })
}

/// The configuration with which a node joins. What the cluster says is not known yet: `controlPlane` nodes get the
/// newest releases' taint. Whether a discovery file exists is for the caller to find out.
pub fn resolve_join(
    documents: Option<&Documents>,
    flags: &JoinFlags,
    facts: &Facts,
    cri_detection: bool,
    report: &mut Report,
) -> Option<JoinConfiguration> {
    let mut join = match documents {
        Some(documents) => {
            flags.check_mixing(report);
            documents.join.clone().unwrap_or_default()
        }
        None => flags.document(report),
    };
    node_flags(&mut join.node_registration, &flags.node_name, &flags.ignore_preflight_errors);
    overrides(&mut join.dry_run, flags.dry_run, &mut join.skip_phases, &flags.skip_phases);
    defaults::join(&mut join);
    let check = &mut Check::new(report, documents);
    check.kind("JoinConfiguration");
    let taints = join.control_plane.is_some().then_some(REFERENCE.control_plane_taints);
    node(&mut join.node_registration, taints, facts, cri_detection, check);
    if let Some(control_plane) = &mut join.control_plane {
        let endpoint = &mut control_plane.local_api_endpoint.advertise_address;
        address::fill(endpoint, "controlPlane.localAPIEndpoint.advertiseAddress", facts, check);
    }
    validate::join(&join, check);
    (!report.has_errors()).then_some(join)
}

/// The configuration with which a node is reset.
pub fn resolve_reset(
    documents: Option<&Documents>,
    given: ResetConfiguration,
    facts: &Facts,
    cri_detection: bool,
    report: &mut Report,
) -> Option<ResetConfiguration> {
    let mut reset = documents.and_then(|documents| documents.reset.clone()).unwrap_or(given);
    defaults::reset(&mut reset);
    let check = &mut Check::new(report, documents);
    check.kind("ResetConfiguration");
    cri_socket(&mut reset.cri_socket, "criSocket", facts, cri_detection, check);
    validate::reset(&reset, check);
    (!report.has_errors()).then_some(reset)
}

/// The configuration with which a cluster is upgraded.
pub fn resolve_upgrade(
    documents: Option<&Documents>,
    given: UpgradeConfiguration,
    report: &mut Report,
) -> Option<UpgradeConfiguration> {
    let mut upgrade = documents.and_then(|documents| documents.upgrade.clone()).unwrap_or(given);
    defaults::upgrade(&mut upgrade);
    validate::upgrade(&upgrade, &mut Check::new(report, documents));
    (!report.has_errors()).then_some(upgrade)
}

/// Everything that a file says, checked as the commands would that use it and strictly (`config validate`).
pub fn check_all(documents: &Documents, facts: &Facts, lookup: Lookup<'_>, entropy: Entropy<'_>, report: &mut Report) {
    let before = report.problems.len();
    if documents.init.is_some() || documents.cluster.is_some() {
        resolve_init(Some(documents), &InitFlags::default(), facts, lookup, entropy, false, report);
    } else {
        // Nothing says for which version they are.
        let check = &mut Check::new(report, Some(documents));
        for component in Component::ALL {
            if let Some(value) = documents.component(component) {
                check.kind(component.kind());
                component.problems(REFERENCE.minor, value).into_iter().for_each(|problem| check.push(problem));
            }
        }
        match documents.join {
            // A node's own say of what its cluster has stored.
            Some(_) => plugins::check_own(documents, report),
            None => drop(plugins::resolve(Some(documents), Digests::Required, report)),
        }
    }
    if documents.join.is_some() {
        resolve_join(Some(documents), &JoinFlags::default(), facts, false, report);
    }
    if documents.reset.is_some() {
        resolve_reset(Some(documents), ResetConfiguration::default(), facts, false, report);
    }
    if documents.upgrade.is_some() {
        resolve_upgrade(Some(documents), UpgradeConfiguration::default(), report);
    }
    for problem in report.problems.iter_mut().skip(before).filter(|problem| problem.strict) {
        problem.severity = Severity::Error;
    }
}

fn init_flags(init: &mut InitConfiguration, flags: &InitFlags) {
    node_flags(&mut init.node_registration, &flags.node_name, &flags.ignore_preflight_errors);
    overrides(&mut init.dry_run, flags.dry_run, &mut init.skip_phases, &flags.skip_phases);
}

fn node_flags(node: &mut NodeRegistrationOptions, name: &Option<String>, ignored: &[String]) {
    if let Some(name) = name {
        node.name.clone_from(name);
    }
    for check in ignored {
        if !node.ignore_preflight_errors.iter().any(|known| known.eq_ignore_ascii_case(check)) {
            node.ignore_preflight_errors.push(check.clone());
        }
    }
}

/// An addon whose phase is skipped is none of the cluster's, and the stored configuration says so: its image is not
/// pulled, and an upgrade does not install it.
fn disable_skipped(skip: &[String], config: &mut ClusterConfiguration) {
    let skipped = |path: &str| skip.iter().any(|skipped| skipped == "addon" || skipped == path);
    config.dns.disabled |= skipped("addon/coredns");
    config.proxy.disabled |= skipped("addon/kube-proxy");
}

fn overrides(dry_run: &mut bool, flag: Option<bool>, skip_phases: &mut Vec<String>, skip: &Option<Vec<String>>) {
    *dry_run = flag.unwrap_or(*dry_run);
    if let Some(skip) = skip {
        skip_phases.clone_from(skip);
    }
}

/// What a node's registration gets from the host.
fn node(
    node: &mut NodeRegistrationOptions,
    taints: Option<&[&str]>,
    facts: &Facts,
    cri_detection: bool,
    check: &mut Check<'_>,
) {
    let name = if node.name.is_empty() { &facts.hostname } else { &node.name };
    node.name = name.trim().to_lowercase();
    if let (None, Some(taints)) = (&node.taints.0, taints) {
        let taint = |key: &&str| Taint {
            key: (*key).to_owned(),
            effect: TaintEffect("NoSchedule".to_owned()),
            ..Taint::default()
        };
        node.taints.0 = Some(taints.iter().map(taint).collect());
    }
    cri_socket(&mut node.cri_socket, "nodeRegistration.criSocket", facts, cri_detection, check);
}

fn cri_socket(socket: &mut String, path: &str, facts: &Facts, detect: bool, check: &mut Check<'_>) {
    if socket.is_empty() {
        let found: Vec<&String> = facts.cri_sockets.iter().filter(|_| detect).collect();
        if found.len() > 1 {
            let names: Vec<&str> = found.iter().map(|name| name.as_str()).collect();
            check.push(
                Problem::error(path, format!("several container runtimes answer: {}", names.join(", ")))
                    .hint("name the one to use, by criSocket or --cri-socket"),
            );
        }
        *socket = found.first().map_or(CONTAINERD_SOCKET.to_owned(), |name| (*name).clone());
    } else if !socket.starts_with("unix") {
        check.push(
            Problem::warning(path, format!("`{socket}` has no scheme; `unix://` is put before it"))
                .hint(format!("write the whole URL, such as {}", CRI_SOCKETS[0])),
        );
        *socket = format!("unix://{socket}");
    }
}

/// A timeout of 0s is what `kubeadm config migrate` makes of an absent one: nobody means it.
fn zero_health_check(init: &mut InitConfiguration, check: &mut Check<'_>) {
    let Some(timeouts) = &mut init.timeouts else { return };
    let defaults = defaults::timeouts();
    if timeouts.control_plane_component_health_check.is_some_and(|timeout| timeout.0 == 0) {
        timeouts.control_plane_component_health_check = defaults.control_plane_component_health_check;
        check.push(
            Problem::warning("timeouts.controlPlaneComponentHealthCheck", "0s is taken as the default, 4m0s")
                .hint("`kubeadm config migrate` writes it by mistake; leave it out"),
        );
    }
}

/// What the cluster's configuration gets from the version and this node.
fn cluster_defaults(init: &InitConfiguration, config: &mut ClusterConfiguration, resolved: Option<&Resolved>) {
    if let Some(Resolved { version, ci, release }) = resolved {
        let prefix = if *ci { "ci/" } else { "" };
        config.kubernetes_version = format!("{prefix}v{version}");
        if config.image_repository.is_empty() {
            release.default_registry(version.patch).clone_into(&mut config.image_repository);
        }
    }
    if config.image_repository.is_empty() {
        REGISTRY.clone_into(&mut config.image_repository);
    }
    if let (Ok(endpoint @ HostPort { port: None, .. }), Ok(port)) =
        (config.control_plane_endpoint.parse::<HostPort>(), u16::try_from(init.local_api_endpoint.bind_port))
    {
        config.control_plane_endpoint = endpoint.with_port(port);
    }
    for name in &mut config.api_server.cert_sans {
        *name = name.to_lowercase();
    }
}

/// Component configurations: checked as given, then filled in.
fn components(
    documents: Option<&Documents>,
    init: &InitConfiguration,
    config: &ClusterConfiguration,
    release: &Release,
    facts: &Facts,
    check: &mut Check<'_>,
) -> (serde_json::Value, serde_json::Value) {
    let ipv6 = init.local_api_endpoint.advertise_address.contains(':');
    let [kube_proxy, kubelet] = Component::ALL.map(|component| {
        check.kind(component.kind());
        let given = documents.and_then(|documents| documents.component(component));
        if let Some(given) = given {
            component.problems(release.minor, given).into_iter().for_each(|problem| check.push(problem));
        }
        let mut value = given.cloned().unwrap_or_else(|| component.empty());
        let notes = match component {
            Component::KubeProxy => kube_proxy::set_defaults(&mut value, config, release, ipv6),
            Component::Kubelet => kubelet::set_defaults(&mut value, config, release, facts),
        };
        for NotRecommended { path, recommended, found } in notes {
            check.push(
                Problem::warning(path, format!("{found} is not what the cluster implies: {recommended}"))
                    .hint("it is kept; take it out unless you know why it is there"),
            );
        }
        value
    });
    (kubelet, kube_proxy)
}

/// A random bootstrap token.
pub(super) fn random_token(entropy: Entropy<'_>) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut letters = Vec::with_capacity(22);
    // A source that has nothing but high bytes is broken; the last round takes what it gets.
    for round in 0..=16 {
        let mut bytes = [0; 32];
        entropy(&mut bytes);
        // 252 is the largest multiple of 36 in a byte: higher ones would favour the first letters.
        let fair = bytes.into_iter().filter(|byte| *byte < 252 || round == 16);
        letters.extend(fair.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])));
        if letters.len() >= 22 {
            break;
        }
    }
    let (id, secret) = letters.split_at(6);
    id.iter().chain([&'.']).chain(secret.iter().take(16)).collect()
}

impl Cluster {
    /// Directory with patches, if any: the flag's or the file's.
    pub fn patches_directory(&self) -> Option<&str> {
        self.init.patches.as_ref().map(|Patches { directory }| directory.as_str()).filter(|path| !path.is_empty())
    }
}

#[cfg(test)]
mod tests;
