//! Approving what the judge lets pass: once, or until those that are wanted have been.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, NODE, ObjectRef};
use kubephase_model::time::rfc3339;
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError, Select};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::judge::{SIGNER, Verdict, judge_among, node_of};
use super::reserved::Reserved;

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

/// How long is waited; not at all by default. A dry run should not: nothing comes to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// In all.
    pub whole: Duration,
    /// Once all that is lacking is good: what was refused may become so, because a Node gets its addresses a moment after
    /// its kubelet has asked, or be followed by another request.
    pub refused: Duration,
}

impl Patience {
    /// That long, whatever is there.
    pub fn whole(whole: Duration) -> Self {
        Self { whole, refused: whole }
    }
}

/// Approves what is pending of the nodes that are named, or of all if none is. It looks again until every named node has
/// an approved request (without names: until there is one and no node has only refused ones), or patience ends.
pub async fn approve(node: &Node, api: &Api, names: &[String], patience: Patience) -> Result<Approvals, ApiError> {
    let begin = Instant::now();
    let mut all = Approvals::default();
    // Since when nothing but refused requests keeps it.
    let mut refused_since = None;
    loop {
        let round = round(node, api, names).await?;
        for asked in round.found.asked {
            // Judged again in a later round, it may have become good: the Node has got its addresses.
            all.asked.retain(|known| known.name != asked.name);
            all.asked.push(asked);
        }
        all.missing = round.found.missing;
        let next = Instant::now() + PAUSE;
        let done = match standing(names, &round.approved, &all) {
            Standing::Done => true,
            Standing::Refused => next > *refused_since.get_or_insert(Instant::now()) + patience.refused,
            Standing::Lacking => {
                refused_since = None;
                false
            }
        };
        if done || next > begin + patience.whole {
            all.asked.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

enum Standing {
    Done,
    /// Everybody has asked, but some have only requests that were refused.
    Refused,
    /// Somebody has not asked.
    Lacking,
}

/// An old request that was refused does not matter beside one of the same node that was approved.
fn standing(names: &[String], before: &BTreeSet<String>, found: &Approvals) -> Standing {
    let is_approved = |asked: &&Asked| asked.outcome == Outcome::Approved;
    let now = found.asked.iter().filter(is_approved).filter_map(|asked| asked.node.as_deref());
    let approved: BTreeSet<&str> = now.chain(before.iter().map(String::as_str)).collect();
    let only_refused = found.asked.iter().any(|asked| match &asked.node {
        _ if asked.outcome == Outcome::Approved => false,
        Some(node) => !approved.contains(node.as_str()),
        None => true,
    });
    let lacking = if names.is_empty() { found.asked.is_empty() } else { !found.missing.is_empty() };
    match (lacking, only_refused) {
        (true, _) => Standing::Lacking,
        (false, true) => Standing::Refused,
        (false, false) => Standing::Done,
    }
}

struct Round {
    found: Approvals,
    /// Nodes that had an approved request before.
    approved: BTreeSet<String>,
}

async fn round(node: &Node, api: &Api, names: &[String]) -> Result<Round, ApiError> {
    let select = Select { fields: &format!("spec.signerName={SIGNER}"), ..Select::default() };
    let wanted = |csr: &Value| names.is_empty() || names.iter().any(|name| node_of(csr) == Some(name));
    let mut requests = api.list(&CERTIFICATE_SIGNING_REQUEST, None, select).await?;
    requests.retain(wanted);
    let approved = requests.iter().filter(|csr| is_approved(csr)).filter_map(|csr| node_of(csr).map(str::to_owned));
    let approved: BTreeSet<String> = approved.collect();
    requests.retain(is_pending);
    let mut asked = Vec::new();
    if !requests.is_empty() {
        let nodes = api.list(&NODE, None, Select::default()).await?;
        let reserved = Reserved::read(api).await;
        let reserved = reserved.as_ref().map_err(String::as_str);
        for csr in requests {
            let name = csr.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let sender = node_of(&csr).map(str::to_owned);
            let outcome = match judge_among(&csr, &nodes, reserved) {
                Verdict::NotOurs(_) => continue,
                Verdict::Refuse(reasons) => Outcome::Refused(reasons),
                // Somebody has changed or removed it meanwhile: it is judged anew, if it still is to be.
                Verdict::Approve if !grant(api, &name, csr, node.now()).await? => continue,
                Verdict::Approve => Outcome::Approved,
            };
            asked.push(Asked { name, node: sender, outcome });
        }
    }
    let seen = |name: &String| approved.contains(name) || asked.iter().any(|asked| asked.node.as_ref() == Some(name));
    let missing = names.iter().filter(|name| !seen(name)).cloned().collect();
    Ok(Round { found: Approvals { asked, missing }, approved })
}

fn is_approved(csr: &Value) -> bool {
    conditions(csr).any(|condition| condition["type"] == "Approved")
}

/// Requests that are decided are not to be judged: the rest need not be read for them.
fn is_pending(csr: &Value) -> bool {
    conditions(csr).next().is_none()
}

fn conditions(csr: &Value) -> impl Iterator<Item = &Value> {
    csr.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten()
}

/// Approves exactly the version that was judged. False if it is not that version any more.
async fn grant(api: &Api, name: &str, mut csr: Value, now: SystemTime) -> Result<bool, ApiError> {
    let condition = approval(node_of(&csr).unwrap_or_default(), now);
    match csr.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        Some(conditions) => conditions.push(condition.clone()),
        None => csr["status"] = json!({ "conditions": [condition] }),
    }
    let name = ObjectRef::new(&CERTIFICATE_SIGNING_REQUEST, None, name);
    match api.update_subresource(&name, "approval", &csr).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(404) => Ok(false),
        // If the answer to the first attempt was lost, the second one meets what the first has written.
        Err(error) if error.code() == Some(409) => {
            let found = api.get(&name).await?;
            Ok(found
                .is_some_and(|found| found["metadata"]["uid"] == csr["metadata"]["uid"] && carries(&found, &condition)))
        }
        Err(error) => Err(error),
    }
}

/// Whether a request has this condition; who signs it may have added times.
fn carries(csr: &Value, condition: &Value) -> bool {
    let same = |field: &str, other: &Value| other[field] == condition[field];
    conditions(csr)
        .any(|other| ["type", "status", "reason", "message", "lastUpdateTime"].iter().all(|field| same(field, other)))
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
