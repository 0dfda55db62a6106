//! Pods of the kubelet, with their containers, go from the container runtime. What others had it run stays.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use kubephase_engine::{Event, Level};
use kubephase_node::Cri;
use kubephase_node::cri::Sandbox;

use super::Reset;

/// Killing containers and undoing their network takes its time.
const CALL: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// A runtime does several at a time.
const AT_ONCE: usize = 8;

/// Stops and removes them all. A runtime that does not answer, or keeps some, is told and no failure.
pub async fn remove(cx: &mut Reset) {
    let socket = cx.config.cri_socket.clone();
    let cri = match cx.node.cri(&socket, CALL).await {
        Ok(cri) => cri,
        Err(error) => return warn(cx, "its pods, if there are any, go on running", &error),
    };
    let all = match cri.list_sandboxes(&[]).await {
        Ok(all) => all,
        Err(error) => return warn(cx, "its pods, if there are any, go on running", &error),
    };
    let (ours, others): (Vec<Sandbox>, Vec<Sandbox>) = all.into_iter().partition(|sandbox| sandbox.of_kubelet);
    for other in &others {
        let what = format!("the pod {}/{} ({})", other.namespace, other.name, other.id);
        cx.leave_alone(&what, "the kubelet has not made it");
    }
    let (sink, path) = (cx.options.sink.clone(), cx.path().to_owned());
    let dry = cx.node.is_dry_run();
    let calls: Vec<_> = ours
        .into_iter()
        .map(|sandbox| {
            let (cri, sink, path) = (cri.clone(), sink.clone(), path.clone());
            async move {
                let result = one(&cri, &sandbox, dry).await;
                if result.is_ok() {
                    let item = format!("{}/{}", sandbox.namespace, sandbox.name);
                    sink(Event::Progress { path, item, message: "stopped and removed".into() });
                }
                (sandbox, result)
            }
        })
        .collect();
    let results: Vec<_> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    for (sandbox, result) in results {
        if let Err(error) = result {
            warn(cx, &format!("the pod {}/{} ({}) stays", sandbox.namespace, sandbox.name, sandbox.id), &error);
        }
    }
}

async fn one(cri: &Cri, sandbox: &Sandbox, dry: bool) -> Result<(), kubephase_node::CriError> {
    let mut attempt = 1;
    loop {
        // What has stopped already may be removed all the same.
        let stopped = cri.stop_sandbox(&sandbox.id).await;
        let removed = match stopped {
            Ok(()) => cri.remove_sandbox(&sandbox.id).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => return Ok(()),
            Err(error) if attempt == ATTEMPTS || dry => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        attempt += 1;
    }
}

fn warn(cx: &Reset, what: &str, error: &kubephase_node::CriError) {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    cx.notice(Level::Warning, format!("{what}: {error}{cause}"));
}
