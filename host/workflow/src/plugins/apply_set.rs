//! Objects that belong together, as KEP-3659 has it: each carries the id of its set, and a parent object says of which
//! kinds and in which namespaces there are any, so that what is gone from the set can be found and removed. Pure.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubephase_model::object::{
    API_SERVICE, CONFIG_MAP, CRON_JOB, CUSTOM_RESOURCE_DEFINITION, DAEMON_SET, DEPLOYMENT, JOB, Kind,
    MUTATING_WEBHOOK_CONFIGURATION, NAMESPACE, ObjectRef, POD, REPLICA_SET, STATEFUL_SET,
    VALIDATING_ADMISSION_POLICY_BINDING, VALIDATING_WEBHOOK_CONFIGURATION,
};
use serde_json::{Value, json};

/// Namespace of every parent.
pub const NAMESPACE_OF_PARENTS: &str = "kube-system";
/// Label of a member: the id of its set.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// Label of a parent: the id of its set.
pub const ID: &str = "applyset.kubernetes.io/id";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
/// Key of the parent with the members that had been there before.
const ADOPTED: &str = "adopted";

/// Under which name a plugin's objects are applied: that of its parent, too.
pub fn manager(plugin: &str) -> String {
    format!("kubephase-plugin-{plugin}")
}

/// The set of one plugin: what its parent says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplySet {
    /// Group and kind of the members.
    pub group_kinds: BTreeSet<(String, String)>,
    /// Namespaces with members, that of the parent included.
    pub namespaces: BTreeSet<String>,
    /// Members that were not made by the plugin, as [`told`]: they are not deleted with it, only given up.
    pub adopted: BTreeSet<String>,
}

/// The parent of a plugin's set.
pub fn parent_name(plugin: &str) -> ObjectRef {
    ObjectRef::new(&CONFIG_MAP, Some(NAMESPACE_OF_PARENTS), &manager(plugin))
}

/// The id of a plugin's set, as the KEP derives it from the parent's name.
pub fn id(plugin: &str) -> String {
    let parent = format!("{}.{NAMESPACE_OF_PARENTS}.ConfigMap.", manager(plugin));
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(digest(&SHA256, parent.as_bytes())))
}

/// How an object is told in the journal and in the parent: `apps/v1 DaemonSet kube-flannel/kube-flannel-ds`.
pub fn told(name: &ObjectRef) -> String {
    format!("{} {name}", name.kind.api_version)
}

impl ApplySet {
    /// That of these members.
    pub fn of<'a>(members: impl IntoIterator<Item = &'a ObjectRef>) -> Self {
        let mut set = Self::default();
        for name in members {
            set.group_kinds.insert((name.kind.group().to_owned(), name.kind.kind.to_owned()));
            set.namespaces.extend(name.namespace.clone());
        }
        set
    }

    /// What a parent says. `None` if it is no parent of the plugin's set.
    pub fn read(parent: &Value, plugin: &str) -> Option<Self> {
        let text = |pointer: &str| parent.pointer(pointer).and_then(Value::as_str);
        let escaped = |name: &str| name.replace('/', "~1");
        let list = |annotation: &str| -> Vec<String> {
            let text = text(&format!("/metadata/annotations/{}", escaped(annotation))).unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        if text(&format!("/metadata/labels/{}", escaped(ID)))? != id(plugin) {
            return None;
        }
        let group_kind = |text: String| match text.split_once('.') {
            Some((kind, group)) => (group.to_owned(), kind.to_owned()),
            None => (String::new(), text),
        };
        let lines = text(&format!("/data/{ADOPTED}")).unwrap_or_default().lines();
        Some(Self {
            group_kinds: list(GROUP_KINDS).into_iter().map(group_kind).collect(),
            namespaces: list(NAMESPACES).into_iter().collect(),
            adopted: lines.map(str::to_owned).collect(),
        })
    }

    /// What both say: while members come and go, the parent names the old and the new ones.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.group_kinds.extend(other.group_kinds.iter().cloned());
        both.namespaces.extend(other.namespaces.iter().cloned());
        both.adopted.extend(other.adopted.iter().cloned());
        both
    }

    /// The parent.
    pub fn parent(&self, plugin: &str) -> Value {
        let kinds = self.group_kinds.iter().map(|(group, kind)| match group.as_str() {
            "" => kind.clone(),
            group => format!("{kind}.{group}"),
        });
        let kinds: BTreeSet<String> = kinds.collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(",");
        let namespaces: Vec<&str> =
            self.namespaces.iter().map(String::as_str).filter(|name| *name != NAMESPACE_OF_PARENTS).collect();
        let mut parent = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": manager(plugin),
                "namespace": NAMESPACE_OF_PARENTS,
                "labels": { ID: id(plugin) },
                "annotations": {
                    TOOLING: concat!("kubephase/v", env!("CARGO_PKG_VERSION")),
                    GROUP_KINDS: kinds,
                    NAMESPACES: namespaces.join(","),
                },
            },
        });
        if !self.adopted.is_empty() {
            parent["data"] = json!({ ADOPTED: self.adopted.iter().cloned().collect::<Vec<_>>().join("\n") });
        }
        parent
    }
}

/// Whose set an object is a member of, by its label.
pub fn set_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/labels")?.get(PART_OF)?.as_str()
}

/// When an object is applied: what others need, first. Objects of one tier do not wait for each other.
pub fn tier(kind: &'static Kind) -> usize {
    const WORKLOADS: [&Kind; 7] = [&DAEMON_SET, &DEPLOYMENT, &STATEFUL_SET, &REPLICA_SET, &JOB, &CRON_JOB, &POD];
    // They have a say in everything that comes after them, and need their workloads for it.
    const JUDGES: [&Kind; 4] = [
        &API_SERVICE,
        &MUTATING_WEBHOOK_CONFIGURATION,
        &VALIDATING_WEBHOOK_CONFIGURATION,
        &VALIDATING_ADMISSION_POLICY_BINDING,
    ];
    if kind == &NAMESPACE || kind == &CUSTOM_RESOURCE_DEFINITION {
        0
    } else if WORKLOADS.contains(&kind) {
        3
    } else if JUDGES.contains(&kind) {
        4
    } else if Kind::find(kind.api_version, kind.kind).is_some() {
        1
    } else {
        // Custom resources, which workloads may look for as soon as they start.
        2
    }
}

/// How many tiers there are.
pub const TIERS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_keps() {
        // printf 'kubephase-plugin-a.kube-system.ConfigMap.' | sha256sum | xxd -r -p | base64 | tr '+/' '-_' | tr -d =
        assert_eq!(id("a"), "applyset-KiiXWoFYhmkVNYesimCHk1-osa-sPli4hqeOSMdUhvI-v1");
        assert!(id("a").len() <= 63, "a label's value");
    }

    #[test]
    fn a_parent_says_what_it_was_told() {
        let names = [
            ObjectRef::new(&DAEMON_SET, Some("flannel"), "x"),
            ObjectRef::new(&CONFIG_MAP, Some(NAMESPACE_OF_PARENTS), "y"),
            ObjectRef::new(&NAMESPACE, None, "flannel"),
        ];
        let mut set = ApplySet::of(&names);
        set.adopted.insert(told(&names[2]));
        let parent = set.parent("flannel");
        let annotations = &parent["metadata"]["annotations"];
        assert_eq!(annotations[GROUP_KINDS], "ConfigMap,DaemonSet.apps,Namespace");
        assert_eq!(annotations[NAMESPACES], "flannel");
        assert_eq!(parent["data"]["adopted"], "v1 Namespace flannel");
        let read = ApplySet::read(&parent, "flannel").expect("a parent");
        set.namespaces.remove(NAMESPACE_OF_PARENTS);
        assert_eq!(read, set);
        assert_eq!(ApplySet::read(&parent, "other"), None);
        assert_eq!(parent_name("flannel").to_string(), "ConfigMap kube-system/kubephase-plugin-flannel");
    }

    #[test]
    fn what_others_need_comes_first() {
        let custom = Kind::learn("example.org/v1", "Wish", "wishes", true);
        let order = [&NAMESPACE, &CONFIG_MAP, custom, &DEPLOYMENT, &API_SERVICE].map(tier);
        assert!(order.is_sorted() && order.into_iter().collect::<BTreeSet<_>>().len() == TIERS);
    }
}
