//! Phase `kubelet-wait-bootstrap`: until the kubelet is well and has a certificate of its own. Its way into the cluster
//! goes then, whatever became of it: it holds a token.

use std::time::{Duration, Instant};

use kubephase_engine::{Level, Phase};
use kubephase_model::object::CERTIFICATE_SIGNING_REQUEST;
use kubephase_node::kube::{Api, Endpoint};
use kubephase_render::kubeconfig::{Kubeconfig, Material};

use super::kubelet_start::{BOOTSTRAP_CONF, KUBELET_CONF};
use super::{Join, JoinError};
use crate::control_plane::healthy;
use crate::error::{LastAnswers, PhaseError};
use crate::kubelet;

/// How often it is looked: a file's existence costs nothing.
const LOOK: Duration = Duration::from_millis(50);
/// How often this node's API server is asked whether it lets the kubelet in.
const ASK: Duration = Duration::from_millis(100);

/// The phase.
pub fn phase() -> Phase<Join> {
    Phase::run("kubelet-wait-bootstrap", "Wait for the kubelet to get its certificate", |cx: &mut Join| {
        Box::pin(run(cx))
    })
    .unless(|cx| cx.options.plan.then(|| "a plan waits for nothing".into()))
}

async fn run(cx: &mut Join) -> Result<(), PhaseError> {
    let path = cx.kubeconfig_path(BOOTSTRAP_CONF);
    if cx.node.is_dry_run() {
        let (limit, conf) = (limit(cx), cx.kubeconfig_path(KUBELET_CONF));
        let message =
            format!("would wait at most {} s for the kubelet to write {conf}, then remove {path}", limit.as_secs());
        cx.notice(Level::Info, message);
        return Ok(());
    }
    let result = wait(cx).await;
    let removed = cx.node.remove(&path);
    // A run that was killed here has removed it, and could not say so any more.
    cx.forget(&path);
    result?;
    removed?;
    Ok(())
}

fn limit(cx: &Join) -> Duration {
    let limit = cx.cluster.deadlines().tls_bootstrap;
    cx.options.patience.map_or(limit, |patience| limit.min(patience))
}

async fn wait(cx: &mut Join) -> Result<(), PhaseError> {
    healthy::kubelet(cx).await?;
    let limit = limit(cx);
    let begun = Instant::now();
    let conf = cx.kubeconfig_path(KUBELET_CONF);
    let mut door = door(cx)?;
    let mut asked: Option<Instant> = None;
    cx.progress("kubelet", format!("waiting for its certificate in {conf}, at most {} s", limit.as_secs()));
    loop {
        let seen = match has_credentials(cx, &conf) {
            Ok(()) => {
                cx.progress("kubelet", format!("has its certificate after {:.1} s", begun.elapsed().as_secs_f64()));
                return Ok(());
            }
            Err(seen) => seen,
        };
        if begun.elapsed() >= limit {
            let diagnosis = healthy::look(cx).await.map(Box::new);
            let (waited_secs, last) = (limit.as_secs(), LastAnswers(vec![seen]));
            return Err(JoinError::NoCertificate { waited_secs, diagnosis, last }.into());
        }
        if let Some(api) = &door
            && asked.is_none_or(|asked| asked.elapsed() >= ASK)
        {
            asked = Some(Instant::now());
            if api.may_create(&CERTIFICATE_SIGNING_REQUEST).await {
                door = None;
                cx.progress("kubelet", "this node's API server lets it in: starting it anew, for it to ask at once");
                kubelet::restart_if(cx, true).await.ok();
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// This node's API server as the kubelet comes to it, if that is where it goes. It has been there before the server, and
/// asks again only after pauses that double up to half a minute.
fn door(cx: &Join) -> Result<Option<Api>, PhaseError> {
    if !(cx.is_control_plane() && cx.cluster.local_kubelet_kubeconfig()) {
        return Ok(None);
    }
    let local = Endpoint {
        server: cx.cluster.local_api_url(),
        tls_server_name: None,
        proxy: None,
        ..cx.discovered.endpoint.clone()
    };
    Ok(Some(cx.node.api(&local)?))
}

/// Whether a client can be made of the file.
fn has_credentials(cx: &Join, conf: &str) -> Result<(), String> {
    let Some(bytes) = cx.read(conf).map_err(|error| error.to_string())? else {
        return Err(format!("{conf} does not exist"));
    };
    let fail = |error: kubephase_render::kubeconfig::KubeconfigError| format!("{conf}: {error}");
    let found = Kubeconfig::parse(&bytes).map_err(fail)?;
    for material in [found.client_certificate().map_err(fail)?, found.client_key().map_err(fail)?] {
        match material {
            Some(Material::Inline(_)) => {}
            Some(Material::Path(file)) if cx.node.exists(&file) => {}
            Some(Material::Path(file)) => return Err(format!("{file}, which {conf} names, does not exist")),
            None => return Err(format!("{conf} names no client certificate")),
        }
    }
    Ok(())
}
