//! From the text of a configuration file to typed documents of the newest version: which documents there may be,
//! which API versions are read, what is unknown, given twice or of the wrong type. No defaults, no meaning: that is
//! [`super::resolve`].

use std::sync::Arc;

use serde_json::Value;

use super::record::{Field, nearest};
use super::v1beta4::{
    ClusterConfiguration, InitConfiguration, JoinConfiguration, ResetConfiguration, Timeouts, UpgradeConfiguration,
};
use super::versions::{ApiVersion, GROUP, Parts, RETIRED, VERSIONS};
use crate::component::Component;
use crate::plugin::config as plugins;
use crate::report::{Place, Problem, Report, Severity, Source};
use crate::yaml::{self, Kind, Node};

/// API group of our own kinds, which kubeadm ignores.
pub const OWN_GROUP: &str = "kubephase.dev";

/// Our own kinds, which every command reads: there is one now. Each is strict: nobody else's tool has to understand it.
const OWN_KINDS: [&str; 1] = [plugins::KIND];

/// What the file is read for: decides which kinds are used and how strictly it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `init` and what needs its configuration.
    Init,
    /// `join`.
    Join,
    /// `rehearse join`: of the cluster that is joined, too.
    RehearseJoin,
    /// `reset`.
    Reset,
    /// `upgrade`.
    Upgrade,
    /// `config validate`: every kind, strictly.
    Validate,
    /// `config migrate`: every kind, strictly.
    Migrate,
    /// `plugin …`: our own kind only; others may be in the file, and nothing is said of them.
    Plugins,
}

impl Command {
    /// Kinds that it uses. Component configurations count only with a cluster.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Init => &["InitConfiguration", "ClusterConfiguration"],
            Self::Join => &["JoinConfiguration"],
            Self::RehearseJoin => &["JoinConfiguration", "InitConfiguration", "ClusterConfiguration"],
            Self::Reset => &["ResetConfiguration"],
            Self::Upgrade => &["UpgradeConfiguration"],
            Self::Plugins => &OWN_KINDS,
            Self::Validate | Self::Migrate => &[
                "InitConfiguration",
                "ClusterConfiguration",
                "JoinConfiguration",
                "ResetConfiguration",
                "UpgradeConfiguration",
            ],
        }
    }

    /// Whether component configurations are used.
    fn uses_components(self) -> bool {
        matches!(self, Self::Init | Self::RehearseJoin | Self::Validate | Self::Migrate)
    }

    /// Whether every document must be known and without unknown fields.
    fn is_strict(self) -> bool {
        matches!(self, Self::Validate | Self::Migrate)
    }

    /// Whether it is an error if none of its kinds is in the file.
    fn needs_one(self) -> bool {
        !self.is_strict()
    }
}

/// The typed documents of one file.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// InitConfiguration, as given.
    pub init: Option<InitConfiguration>,
    /// ClusterConfiguration, as given.
    pub cluster: Option<ClusterConfiguration>,
    /// JoinConfiguration, as given.
    pub join: Option<JoinConfiguration>,
    /// ResetConfiguration, as given.
    pub reset: Option<ResetConfiguration>,
    /// UpgradeConfiguration, as given.
    pub upgrade: Option<UpgradeConfiguration>,
    /// KubeletConfiguration, as given.
    pub kubelet: Option<Value>,
    /// KubeProxyConfiguration, as given.
    pub kube_proxy: Option<Value>,
    /// PluginConfiguration, as given: paths in it are relative to the file.
    pub plugins: Option<plugins::PluginConfiguration>,
    roots: Vec<(String, Node)>,
}

impl Documents {
    /// Where a field stands in the file, or the deepest object around it that does.
    pub fn place(&self, kind: &str, path: &str) -> Option<Place> {
        self.node(kind, path).map(|node| node.place.clone())
    }

    /// The same, as the value that stands there.
    pub fn node(&self, kind: &str, path: &str) -> Option<&Node> {
        self.roots.iter().find(|(name, _)| name == kind).map(|(_, root)| root.nearest(path))
    }

    /// Whether a document of that kind is in the file.
    pub fn has(&self, kind: &str) -> bool {
        self.roots.iter().any(|(name, _)| name == kind)
    }

    /// A component's configuration, as given.
    pub fn component(&self, component: Component) -> Option<&Value> {
        match component {
            Component::Kubelet => self.kubelet.as_ref(),
            Component::KubeProxy => self.kube_proxy.as_ref(),
        }
    }
}

/// Makes a [`Source`] of a file's bytes, which must be UTF-8.
pub fn source(name: impl Into<String>, bytes: Vec<u8>, report: &mut Report) -> Option<Arc<Source>> {
    let name = name.into();
    match String::from_utf8(bytes) {
        Ok(text) => Some(Arc::new(Source { name, text })),
        Err(error) => {
            let valid_up_to = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let before = bytes.get(..valid_up_to).unwrap_or_default();
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let hint = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16: save it as UTF-8",
                [0x1f, 0x8b, ..] => "it looks like a gzip archive",
                [0x7f, b'E', b'L', b'F', ..] => "it looks like a program",
                _ => "save it as UTF-8",
            };
            report.push(
                Problem::error("", format!("`{name}` is not UTF-8 text: byte {} on line {line}", valid_up_to + 1))
                    .hint(hint),
            );
            None
        }
    }
}

/// Reads a file for a command.
pub fn load(source: &Arc<Source>, command: Command, report: &mut Report) -> Documents {
    let mut loader = Loader { command, documents: Documents::default(), parts: Parts::default(), seen: Vec::new() };
    let mut problems = Report::default();
    let nodes = yaml::documents(source, &mut problems);
    let unreadable = problems.has_errors();
    strict_in_own_documents(&nodes, &mut problems);
    for node in nodes {
        loader.document(node, &mut problems);
    }
    if command.needs_one() && !unreadable && !command.kinds().iter().any(|kind| loader.seen(kind)) {
        let wanted = command.kinds().join(" or ");
        let hint = match command {
            Command::Plugins => "`kubephase plugin new` shows what such a document looks like",
            Command::Join => "`kubephase config print join-defaults` shows what such a file looks like",
            Command::Reset => "`kubephase config print reset-defaults` shows what such a file looks like",
            Command::Upgrade => "`kubephase config print upgrade-defaults` shows what such a file looks like",
            _ => "`kubephase config print init-defaults` shows what such a file looks like",
        };
        problems.push(Problem::error("", format!("no {wanted} in `{}`", source.name)).hint(hint));
    }
    if command.is_strict() {
        problems.make_strict();
    }
    report.problems.append(&mut problems.problems);
    loader.finish()
}

struct Loader {
    command: Command,
    documents: Documents,
    parts: Parts,
    seen: Vec<(String, Place)>,
}

impl Loader {
    fn seen(&self, kind: &str) -> bool {
        self.seen.iter().any(|(name, _)| name == kind)
    }

    fn document(&mut self, node: Node, report: &mut Report) {
        let Some((api_version, kind)) = type_of(&node, report) else { return };
        let place = kind_place(&node);
        if let Some((_, first)) = self.seen.iter().find(|(name, _)| *name == kind) {
            report.push(
                Problem::error("", format!("a second {kind}; the first one is on line {}", first.line))
                    .at(Some(place))
                    .hint("a file may have one document of each kind: merge them or take one out"),
            );
            return;
        }
        self.seen.push((kind.clone(), place));
        let (group, version) = api_version.split_once('/').unwrap_or(("", ""));
        if group == OWN_GROUP {
            self.own(&kind, &api_version, node, report);
        } else if self.command == Command::Plugins {
            if OWN_KINDS.contains(&&*kind) {
                self.foreign(&kind, group, &api_version, &node, report);
            }
        } else if group == GROUP {
            self.kubeadm(&kind, version, node, report);
        } else if let Some(component) = Component::of_group(group) {
            self.component(component, &kind, &api_version, node, report);
        } else {
            self.foreign(&kind, group, &api_version, &node, report);
        }
    }

    /// A document of ours. What is unknown in it is an error: it would go unseen that something was not granted, or not
    /// limited.
    fn own(&mut self, kind: &str, api_version: &str, node: Node, report: &mut Report) {
        let place = api_version_place(&node);
        if api_version != plugins::API_VERSION {
            report.push(
                Problem::error("apiVersion", format!("`{api_version}` is not a known version"))
                    .at(Some(place))
                    .hint(format!("write `{}`", plugins::API_VERSION)),
            );
        } else if kind != plugins::KIND {
            let hint = match nearest(kind, &OWN_KINDS) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("its kinds are {}", OWN_KINDS.join(", ")),
            };
            report.push(
                Problem::error("kind", format!("`{api_version}` has no kind `{kind}`"))
                    .at(Some(kind_place(&node)))
                    .hint(hint),
            );
        } else {
            let mut problems = Report::default();
            self.documents.plugins = read_document(&node, &mut problems);
            problems.make_strict();
            report.problems.append(&mut problems.problems);
            self.documents.roots.push((kind.to_owned(), node));
        }
    }

    /// A document of kubeadm's own group.
    fn kubeadm(&mut self, kind: &str, version: &str, node: Node, report: &mut Report) {
        let place = api_version_place(&node);
        if let Some((_, kubeadm)) = RETIRED.iter().find(|(name, _)| *name == version) {
            report.push(
                Problem::error("apiVersion", format!("`{GROUP}/{version}` is too old to be read"))
                    .at(Some(place))
                    .hint(format!("migrate the file with kubeadm {kubeadm}: `kubeadm config migrate --old-config old.yaml --new-config new.yaml`")),
            );
            return;
        }
        let Some(api) = ApiVersion::find(version) else {
            let names: Vec<&str> = VERSIONS.iter().map(|version| version.name).collect();
            // Of equally near ones the newest is meant.
            let newest_first: Vec<&str> = names.iter().rev().copied().collect();
            let hint = match nearest(version, &newest_first) {
                Some(name) => format!("did you mean `{GROUP}/{name}`?"),
                None => format!("versions that can be read: {}", names.join(", ")),
            };
            report.push(
                Problem::error("apiVersion", format!("`{GROUP}/{version}` is not a known version"))
                    .at(Some(place))
                    .hint(hint),
            );
            return;
        };
        let Some(reader) = api.kinds.iter().find(|reader| reader.kind == kind) else {
            self.unknown_kind(kind, api, &node, report);
            return;
        };
        if !self.command.kinds().contains(&kind) {
            report.push(ignored(kind, &node, "this command does not use it"));
            return;
        }
        if api.deprecated && self.command != Command::Migrate {
            report.push(
                Problem::warning("apiVersion", format!("`{GROUP}/{version}` is deprecated"))
                    .at(Some(place))
                    .hint("`kubephase config migrate` writes the same in the newest version"),
            );
        }
        (reader.read)(&node, &mut self.parts, report);
        self.documents.roots.push((kind.to_owned(), node));
    }

    fn unknown_kind(&self, kind: &str, api: &ApiVersion, node: &Node, report: &mut Report) {
        let kinds: Vec<&str> = api.kinds.iter().map(|reader| reader.kind).collect();
        let newest = VERSIONS.last().filter(|newest| newest.kinds.iter().any(|reader| reader.kind == kind));
        let hint = match (nearest(kind, &kinds), newest) {
            (Some(name), _) => format!("did you mean `{name}`?"),
            (None, Some(newest)) => format!("`{GROUP}/{}` has it", newest.name),
            (None, None) => format!("its kinds are {}", kinds.join(", ")),
        };
        report.push(
            Problem::warning("kind", format!("`{GROUP}/{}` has no kind `{kind}`; the document is ignored", api.name))
                .at(Some(kind_place(node)))
                .strict()
                .hint(hint),
        );
    }

    fn component(&mut self, component: Component, kind: &str, api_version: &str, node: Node, report: &mut Report) {
        if !self.command.uses_components() {
            report.push(ignored(kind, &node, "this command does not use it"));
        } else if kind != component.kind() {
            report.push(
                Problem::error("kind", format!("`{api_version}` is read for its kind `{}` only", component.kind()))
                    .at(Some(kind_place(&node)))
                    .hint("take the document out of this file"),
            );
        } else if api_version != component.api_version() {
            report.push(
                Problem::error("apiVersion", format!("{kind} cannot be read in `{api_version}`"))
                    .at(Some(api_version_place(&node)))
                    .hint(format!("write it in `{}`", component.api_version())),
            );
        } else {
            let value = node.to_json();
            match component {
                Component::Kubelet => self.documents.kubelet = Some(value),
                Component::KubeProxy => self.documents.kube_proxy = Some(value),
            }
            self.documents.roots.push((kind.to_owned(), node));
        }
    }

    /// A document of somebody else.
    fn foreign(&self, kind: &str, group: &str, api_version: &str, node: &Node, report: &mut Report) {
        let groups = [GROUP, Component::Kubelet.group(), Component::KubeProxy.group(), OWN_GROUP];
        let problem = if self.command.kinds().contains(&kind) || OWN_KINDS.contains(&kind) {
            // Somebody meant it: kubeadm goes by the kind and cannot read it either.
            Problem::error("apiVersion", format!("a {kind} cannot be read in `{api_version}`"))
        } else {
            let message = format!("`{api_version}` is not ours to read; the document is ignored");
            Problem::warning("apiVersion", message).strict()
        };
        let problem = problem.at(Some(api_version_place(node)));
        report.push(match nearest(group, &groups) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem.hint("keep it in a file of its own"),
        });
    }

    fn finish(self) -> Documents {
        let Self { mut documents, mut parts, command, .. } = self;
        if let Some(timeout) = parts.timeout_for_control_plane {
            // The file may have no InitConfiguration for what moved there.
            if command != Command::Join || parts.init.is_some() {
                let init = parts.init.get_or_insert_default();
                let timeouts = init.timeouts.get_or_insert_with(Timeouts::default);
                timeouts.control_plane_component_health_check.get_or_insert(timeout);
            }
        }
        documents.init = parts.init;
        documents.cluster = parts.cluster;
        documents.join = parts.join;
        documents.reset = parts.reset;
        documents.upgrade = parts.upgrade;
        documents
    }
}

/// Reads a whole document: a record's fields and the two that every document has.
pub(super) fn read_document<T: Field>(node: &Node, report: &mut Report) -> Option<T> {
    let Kind::Map(entries) = &node.kind else { return None };
    let is_type = |name: &str| matches!(name, "apiVersion" | "kind");
    let fields = entries.iter().filter(|(key, _)| !is_type(&key.name)).cloned().collect();
    T::read(&Node { kind: Kind::Map(fields), place: node.place.clone() }, "", report)
}

/// `apiVersion` and `kind` of a document, both with a meaning; otherwise a problem.
fn type_of(node: &Node, report: &mut Report) -> Option<(String, String)> {
    let Kind::Map(_) = node.kind else {
        report.push(
            Problem::error(
                "",
                format!("a document must be a mapping with apiVersion and kind, not {}", node.type_name()),
            )
            .at(Some(node.place.clone())),
        );
        return None;
    };
    let mut field = |name: &str, example: &str| match node.get(name) {
        Some(value) => match value.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                report.push(
                    Problem::error(name, format!("expected a name, found {}", value.type_name()))
                        .at(Some(value.place.clone()))
                        .hint(format!("such as `{example}`")),
                );
                None
            }
        },
        None => {
            report.push(
                Problem::error(name, format!("the document has no {name}"))
                    .at(Some(node.place.clone()))
                    .hint(format!("every document needs one, such as `{name}: {example}`")),
            );
            None
        }
    };
    let api_version = field("apiVersion", "kubeadm.k8s.io/v1beta4");
    let kind = field("kind", "ClusterConfiguration");
    let (api_version, kind) = (api_version?, kind?);
    match api_version.split_once('/') {
        Some((group, version)) if !group.is_empty() && !version.is_empty() && !version.contains('/') => {
            Some((api_version, kind))
        }
        _ => {
            report.push(
                Problem::error("apiVersion", format!("`{api_version}` is not `group/version`"))
                    .at(Some(api_version_place(node)))
                    .hint("such as `kubeadm.k8s.io/v1beta4`"),
            );
            None
        }
    }
}

/// Makes what the reader has found in our own documents (fields that are given twice) as bad as it is there.
fn strict_in_own_documents(nodes: &[Node], report: &mut Report) {
    for (i, node) in nodes.iter().enumerate() {
        let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if api_version.split_once('/').is_none_or(|(group, _)| group != OWN_GROUP) {
            continue;
        }
        let end = nodes.get(i + 1).map_or(usize::MAX, |next| next.place.line);
        for problem in report.problems.iter_mut().filter(|problem| problem.strict) {
            if problem.place.as_ref().is_some_and(|place| (node.place.line..end).contains(&place.line)) {
                problem.severity = Severity::Error;
            }
        }
    }
}

fn api_version_place(node: &Node) -> Place {
    node.get("apiVersion").unwrap_or(node).place.clone()
}

fn kind_place(node: &Node) -> Place {
    node.get("kind").unwrap_or(node).place.clone()
}

fn ignored(kind: &str, node: &Node, why: &str) -> Problem {
    Problem { severity: Severity::Warning, ..Problem::warning("", format!("{kind} is ignored: {why}")) }
        .at(Some(kind_place(node)))
}

#[cfg(test)]
mod tests;
