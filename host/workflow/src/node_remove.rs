//! `node remove`: takes a node out of the cluster that is gone, or will be. Done from another node, through the API and
//! etcd: nothing of this machine changes.

mod drain;
mod requests;

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_model::layout::{CONTROL_PLANE_TAINT, ETCD_PEER_PORT, MANIFESTS_DIR};
use kubephase_model::names::join_host_port;
use kubephase_model::object::{CONFIG_MAP, LEASE, NODE, ObjectRef};
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError, Select};
use serde_json::Value;

use crate::cluster::stored::{self, StoredError};
use crate::etcd_members::{self, MembersError, Patience, Removal, Session, Target};
use crate::kubelet::{self, is_ready};

/// The label of nodes of a control plane before v1.24.
const OLD_LABEL: &str = "node-role.kubernetes.io/master";
/// How long a member of etcd is waited for.
const ETCD_CALL: Duration = Duration::from_secs(30);
/// How long it is waited for by the way.
const LOOK: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name.
    pub name: String,
    /// How long Pods may take to leave a node that answers.
    pub drain: Duration,
    /// Goes on where Pods do not leave.
    pub force: bool,
    /// Where this node has the cluster's certificates: etcd is asked with them.
    pub pki: String,
}

/// What stops it.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The cluster's configuration cannot be had.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// Members of etcd cannot be changed.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// It is the only member of etcd.
    #[error("removing the node {0}: it runs the only member of etcd, and the cluster goes with it")]
    Last(String),
    /// It would go from under the own feet.
    #[error("removing the node {0}: this is that node, and would be left without its cluster half way")]
    Itself(String),
    /// Pods do not leave.
    #[error("draining the node {node}: {} Pods are still there after {} s: {}", pods.len(), waited.as_secs(), pods.join(", "))]
    Stays {
        /// The node.
        node: String,
        /// The Pods, with why they stay.
        pods: Vec<String>,
        /// How long they had.
        waited: Duration,
    },
    /// Nothing is known of it.
    #[error("removing the node {0}: the cluster knows no node, no member of etcd and nothing else of that name")]
    Unknown(String),
}

impl RemoveError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint().map(Into::into),
            Self::Stored(error) => error.hint(),
            Self::Members(MembersError::NoCredentials { .. }) => {
                Some("run this on a control-plane node, which has certificates for etcd".into())
            }
            Self::Members(error) => error.hint(),
            Self::Last(_) => Some("to give the cluster up, run `kubephase reset` on that node".into()),
            Self::Itself(_) => Some("run `kubephase reset` here, or this from another control-plane node".into()),
            Self::Stays { .. } => Some(
                "see their PodDisruptionBudgets, give them more time with --drain-timeout, or go on without them with \
                 --force"
                    .into(),
            ),
            Self::Unknown(_) => Some("see `kubectl get nodes`".into()),
        }
    }
}

/// Removes it: its Pods leave if it answers, its member of etcd goes if the others can go on without, then everything
/// that the cluster keeps of it. `tell` hears what goes on. What is gone already is no error, so it can be run again.
pub async fn remove(
    node: &Node,
    api: &Api,
    options: &Options,
    tell: &(dyn Fn(Level, String) + Sync),
) -> Result<(), RemoveError> {
    let name = options.name.as_str();
    if own_names(node).any(|own| own == name) {
        return Err(RemoveError::Itself(name.to_owned()));
    }
    let object = ObjectRef::new(&NODE, None, name);
    let found = api.get(&object).await?;
    let mut known = found.is_some();
    match &found {
        None => tell(Level::Info, format!("there is no Node {name}: looking for what else is left of it")),
        Some(found) if is_ready(found) => {
            tell(Level::Warning, format!("{name} answers: it comes back if it is not reset as well"));
            drain::drain(api, options, tell).await?;
        }
        Some(_) => tell(Level::Info, format!("{name} does not answer: its Pods are not waited for")),
    }
    known |= leave_etcd(node, api, options, found.as_ref(), tell).await?;
    known |= forget_endpoint(api, name).await?;
    known |= requests::remove(api, name).await?;
    for lease in leases(api, name).await? {
        known |= api.delete(&lease).await?;
    }
    api.delete(&object).await?;
    if known { Ok(()) } else { Err(RemoveError::Unknown(name.to_owned())) }
}

/// What this very node is called, by its kubelet and by its etcd: either may be left of what was cut off.
fn own_names(node: &Node) -> impl Iterator<Item = String> {
    let manifest = node.read(&format!("{MANIFESTS_DIR}/etcd.yaml")).ok().flatten().unwrap_or_default();
    let manifest = String::from_utf8_lossy(&manifest).into_owned();
    let flag = manifest.lines().find_map(|line| line.trim().strip_prefix("- --name=").map(str::to_owned));
    kubelet::own_name(node).into_iter().chain(flag)
}

fn is_control_plane(node: &Value) -> bool {
    let labels = node.pointer("/metadata/labels");
    labels.is_some_and(|labels| [CONTROL_PLANE_TAINT, OLD_LABEL].iter().any(|label| labels.get(label).is_some()))
}

/// Whether it was a member. An external etcd is none of our business.
async fn leave_etcd(
    node: &Node,
    api: &Api,
    options: &Options,
    found: Option<&Value>,
    tell: &(dyn Fn(Level, String) + Sync),
) -> Result<bool, RemoveError> {
    let name = options.name.as_str();
    let peer_urls = found.map(peer_urls).unwrap_or_default();
    let target = Target::Node { name, peer_urls: &peer_urls };
    if found.is_some_and(|found| !is_control_plane(found)) && !has_begun(node, api, options, target).await {
        return Ok(false);
    }
    let config = stored::documents(api).await?.cluster.unwrap_or_default();
    if config.etcd.external.is_some() {
        tell(Level::Info, "the cluster uses an external etcd, which is left alone".into());
        return Ok(false);
    }
    let etcd = match etcd_members::connect(node, api, &options.pki, ETCD_CALL, tell).await {
        Ok(etcd) => etcd,
        // Whether it was a member is not known, and who could tell is not here.
        Err(error @ MembersError::NoCredentials { .. }) if found.is_none() => {
            tell(Level::Warning, format!("whether {name} is a member of etcd is not known: {error}"));
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    let holder = format!("kubephase node remove {name}");
    let session = Session { node, api: Some(api), etcd: &etcd, holder: &holder, patience: Patience::default(), tell };
    match etcd_members::remove(&session, target).await? {
        Removal::Removed(member) => {
            let done = if node.is_dry_run() { "would be removed" } else { "is removed" };
            tell(Level::Info, format!("the etcd member {member} {done}"));
            Ok(true)
        }
        Removal::Absent => {
            let members = if found.is_none() { etcd.members().await.unwrap_or_default() } else { Vec::new() };
            for url in members.iter().filter(|member| member.name.is_empty()).flat_map(|member| &member.peer_urls) {
                let message = format!("an etcd member at {url} was never started: whether it is {name}'s is not known");
                tell(Level::Warning, message);
            }
            Ok(false)
        }
        Removal::Last(_) => Err(RemoveError::Last(name.to_owned())),
    }
}

/// Whether a node that is not marked as a control plane is a member of etcd all the same, because it was cut off while it
/// joined. A worker can be removed from anywhere and with an ill etcd: who cannot be asked does not know of any.
async fn has_begun(node: &Node, api: &Api, options: &Options, target: Target<'_>) -> bool {
    let quiet = |_: Level, _: String| {};
    match etcd_members::connect(node, api, &options.pki, LOOK, &quiet).await {
        Ok(etcd) => etcd.members().await.is_ok_and(|members| members.iter().any(|member| target.is(member))),
        Err(_) => false,
    }
}

/// Where etcd's members would find one on this node.
fn peer_urls(node: &Value) -> Vec<String> {
    let addresses = node.pointer("/status/addresses").and_then(Value::as_array);
    let addresses = addresses.into_iter().flatten().filter(|entry| entry["type"] == "InternalIP");
    let addresses = addresses.filter_map(|entry| entry["address"].as_str());
    addresses.map(|address| format!("https://{}", join_host_port(address, ETCD_PEER_PORT))).collect()
}

/// Clusters up to v1.21 list the addresses of their API servers beside their configuration.
async fn forget_endpoint(api: &Api, name: &str) -> Result<bool, RemoveError> {
    const STATUS: &str = "ClusterStatus";

    let object = ObjectRef::new(&CONFIG_MAP, Some(stored::NAMESPACE), stored::NAME);
    let lists = |text: &str| without_endpoint(text, name).is_some();
    let found = api.get(&object).await?;
    if !found.as_ref().and_then(|found| found["data"][STATUS].as_str()).is_some_and(lists) {
        return Ok(false);
    }
    let change = |object: &mut Value| {
        if let Some(text) = object["data"][STATUS].as_str().and_then(|text| without_endpoint(text, name)) {
            object["data"][STATUS] = text.into();
        }
    };
    api.mutate(&object, &change).await?;
    Ok(true)
}

/// The text without that node; `None` if it is not in there.
fn without_endpoint(text: &str, name: &str) -> Option<String> {
    let mut status: Value = serde_yaml::from_str(text).ok()?;
    status.get_mut("apiEndpoints")?.as_object_mut()?.remove(name)?;
    serde_yaml::to_string(&status).ok()
}

/// The kubelet's, and those by which its API server is known.
async fn leases(api: &Api, name: &str) -> Result<Vec<ObjectRef>, ApiError> {
    let mut all = vec![ObjectRef::new(&LEASE, Some("kube-node-lease"), name)];
    let labels = format!("apiserver.kubernetes.io/identity=kube-apiserver,kubernetes.io/hostname={name}");
    let select = Select { labels: &labels, fields: "" };
    for lease in api.list(&LEASE, Some("kube-system"), select).await? {
        if let Some(name) = lease.pointer("/metadata/name").and_then(Value::as_str) {
            all.push(ObjectRef::new(&LEASE, Some("kube-system"), name));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_endpoint_goes_and_the_others_stay() {
        let text = "apiEndpoints:\n  cp-1:\n    advertiseAddress: 192.0.2.1\n  cp-2:\n    advertiseAddress: 192.0.2.2\n\
                    apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterStatus\n";
        let rest = without_endpoint(text, "cp-2").expect("it was in there");
        assert!(rest.contains("cp-1") && !rest.contains("cp-2") && rest.contains("ClusterStatus"), "{rest}");
        assert_eq!(without_endpoint(text, "cp-3"), None);
        assert_eq!(without_endpoint("a: [", "cp-1"), None);
    }

    #[test]
    fn what_a_node_is_it_says_itself() {
        let node = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
            "status": {"conditions": [{"type": "DiskPressure", "status": "True"}, {"type": "Ready", "status": "Unknown"}]}});
        assert!(is_control_plane(&node) && !is_ready(&node));
        let addresses = json!([{"type": "InternalIP", "address": "192.0.2.12"}, {"type": "Hostname", "address": "cp-2"},
            {"type": "InternalIP", "address": "fd00::c"}]);
        let node = json!({"status": {"addresses": addresses, "conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(peer_urls(&node), ["https://192.0.2.12:2380", "https://[fd00::c]:2380"]);
        assert!(!is_control_plane(&node) && is_ready(&node));
    }

    #[test]
    fn a_node_is_known_by_the_manifest_of_its_etcd() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        assert_eq!(own_names(&node).count(), 0);
        let manifest =
            "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=cp-1\n    - --snapshot-count=10000\n";
        let manifest = kubephase_model::File::private(format!("{MANIFESTS_DIR}/etcd.yaml"), manifest);
        node.ensure(&manifest).expect("written");
        assert_eq!(own_names(&node).collect::<Vec<_>>(), ["cp-1"]);
    }
}
