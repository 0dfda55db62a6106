//! Phases `check-etcd` and `etcd-join`: this node's etcd becomes a member of the cluster's.

use std::time::{Duration, Instant};

use kubephase_engine::{Event, Level, Phase};
use kubephase_model::layout::{ETCD_CLIENT_PORT, ETCD_PEER_PORT};
use kubephase_model::names::join_host_port;
use kubephase_node::cri::{CONTAINER_NAME_LABEL, ContainerState, POD_NAMESPACE_LABEL};
use kubephase_node::kube::Api;
use kubephase_node::{Change, ChangeKind, CriError, Etcd, Node, Spare};
use kubephase_render::static_pod::{ETCD, PodContext, manifest_path};

use super::{Join, JoinError, only_control_plane};
use crate::cluster;
use crate::control_plane::manifests;
use crate::error::PhaseError;
use crate::etcd_members::{self, Announced, Newcomer, Patience, Session};
use crate::kubelet;
use crate::work::checks::{has_own_etcd, member_dir};

/// The container runtime answers a question within this.
const RUNTIME: Duration = Duration::from_secs(10);
/// A kubelet may start a container once more before it hears that its manifest has gone.
const UNHEARD: Duration = Duration::from_secs(1);
/// How long an etcd that nobody wants is waited for.
const ENDING: Duration = Duration::from_secs(15);
/// What it gets to end by itself.
const GRACE: Duration = Duration::from_secs(3);
/// How often it is looked.
const INTERVAL: Duration = Duration::from_millis(200);

/// What the manifest of an etcd says that joins a cluster, and that of one that founds one does not.
const JOINS: &str = "--initial-cluster-state=existing";

/// Path of the phase that joins.
pub const JOIN: &str = "etcd-join";

/// Only where this node runs an etcd of the cluster's own.
fn unless(cx: &Join) -> Option<String> {
    only_control_plane(cx).or_else(|| cx.cluster.external_etcd().map(|_| "etcd is external".into()))
}

/// The phase that only looks, before anything is started.
pub fn check_phase() -> Phase<Join> {
    Phase::run("check-etcd", "Check that the cluster's etcd is healthy", |cx: &mut Join| Box::pin(check(cx)))
        .unless(unless)
}

/// The phase that joins.
pub fn join_phase() -> Phase<Join> {
    Phase::run(JOIN, "Join the cluster's etcd", |cx: &mut Join| Box::pin(join(cx))).unless(unless)
}

/// The cluster as its administrator, at a server that is there: this node's own is not yet.
fn connect(cx: &Join) -> Result<Api, PhaseError> {
    let path = cx.kubeconfig_path("admin.conf");
    let api = cluster::connect_to(&cx.node, &path, Some(&cx.discovered.server))?;
    Ok(api.within(cx.cluster.deadlines().kubernetes_api))
}

async fn members(cx: &Join, api: &Api) -> Result<Etcd, PhaseError> {
    let deadlines = cx.cluster.deadlines();
    let found = etcd_members::connect(&cx.node, api, cx.cluster.pki(), deadlines.kubernetes_api, &teller(cx)).await?;
    Ok(found.within(deadlines.etcd_api))
}

/// Progress of this phase, and what is worth more.
fn teller(cx: &Join) -> impl Fn(Level, String) + Sync + use<> {
    let (sink, path) = (cx.options.sink.clone(), cx.path().to_owned());
    move |level: Level, message: String| {
        let path = path.clone();
        sink(match level {
            Level::Warning => Event::Notice { path, level, message },
            Level::Info => Event::Progress { path, item: "etcd".to_owned(), message },
        });
    }
}

async fn check(cx: &mut Join) -> Result<(), PhaseError> {
    if cx.node.is_dry_run() {
        cx.notice(Level::Info, "would check that a majority of the cluster's etcd members is healthy");
        return Ok(());
    }
    let etcd = members(cx, &connect(cx)?).await?;
    let council = etcd_members::check(&etcd).await?;
    let names: Vec<&str> = council.voters().map(|seat| seat.member.name.as_str()).collect();
    cx.notice(Level::Info, format!("members of etcd: {}", names.join(", ")));
    Ok(())
}

async fn join(cx: &mut Join) -> Result<(), PhaseError> {
    let address = cx.cluster.advertise_address().to_string();
    let url = |port| format!("https://{}", join_host_port(&address, port));
    let (peer_url, client_url) = (url(ETCD_PEER_PORT), url(ETCD_CLIENT_PORT));
    let name = cx.cluster.node_name().to_owned();
    let Some(data_dir) = cx.cluster.local_etcd().map(|etcd| etcd.data_dir.0.clone()) else { return Ok(()) };
    let (node, member) = (cx.node.clone(), member_dir(&data_dir));
    let has_data = move || node.exists(&member);
    let node = cx.node.clone();
    if node.is_dry_run() {
        let mut members = vec![(name.clone(), peer_url.clone())];
        if has_data() {
            let what = format!("would look whether {name} still is a member of etcd, and keep its data if so");
            cx.notice(Level::Info, what);
            members = cx.read(&manifest_path(ETCD.name))?.as_deref().and_then(members_of).unwrap_or(members);
        } else {
            let what = format!("would add {peer_url} to etcd as a learner, start it, and have it promoted");
            cx.notice(Level::Info, what);
        }
        return start(cx, &data_dir, &Announced { members, fresh: !has_data(), stale: false }).await;
    }
    let api = connect(cx)?;
    let etcd = members(cx, &api).await?;
    let tell = teller(cx);
    let session = Session {
        node: &node,
        api: Some(&api),
        etcd: &etcd,
        holder: &name,
        patience: Patience::new(cx.cluster.deadlines().etcd_api),
        tell: &tell,
    };
    let me = Newcomer { name: &name, peer_url: &peer_url, client_url: &client_url, has_data: &has_data };
    let starting: &mut Join = cx;
    etcd_members::join(&session, &me, async |announced: &Announced| start(starting, &data_dir, announced).await)
        .await?;
    for component in std::mem::take(&mut cx.waiting) {
        manifests::write(cx, component, PodContext::default()).await?;
    }
    cx.put_in_place()
}

/// Has the kubelet start it.
async fn start(cx: &mut Join, data_dir: &str, announced: &Announced) -> Result<(), PhaseError> {
    let path = manifest_path(ETCD.name);
    let before = cx.read(&path)?;
    if announced.stale {
        remove_old(cx, data_dir, before.as_deref()).await?;
    }
    cx.node.ensure_dir(data_dir, 0o700)?;
    let context = PodContext { etcd_members: announced.members.clone(), ..PodContext::default() };
    manifests::write(cx, &ETCD, context).await?;
    cx.put_in_place()?;
    // A run that was killed may have come as far as this, and no further.
    let is_again = announced.fresh && cx.resumed.is_some();
    let is_another = before.is_some() && before != cx.read(&path)?;
    if (is_again || is_another) && cx.cluster.local_kubelet_kubeconfig() {
        // It ends no pod before it has seen the API server, and starts none while another one of its name has not ended:
        // this node's API server waits for just this etcd.
        cx.progress("kubelet", "another etcd is to run than an earlier run has started: starting the kubelet anew");
        kubelet::restart_if(cx, true).await.map_err(PhaseError::from)?;
    }
    Ok(())
}

/// Removes what an etcd of an earlier attempt has left, and only that: what lies beside it stays.
async fn remove_old(cx: &mut Join, data_dir: &str, manifest: Option<&[u8]>) -> Result<(), PhaseError> {
    // One that founds a cluster may have the only copy of its data, whatever the journal knows of earlier.
    let founds = manifest.is_some_and(|manifest| !String::from_utf8_lossy(manifest).contains(JOINS));
    if founds || !has_own_etcd(cx) {
        return Err(JoinError::ForeignData { data_dir: data_dir.to_owned() }.into());
    }
    cx.notice(Level::Warning, format!("{data_dir} holds data of a member that is no more: they are removed"));
    let data = member_dir(data_dir);
    // From here on the manifest does not say any more whose they are, and a run may fail before they are gone.
    let ours = Change { path: data.clone(), kind: ChangeKind::Created, diff: None, secret: false, object: None };
    cx.remember(&[ours]);
    // The journal says so no earlier than that etcd is to run again: cut off, the next run knows it for its own.
    cx.node.remove(&manifest_path(ETCD.name))?;
    if !cx.node.is_dry_run() {
        end_old(cx).await?;
    }
    let kept = cx.node.empty_dir(&data, &Spare::default())?.kept;
    if !kept.is_empty() {
        return Err(JoinError::DataStay { kept }.into());
    }
    cx.node.remove(&data)?;
    Ok(())
}

/// Ends an etcd of an earlier attempt. One that ends by itself and is started again, and again, would write into the
/// directory after it has been emptied. Its manifest may have gone with a run that was cut off here.
async fn end_old(cx: &Join) -> Result<(), PhaseError> {
    let (node, socket) = (cx.node.clone(), cx.cluster.node().cri_socket.clone());
    let look = || stop_running(node.clone(), socket.clone());
    Ok(until_ended(ENDING, UNHEARD, look).await?)
}

/// Has every etcd in a container end, and says which there were.
async fn stop_running(node: Node, socket: String) -> Result<Vec<String>, CriError> {
    let cri = node.cri(&socket, RUNTIME).await?;
    let mut running =
        cri.list_containers(&[(POD_NAMESPACE_LABEL, "kube-system"), (CONTAINER_NAME_LABEL, ETCD.name)]).await?;
    running.retain(|container| container.state == ContainerState::Running);
    for container in &running {
        // It may have ended meanwhile.
        cri.stop_container(&container.id, GRACE).await.ok();
    }
    Ok(running.into_iter().map(|container| container.id).collect())
}

/// Looks again and again, until nothing has run for once after `unheard`, at most for `ending`. That nobody can say what
/// runs does not mean that nothing does.
async fn until_ended<F: Future<Output = Result<Vec<String>, CriError>>>(
    ending: Duration,
    unheard: Duration,
    mut look: impl FnMut() -> F,
) -> Result<(), JoinError> {
    let begun = Instant::now();
    loop {
        let waited = begun.elapsed();
        let error = match look().await {
            Ok(running) if running.is_empty() && waited >= unheard => return Ok(()),
            Ok(running) if running.is_empty() => None,
            Ok(running) => Some(JoinError::EtcdRuns { containers: running, waited }),
            Err(source) => Some(JoinError::CannotTell { source }),
        };
        if let Some(error) = error.filter(|_| waited >= ending) {
            return Err(error);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Name and peer URL of every member, as a manifest has them.
fn members_of(manifest: &[u8]) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(manifest);
    let members = text.lines().find_map(|line| line.trim().strip_prefix("- --initial-cluster="))?;
    members.split(',').map(|member| member.split_once('=').map(|(name, url)| (name.into(), url.into()))).collect()
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    fn cannot() -> CriError {
        CriError::Endpoint { socket: "x".into() }
    }

    #[tokio::test]
    async fn an_old_etcd_has_ended_when_somebody_says_so() {
        let mut answers = vec![Ok(vec![]), Err(cannot()), Ok(vec!["abc".to_owned()]), Err(cannot())];
        until_ended(ENDING, NO_TIME, || ready(answers.pop().expect("another look"))).await.expect("it has ended");
        assert!(answers.is_empty(), "it was looked until then");
        let error = until_ended(NO_TIME, NO_TIME, || ready(Ok(vec!["abc".to_owned()]))).await.expect_err("it runs on");
        assert!(error.to_string().contains("abc"), "{error}");
        let error = until_ended(NO_TIME, NO_TIME, || ready(Err(cannot()))).await.expect_err("who knows");
        assert!(matches!(error, JoinError::CannotTell { .. }) && error.hint().is_some(), "{error}");
    }

    #[test]
    fn a_manifest_says_who_the_members_are() {
        let manifest = b"  - --initial-advertise-peer-urls=https://b\n  - --initial-cluster=a=https://a,b=https://b\n";
        let named = members_of(manifest).expect("members");
        assert_eq!(named, [("a".into(), "https://a".into()), ("b".into(), "https://b".into())]);
        assert_eq!(members_of(b"of somebody else"), None);
    }
}
