//! Certificate signing requests: those by which nodes get client certificates are approved (kube-controller-manager's
//! `csrapproving`), approved ones are signed (its `csrsigning`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::config::duration::GoDuration;
use kubephase_pki::{AltNames, Request, Serial, SigningRequest, Usage, Validity, issue_for};
use serde_json::{Value, json};

use super::snapshot::{number, text};
use super::{View, Wish};
use crate::clock::stamp;
use crate::kinds::CERTIFICATE_SIGNING_REQUEST;

const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// What a certificate is valid for if nothing is asked: `--cluster-signing-duration`.
const DURATION: i64 = 365 * 24 * 3600;
/// Nothing shorter is given.
const SHORTEST: i64 = 600;

/// Approves what nodes need, if whoever asks may have it.
pub fn approve(view: &View<'_>) -> Vec<Wish> {
    let open = view
        .objects
        .of(&CERTIFICATE_SIGNING_REQUEST)
        .filter(|request| text(request, "/spec/signerName") == KUBELET_CLIENT && conditions(request).next().is_none());
    open.filter_map(|request| judge(view, request)).collect()
}

fn judge(view: &View<'_>, request: &Value) -> Option<Wish> {
    let asked = read(request)?;
    if !is_node_client(&asked, request) {
        return None;
    }
    let user = text(request, "/spec/username");
    let own = asked.common_names.first().is_some_and(|name| name == user);
    // The first that fits and is allowed, as `sarApprover` tries them.
    let ways = [(own, "selfnodeclient", "self kubelet"), (true, "nodeclient", "kubelet")];
    let groups: Vec<String> = strings(request, "/spec/groups");
    let (_, _, whose) =
        ways.into_iter().find(|(fits, resource, _)| *fits && (view.may_request)(user, &groups, resource))?;
    let message = format!("Auto approving {whose} client certificate after SubjectAccessReview.");
    let mut approved = request.clone();
    approved["status"]["conditions"] = json!([condition(view, "Approved", "AutoApproved", &message)]);
    Some(Wish::Update(approved))
}

/// `isNodeClientCert`.
fn is_node_client(asked: &SigningRequest, request: &Value) -> bool {
    let usages = strings(request, "/spec/usages");
    asked.organizations == ["system:nodes"]
        && asked.common_names.first().is_some_and(|name| name.starts_with("system:node:"))
        && asked.dns.is_empty()
        && asked.ips.is_empty()
        && asked.others.is_empty()
        && usages.iter().any(|usage| usage == "client auth")
        && usages.iter().all(|usage| ["digital signature", "key encipherment", "client auth"].contains(&usage.as_str()))
}

/// `isNodeServingCert`.
fn is_node_serving(asked: &SigningRequest, request: &Value) -> bool {
    let usages = strings(request, "/spec/usages");
    asked.organizations == ["system:nodes"]
        && asked.common_names.first().is_some_and(|name| name.starts_with("system:node:"))
        && !(asked.dns.is_empty() && asked.ips.is_empty())
        && asked.others.is_empty()
        && usages.iter().any(|usage| usage == "server auth")
        && usages.iter().all(|usage| ["digital signature", "key encipherment", "server auth"].contains(&usage.as_str()))
}

/// Signs what is approved.
pub fn sign(view: &View<'_>) -> Vec<Wish> {
    let Some(signer) = &view.setup.signer else { return Vec::new() };
    let approved = view.objects.of(&CERTIFICATE_SIGNING_REQUEST).filter(|request| {
        let is = |kind: &str| conditions(request).any(|condition| condition["type"] == kind);
        is("Approved") && !is("Failed") && !is("Denied") && text(request, "/status/certificate").is_empty()
    });
    let mut wishes = Vec::new();
    for request in approved {
        let Some(asked) = read(request) else { continue };
        let fits = match text(request, "/spec/signerName") {
            KUBELET_CLIENT => is_node_client(&asked, request),
            KUBELET_SERVING => is_node_serving(&asked, request),
            CLIENT => strings(request, "/spec/usages").iter().any(|usage| usage == "client auth"),
            // Somebody else's.
            _ => continue,
        };
        let mut signed = request.clone();
        match fits
            .then(|| wanted(view, request, &asked))
            .flatten()
            .and_then(|want| issue_for(&want, &asked.public_der, signer).ok()?.pem().ok())
        {
            Some(pem) => signed["status"]["certificate"] = json!(STANDARD.encode(pem)),
            None => {
                let mut all: Vec<Value> = conditions(request).cloned().collect();
                all.push(condition(
                    view,
                    "Failed",
                    "SignerValidationFailure",
                    "the request is not what this signer signs",
                ));
                signed["status"]["conditions"] = json!(all);
            }
        }
        wishes.push(Wish::Update(signed));
    }
    wishes
}

fn wanted(view: &View<'_>, request: &Value, asked: &SigningRequest) -> Option<Request> {
    let seconds =
        number(request, "/spec/expirationSeconds").map_or(DURATION, |seconds| seconds.clamp(SHORTEST, DURATION));
    let mut validity = Validity::backdated(view.now, GoDuration::seconds(seconds))?;
    let signer = view.setup.signer.as_ref()?.cert();
    validity.not_after = validity.not_after.min(signer.not_after);
    let usages = strings(request, "/spec/usages");
    let has = |usage: &str| usages.iter().any(|have| have == usage);
    let kinds = [(Usage::ServerAuth, "server auth"), (Usage::ClientAuth, "client auth")];
    Some(Request {
        common_name: asked.common_names.first()?.clone(),
        organizations: asked.organizations.clone(),
        usages: kinds.into_iter().filter(|(_, name)| has(name)).map(|(usage, _)| usage).collect(),
        names: AltNames::new(asked.dns.clone(), asked.ips.clone()),
        validity,
        serial: Serial::from_random(serial(view, asked)),
        marked: true,
    })
}

/// Different for every key and moment; that is all that a serial number has to be here.
fn serial(view: &View<'_>, asked: &SigningRequest) -> [u8; 8] {
    let since = view.now.duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos().to_be_bytes();
    let seed = [&since[..], &asked.public_der].concat();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &seed);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.as_ref()[..8]);
    bytes
}

fn condition(view: &View<'_>, kind: &str, reason: &str, message: &str) -> Value {
    let now = stamp(view.now);
    json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": now,
    })
}

fn conditions(request: &Value) -> impl Iterator<Item = &Value> {
    request.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten()
}

fn strings(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn read(request: &Value) -> Option<SigningRequest> {
    SigningRequest::from_pem(&STANDARD.decode(text(request, "/spec/request")).ok()?).ok()
}
