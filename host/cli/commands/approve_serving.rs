//! `certs approve-serving`.

use std::time::Duration;

use kubephase_node::{Node, ScratchDir};
use kubephase_render::yaml;
use kubephase_workflow::serving::{self, Approvals, Outcome as Decided, Patience, plain};
use kubephase_workflow::{PhaseError, cluster};
use serde_json::{Value, json};

use crate::args::approve_serving::ApproveServingArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::printer::{err, out};

pub fn run(args: &ApproveServingArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let kubeconfig = cluster::find_kubeconfig(&host, args.kubeconfig.as_deref());
    let wait = args.wait.map(|wait| Duration::from_secs(wait.as_secs().unsigned_abs()));
    let patience = Patience::whole(wait.unwrap_or_default());
    let scratch = args.dry_run().then(|| ScratchDir::new("kubephase-approve-")).transpose();
    let scratch = scratch.map_err(|error| Failure::machine(error, None))?;
    let node = scratch.as_ref().map_or(host, |scratch| Node::dry_run(scratch.path()));
    let found = input::until_interrupted(async {
        let api = cluster::connect(&node, &kubeconfig).map_err(failure)?;
        serving::approve(&node, &api, &args.nodes, patience).await.map_err(|error| failure(error.into()))
    })?;
    tell(&found, args.dry_run(), global);
    judgement(&found, global)
}

fn tell(found: &Approvals, dry_run: bool, global: &Global) {
    match global.output {
        Output::Text => {
            for asked in &found.asked {
                // Whoever sent the request may have chosen these.
                let node = asked.node.as_deref().map_or("nobody known".into(), plain);
                let name = plain(&asked.name);
                match &asked.outcome {
                    Decided::Approved if dry_run => out(&format!("{name} of {node}: would be approved\n")),
                    Decided::Approved => out(&format!("{name} of {node}: approved\n")),
                    Decided::Refused(reasons) => {
                        out(&format!("{name} of {node}: not approved\n"));
                        reasons.iter().for_each(|reason| out(&format!("  {reason}\n")));
                    }
                }
            }
            if found.asked.is_empty() && found.missing.is_empty() {
                err("no node waits for a serving certificate\n");
            }
        }
        Output::Json => out(&format!("{:#}\n", document(found, dry_run))),
        Output::Yaml => out(&yaml(&document(found, dry_run))),
    }
}

fn document(found: &Approvals, dry_run: bool) -> Value {
    let requests: Vec<Value> = found
        .asked
        .iter()
        .map(|asked| {
            let reasons = match &asked.outcome {
                Decided::Approved => &[][..],
                Decided::Refused(reasons) => reasons,
            };
            let approve = asked.outcome == Decided::Approved;
            json!({
                "name": asked.name,
                "node": asked.node,
                "verdict": if approve { "approve" } else { "refuse" },
                "approved": approve && !dry_run,
                "reasons": reasons,
            })
        })
        .collect();
    json!({ "requests": requests, "missing": found.missing })
}

/// It is an error if anything that was asked for is not so.
fn judgement(found: &Approvals, global: &Global) -> Outcome {
    let refused = found.asked.iter().filter(|asked| asked.outcome != Decided::Approved).count();
    let mut wrong = Vec::new();
    if refused > 0 {
        wrong.push(format!("{refused} of {} requests not approved", found.asked.len()));
    }
    if !found.missing.is_empty() {
        wrong.push(format!("no request of {}", found.missing.join(", ")));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let hint = if refused > 0 {
        "if a request is right nevertheless, approve it with `kubectl certificate approve`; a Node gets its addresses \
         some seconds after it has registered"
    } else {
        "the kubelet asks only with `serverTLSBootstrap: true` in its configuration; `--wait 1m` waits for it"
    };
    Err(Failure::Machine {
        error: format!("approving serving certificates: {}", wrong.join("; ")).into(),
        hint: Some(hint.to_owned()),
        // A document on standard output says it all.
        told: global.output != Output::Text,
    })
}

fn failure(error: PhaseError) -> Failure {
    let hint = error.hint().map(String::from);
    Failure::machine(error, hint)
}
