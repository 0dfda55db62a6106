//! Where this node stands: what made it, how far that came, what a next run would do, and what has changed since it was
//! written. Looks, and changes nothing.

use kubephase_model::layout::MANIFESTS_DIR;
use kubephase_node::Node;
use serde::Serialize;

use crate::error::PhaseError;
use crate::journal::{Journal, Written};
use crate::{init, join};

/// Phases of `join` that are nothing for workers.
const CONTROL_PLANE_ONLY: [&str; 5] =
    ["control-plane-prepare", "check-etcd", "etcd-join", "control-plane-join", "wait-control-plane"];

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How this node came about.
    pub made_by: MadeBy,
    /// `control-plane`, `worker`, or nothing if it is no node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// The workflow that wrote the journal: `init` or `join`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Whether it came to its end.
    pub complete: bool,
    /// Phases that are done, in the order of the workflow.
    pub done: Vec<String>,
    /// Phases that the same command would go on with.
    pub remaining: Vec<String>,
    /// Phases that were left out by request, and groups of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// How many files and directories are ours.
    pub files: usize,
    /// What is not as it was written.
    pub drift: Vec<Drift>,
    /// Objects of the cluster that were made from here.
    pub objects: Vec<String>,
    /// Plugins that have made something.
    pub plugins: Vec<String>,
    /// What the same command would do next, in words.
    pub next: String,
}

/// How a node came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// There is nothing of Kubernetes here that we know.
    #[default]
    Nobody,
    /// There is a journal.
    Kubephase,
    /// It is a node, and there is no journal.
    Another,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Which file.
    pub path: String,
    /// `missing`, `changed` or `mode`.
    pub what: &'static str,
    /// What the journal has, and what is there, if both are text and no secret.
    #[serde(skip)]
    pub texts: Option<(String, String)>,
    /// Permission bits as they were written, and as they are, if those differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<(u32, u32)>,
}

impl Status {
    /// Looks.
    pub fn of(node: &Node) -> Result<Self, PhaseError> {
        let is_control_plane = node.exists(&format!("{MANIFESTS_DIR}/kube-apiserver.yaml"));
        let is_node = ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf"];
        let is_node = is_control_plane || is_node.iter().any(|path| node.exists(path));
        let role = is_node.then_some(if is_control_plane { "control-plane" } else { "worker" });
        let Some(journal) = Journal::read(node)? else {
            let made_by = if is_node { MadeBy::Another } else { MadeBy::Nobody };
            let next = match made_by {
                MadeBy::Another => {
                    "this node was made by kubeadm or by single phases: `reset` cleans it as kubeadm would"
                }
                _ => "this machine is no node: `init` makes a cluster of it, `join` makes it part of one",
            };
            return Ok(Self { made_by, role, next: next.into(), ..Self::default() });
        };
        // `join` holds the manifest of the API server back until etcd has been joined. A worker is never noted for these.
        let is_control_plane =
            is_control_plane || journal.phases.iter().any(|path| path.starts_with("control-plane-prepare/"));
        let role = if is_control_plane { Some("control-plane") } else { role };
        let (done, mut remaining) = phases(&journal, is_control_plane);
        if journal.complete {
            // They do not apply here.
            remaining.clear();
        }
        let drift = drift(node, &journal)?;
        let workflow = Some(journal.workflow.clone()).filter(|workflow| !workflow.is_empty());
        let complete = workflow.is_some() && remaining.is_empty();
        let next = next(workflow.as_deref(), &remaining, &journal.skipped, &drift);
        Ok(Self {
            made_by: MadeBy::Kubephase,
            role,
            workflow,
            complete,
            done,
            remaining,
            skipped: journal.skipped,
            files: journal.files.len(),
            drift,
            objects: journal.objects.keys().cloned().collect(),
            plugins: journal.plugins.keys().cloned().collect(),
            next,
        })
    }
}

/// Leaf phases that are done, and those behind the last of them that were wanted. What was left out in between does not
/// apply here, or was not wanted.
fn phases(journal: &Journal, is_control_plane: bool) -> (Vec<String>, Vec<String>) {
    let mut leaves: Vec<String> = match journal.workflow.as_str() {
        "init" => leaves(&init::workflow()),
        "join" => leaves(&join::workflow()),
        _ => Vec::new(),
    };
    if journal.workflow == "join" && !is_control_plane {
        leaves.retain(|path| !CONTROL_PLANE_ONLY.contains(&path.split('/').next().unwrap_or_default()));
    }
    let last = leaves.iter().rposition(|path| journal.phases.contains(path)).map_or(0, |last| last + 1);
    let mut remaining = leaves.split_off(last);
    remaining.retain(|path| !journal.skipped.iter().any(|skipped| is_within(path, skipped)));
    leaves.retain(|path| journal.phases.contains(path));
    // Those of plugins stand in no tree of ours.
    let known = [leaves.as_slice(), remaining.as_slice()].concat();
    leaves.extend(journal.phases.iter().filter(|path| !known.contains(path)).cloned());
    (leaves, remaining)
}

/// Whether a phase is this one, or one of those that it groups.
fn is_within(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn leaves<C: kubephase_engine::Context>(workflow: &kubephase_engine::Workflow<C>) -> Vec<String> {
    let mut paths = Vec::new();
    workflow.walk(&mut |path, _, phase| {
        if phase.children().is_empty() {
            paths.push(path.to_owned());
        }
    });
    paths
}

fn drift(node: &Node, journal: &Journal) -> Result<Vec<Drift>, PhaseError> {
    let mut all = Vec::new();
    for (path, written) in &journal.written {
        let drift = |what, texts, modes| Drift { path: path.clone(), what, texts, modes };
        let Some(now) = Written::now(node, path, written.text.is_none())? else {
            all.push(drift("missing", None, None));
            continue;
        };
        let modes = (now.mode != written.mode).then_some((written.mode, now.mode));
        if now.digest != written.digest {
            all.push(drift("changed", written.text.clone().zip(now.text), modes));
        } else if modes.is_some() {
            all.push(drift("mode", None, modes));
        }
    }
    Ok(all)
}

fn next(workflow: Option<&str>, remaining: &[String], skipped: &[String], drift: &[Drift]) -> String {
    let Some(workflow) = workflow else {
        return "only plugins have been at work here; no whole run is recorded".into();
    };
    let complete = match skipped {
        [] => format!("`{workflow}` is complete"),
        skipped => format!("`{workflow}` is complete but for what was left out by request ({})", skipped.join(", ")),
    };
    match (remaining.first(), drift.len()) {
        (Some(first), _) => format!("the same `{workflow}` goes on with `{first}`; `reset` takes back what it made"),
        (None, 0) => format!("{complete}, and everything is as it was written: it would change nothing"),
        (None, 1) => format!(
            "{complete}; of what it wrote one file is not as it was: `{workflow} --plan` shows what it would do"
        ),
        (None, count) => {
            format!(
                "{complete}; of what it wrote {count} files are not as they were: `{workflow} --plan` shows what it would do"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;

    use super::*;

    fn node() -> (tempfile::TempDir, Node) {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        (root, node)
    }

    #[test]
    fn a_machine_is_nothing_a_stranger_or_ours() {
        let (_root, node) = node();
        let status = Status::of(&node).expect("looked");
        assert_eq!((status.made_by, status.role, status.complete), (MadeBy::Nobody, None, false));
        node.ensure(&File::secret("/etc/kubernetes/kubelet.conf", "x")).expect("written");
        let status = Status::of(&node).expect("looked");
        assert_eq!((status.made_by, status.role), (MadeBy::Another, Some("worker")));
    }

    #[test]
    fn it_says_where_a_run_ended_and_what_has_changed_since() {
        let (_root, node) = node();
        let manifest = format!("{MANIFESTS_DIR}/kube-apiserver.yaml");
        let files = [
            File::private(&manifest, "kind: Pod\n"),
            File::secret("/etc/kubernetes/admin.conf", "key"),
            File::public("/etc/kubernetes/pki/ca.crt", "cert"),
        ];
        node.ensure_all(&files).expect("written");
        let mut journal = Journal::begin("init", "sha256:0".into());
        journal.note(&node.changes());
        journal.phases = ["preflight", "certs/ca", "kubelet-start"].map(str::to_owned).into();
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert_eq!((status.made_by, status.role, status.complete), (MadeBy::Kubephase, Some("control-plane"), false));
        assert_eq!(status.done, ["preflight", "certs/ca", "kubelet-start"]);
        assert_eq!(status.remaining.first().map(String::as_str), Some("wait-control-plane"));
        assert_eq!(status.drift, []);

        node.ensure(&File::private(&manifest, "kind: Pod\nedited: true\n")).expect("written");
        node.ensure(&File::secret("/etc/kubernetes/admin.conf", "another key")).expect("written");
        node.remove("/etc/kubernetes/pki/ca.crt").expect("removed");
        let drift = Status::of(&node).expect("looked").drift;
        let told: Vec<_> = drift.iter().map(|drift| (drift.path.as_str(), drift.what, drift.texts.is_some())).collect();
        assert_eq!(
            told,
            [
                ("/etc/kubernetes/admin.conf", "changed", false),
                (manifest.as_str(), "changed", true),
                ("/etc/kubernetes/pki/ca.crt", "missing", false),
            ]
        );
    }

    #[test]
    fn what_was_left_out_by_request_is_not_missing() {
        let (_root, node) = node();
        node.ensure(&File::private(format!("{MANIFESTS_DIR}/kube-apiserver.yaml"), "kind: Pod\n")).expect("written");
        let mut journal = Journal::begin("init", "sha256:0".into());
        journal.note(&node.changes());
        journal.phases =
            ["preflight", "certs/ca", "kubelet-finalize/approve-serving-certificate"].map(str::to_owned).into();
        journal.skipped = ["addon", "show-join-command"].map(str::to_owned).into();
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert!(status.complete && status.remaining.is_empty(), "{status:?}");
        assert!(status.next.contains("left out by request (addon, show-join-command)"), "{}", status.next);
        // A group is no part of a name, and what was not left out is missing.
        journal.skipped = vec!["add".into(), "show-join-command".into()];
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert!(!status.complete && status.remaining.iter().all(|path| path.starts_with("addon/")), "{status:?}");
        // Unless the run came to its end without it.
        journal.complete = true;
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert!(status.complete && status.remaining.is_empty(), "{status:?}");
    }

    #[test]
    fn a_worker_is_complete_without_what_only_control_planes_do() {
        let (_root, node) = node();
        node.ensure(&File::secret("/etc/kubernetes/kubelet.conf", "x")).expect("written");
        let mut journal = Journal::begin("join", "sha256:0".into());
        journal.phases = ["preflight", "kubelet-start", "kubelet-wait-bootstrap"].map(str::to_owned).into();
        journal.note(&node.changes());
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert!(status.complete && status.next.contains("would change nothing"), "{status:?}");
    }

    #[test]
    fn a_control_plane_that_was_cut_off_before_etcd_is_no_worker() {
        let (_root, node) = node();
        node.ensure(&File::secret("/etc/kubernetes/kubelet.conf", "x")).expect("written");
        let mut journal = Journal::begin("join", "sha256:0".into());
        journal.phases = ["preflight", "control-plane-prepare/certs", "kubelet-start"].map(str::to_owned).into();
        journal.note(&node.changes());
        journal.write(&node).expect("written");
        let status = Status::of(&node).expect("looked");
        assert_eq!((status.role, status.complete), (Some("control-plane"), false));
        assert!(status.remaining.iter().any(|path| path.starts_with("etcd-join")), "{status:?}");
    }
}
