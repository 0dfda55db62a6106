//! Phase `kubelet-finalize/approve-serving-certificate`: with `serverTLSBootstrap` the kubelet asks the cluster for its
//! serving certificate, and nothing in the cluster approves it. Until somebody does, `kubectl logs` and `kubectl exec`
//! fail on this node. kubeadm leaves it to the administrator; here it is judged (see [`crate::serving`]) and approved.
//! That it cannot be is a warning, whatever the cause: the node works otherwise, and it can be made up for.

use std::time::Duration;

use kubephase_engine::{Level, Phase};
use kubephase_model::cluster::arg_value;
use kubephase_model::layout;

use super::Init;
use crate::error::PhaseError;
use crate::serving::{self, Approvals, Outcome, Patience};

/// The kubelet asks as soon as its Node has addresses, a few seconds after it has registered. What is refused may be the
/// request of an earlier run: init is not kept for long by it.
const PATIENCE: Patience = Patience { whole: Duration::from_secs(60), refused: Duration::from_secs(10) };

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
    // A kubelet that has one asks only when that is about to end: an init that is run again need not wait.
    let named = arg_value(&cx.cluster.node().kubelet_extra_args, "cert-dir").unwrap_or(layout::KUBELET_PKI_DIR);
    let has_one = cx.node.exists(&format!("{}/kubelet-server-current.pem", named.trim_end_matches('/')));
    let patience = if has_one { Patience::default() } else { PATIENCE };
    match serving::approve(&cx.node, &api, std::slice::from_ref(&name), patience).await {
        Ok(mut found) => {
            if has_one {
                found.missing.clear();
            }
            tell(cx, &name, found);
        }
        // The client has been patient with what passes.
        Err(error) => cx.notice(
            Level::Warning,
            format!(
                "the kubelet's serving certificate is not approved: {}; approve it later with \
                 `kubephase certs approve-serving {name}`",
                serving::plain(&error.to_string()),
            ),
        ),
    }
    Ok(())
}

fn tell(cx: &mut Init, name: &str, found: Approvals) {
    for asked in found.asked {
        let request = serving::plain(&asked.name);
        match asked.outcome {
            Outcome::Approved => cx.notice(Level::Info, format!("approved {request} for the node {name}")),
            Outcome::Refused(reasons) => cx.notice(
                Level::Warning,
                format!(
                    "{request} is not approved: {}; if it is right, approve it with `kubectl certificate approve {request}`",
                    reasons.join("; "),
                ),
            ),
        }
    }
    if !found.missing.is_empty() {
        let waited = PATIENCE.whole.as_secs();
        cx.notice(
            Level::Warning,
            format!(
                "the kubelet has not asked for a serving certificate within {waited} s; once it has, approve it with \
                 `kubephase certs approve-serving {name}`"
            ),
        );
    }
}
