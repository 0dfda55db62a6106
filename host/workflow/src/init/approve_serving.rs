//! Phase `kubelet-finalize/approve-serving-certificate`: with `serverTLSBootstrap` the kubelet asks the cluster for its
//! serving certificate, and nothing in the cluster approves it. Until somebody does, `kubectl logs` and `kubectl exec`
//! fail on this node. kubeadm leaves it to the administrator; here it is judged (see [`crate::serving`]) and approved.
//! That it cannot be is a warning: the node works otherwise.

use std::time::Duration;

use kubephase_engine::{Level, Phase};

use super::Init;
use crate::error::PhaseError;
use crate::serving::{self, Outcome};

/// The kubelet asks as soon as its Node has addresses, a few seconds after it has registered.
const PATIENCE: Duration = Duration::from_secs(60);

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run(
        "approve-serving-certificate",
        "Approve the kubelet's serving certificate, if it asks the cluster for one and for its own names only",
        |cx: &mut Init| Box::pin(run(cx)),
    )
    .unless(|cx| {
        let asks = cx.cluster.kubelet.get("serverTLSBootstrap").is_some_and(|value| value == true);
        (!asks).then(|| "the kubelet signs its own: serverTLSBootstrap is not set".to_owned())
    })
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let name = cx.cluster.node_name().to_owned();
    if cx.node.is_dry_run() {
        // No kubelet asks for anything.
        cx.notice(
            Level::Info,
            "would approve the kubelet's request for a serving certificate, if it passes every rule",
        );
        return Ok(());
    }
    let api = cx.api().await?;
    let found = serving::approve(&cx.node, &api, std::slice::from_ref(&name), Some(PATIENCE)).await?;
    for asked in found.asked {
        match asked.outcome {
            Outcome::Approved => cx.notice(Level::Info, format!("approved {} for the node {name}", asked.name)),
            Outcome::Refused(reasons) => cx.notice(
                Level::Warning,
                format!(
                    "{} is not approved: {}; if it is right, approve it with `kubectl certificate approve {}`",
                    asked.name,
                    reasons.join("; "),
                    asked.name
                ),
            ),
        }
    }
    if !found.missing.is_empty() {
        let waited = PATIENCE.as_secs();
        cx.notice(
            Level::Warning,
            format!(
                "the kubelet has not asked for a serving certificate within {waited} s; once it has, approve it with \
                 `kubephase certs approve-serving {name}`"
            ),
        );
    }
    Ok(())
}
