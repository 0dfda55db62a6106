//! Phases `check-etcd` and `etcd-join`: this node's etcd becomes a member of the cluster's.

use std::time::{Duration, Instant};

use kubephase_engine::{Event, Level, Phase};
use kubephase_model::layout::{ETCD_CLIENT_PORT, ETCD_PEER_PORT};
use kubephase_model::names::join_host_port;
use kubephase_node::cri::{CONTAINER_NAME_LABEL, ContainerState, POD_NAMESPACE_LABEL};
use kubephase_node::kube::Api;
use kubephase_node::{Etcd, Spare};
use kubephase_render::static_pod::{ETCD, PodContext, manifest_path};

use super::{Join, only_control_plane};
use crate::cluster;
use crate::control_plane::manifests;
use crate::error::PhaseError;
use crate::etcd_members::{self, Announced, Newcomer, Patience, Session};
use crate::kubelet;

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
    if cx.node.is_dry_run() {
        cx.notice(Level::Info, format!("would add {peer_url} to etcd as a learner, start it, and have it promoted"));
        let members = vec![(name, peer_url)];
        return start(cx, &data_dir, &Announced { members, fresh: true }).await;
    }
    let api = connect(cx)?;
    let etcd = members(cx, &api).await?;
    let (node, tell) = (cx.node.clone(), teller(cx));
    let session = Session {
        node: &node,
        api: Some(&api),
        etcd: &etcd,
        holder: &name,
        patience: Patience::new(cx.cluster.deadlines().etcd_api),
        tell: &tell,
    };
    let has_data = node.exists(&format!("{data_dir}/member"));
    let me = Newcomer { name: &name, peer_url: &peer_url, client_url: &client_url, has_data };
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
    if announced.fresh && cx.node.exists(&format!("{data_dir}/member")) {
        cx.notice(Level::Warning, format!("{data_dir} holds data of a member that is no more: they are removed"));
        end_old(cx).await?;
        cx.node.empty_dir(data_dir, &Spare::default()).map_err(PhaseError::from)?;
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

/// Ends an etcd of an earlier attempt. One that ends by itself and is started again, and again, would write into the
/// directory after it has been emptied.
async fn end_old(cx: &mut Join) -> Result<(), PhaseError> {
    let manifest = manifest_path(ETCD.name);
    if !cx.node.exists(&manifest) {
        return Ok(());
    }
    cx.node.remove(&manifest)?;
    cx.put_in_place()?;
    // Without a runtime that answers nothing runs.
    let Ok(cri) = cx.node.cri(&cx.cluster.node().cri_socket, RUNTIME).await else { return Ok(()) };
    let labels = [(POD_NAMESPACE_LABEL, "kube-system"), (CONTAINER_NAME_LABEL, ETCD.name)];
    let begun = Instant::now();
    while begun.elapsed() < ENDING {
        let mut running = cri.list_containers(&labels).await.unwrap_or_default();
        running.retain(|container| container.state == ContainerState::Running);
        if running.is_empty() && begun.elapsed() >= UNHEARD {
            break;
        }
        for container in running {
            // It may have ended meanwhile.
            cri.stop_container(&container.id, GRACE).await.ok();
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Ok(())
}
