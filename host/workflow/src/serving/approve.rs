//! Approving what the judge lets pass: once, or until those that are wanted have been.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, NODE, ObjectRef};
use kubephase_model::time::rfc3339;
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError, Select};
use serde_json::{Value, json};

use super::judge::{SIGNER, Verdict, judge_among, node_of};

/// How often is looked for new requests while waiting.
const PAUSE: Duration = Duration::from_secs(1);

/// A request that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name of the CertificateSigningRequest.
    pub name: String,
    /// The node that sent it.
    pub node: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is approved now, or in a dry run would be.
    Approved,
    /// It breaks these rules. It is left pending: to deny it is the administrator's decision.
    Refused(Vec<String>),
}

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Requests that were pending, by name.
    pub asked: Vec<Asked>,
    /// Wanted nodes that have nothing pending and had nothing approved before.
    pub missing: Vec<String>,
}

/// Approves what is pending of the nodes that are named, or of all if none is. With `wait` it looks again, until every
/// named node has an approved request (without names: any) and none is refused, or the time is over. A dry run should
/// not wait: nothing comes to it.
pub async fn approve(node: &Node, api: &Api, names: &[String], wait: Option<Duration>) -> Result<Approvals, ApiError> {
    let end = tokio::time::Instant::now() + wait.unwrap_or_default();
    let mut all = Approvals::default();
    loop {
        let round = round(node, api, names).await?;
        let refused = round.asked.iter().any(|asked| matches!(asked.outcome, Outcome::Refused(_)));
        for asked in round.asked {
            // Judged again in a later round, it may have become good: the Node has got its addresses.
            all.asked.retain(|known| known.name != asked.name);
            all.asked.push(asked);
        }
        all.missing = round.missing;
        let approved = all.asked.iter().any(|asked| asked.outcome == Outcome::Approved);
        let done = if names.is_empty() { approved } else { all.missing.is_empty() };
        let late = tokio::time::Instant::now() + PAUSE > end;
        if late || (done && !refused) {
            all.asked.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn round(node: &Node, api: &Api, names: &[String]) -> Result<Approvals, ApiError> {
    let select = Select { fields: &format!("spec.signerName={SIGNER}"), ..Select::default() };
    let wanted = |csr: &Value| names.is_empty() || names.iter().any(|name| node_of(csr) == Some(name));
    let mut requests = api.list(&CERTIFICATE_SIGNING_REQUEST, None, select).await?;
    requests.retain(wanted);
    let nodes = if requests.is_empty() { Vec::new() } else { api.list(&NODE, None, Select::default()).await? };
    let mut asked = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for csr in requests {
        let name = csr.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let sender = node_of(&csr).map(str::to_owned);
        let outcome = match judge_among(&csr, &nodes) {
            Verdict::NotOurs(_) => {
                if is_approved(&csr) {
                    seen.extend(sender);
                }
                continue;
            }
            Verdict::Refuse(reasons) => Outcome::Refused(reasons),
            Verdict::Approve => match grant(api, &name, csr, node.now()).await {
                Ok(()) => Outcome::Approved,
                // Somebody has changed or removed it meanwhile: it is judged anew, if it still is to be.
                Err(error) if matches!(error.code(), Some(404 | 409)) => continue,
                Err(error) => return Err(error),
            },
        };
        seen.extend(sender.clone());
        asked.push(Asked { name, node: sender, outcome });
    }
    let missing = names.iter().filter(|name| !seen.contains(*name)).cloned().collect();
    Ok(Approvals { asked, missing })
}

fn is_approved(csr: &Value) -> bool {
    let conditions = csr.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Approved")
}

/// Approves exactly the version that was judged.
async fn grant(api: &Api, name: &str, mut csr: Value, now: SystemTime) -> Result<(), ApiError> {
    let condition = approval(node_of(&csr).unwrap_or_default(), now);
    match csr.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        Some(conditions) => conditions.push(condition),
        None => csr["status"] = json!({ "conditions": [condition] }),
    }
    let name = ObjectRef::new(&CERTIFICATE_SIGNING_REQUEST, None, name);
    api.update_subresource(&name, "approval", &csr).await.map(drop)
}

fn approval(node: &str, now: SystemTime) -> Value {
    json!({
        "type": "Approved",
        "status": "True",
        "reason": "KubephaseApprovedServing",
        "message": format!("kubephase checked that all names and addresses are those of the Node {node}"),
        "lastUpdateTime": rfc3339(now),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn who_approved_and_why_is_written_down() {
        assert_eq!(
            approval("cp1", UNIX_EPOCH + Duration::from_secs(1_795_401_500)),
            json!({
                "type": "Approved",
                "status": "True",
                "reason": "KubephaseApprovedServing",
                "message": "kubephase checked that all names and addresses are those of the Node cp1",
                "lastUpdateTime": "2026-11-23T02:38:20Z",
            })
        );
    }
}
