//! Bootstrap tokens: those that have ended are removed (kube-controller-manager's `tokencleaner`), those that may sign
//! vouch for `cluster-info` (its `bootstrapsigner`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_render::jws;
use serde_json::{Value, json};

use super::snapshot::{is_going, text};
use super::{View, Wish};
use crate::clock;
use crate::kinds::{CONFIG_MAP, SECRET};

const SIGNATURE: &str = "jws-kubeconfig-";

/// Removes tokens whose time is over.
pub fn clean(view: &View<'_>) -> Vec<Wish> {
    let over = tokens(view).filter(|token| is_over(token, view) && !is_going(token));
    over.map(|token| Wish::Delete(token.clone())).collect()
}

/// Keeps one signature for every token that may sign, and no other.
pub fn sign(view: &View<'_>) -> Vec<Wish> {
    let Some(info) = view.objects.get(&CONFIG_MAP, "kube-public", "cluster-info") else { return Vec::new() };
    let Some(kubeconfig) = info["data"]["kubeconfig"].as_str() else { return Vec::new() };
    let wanted: BTreeMap<String, String> = tokens(view)
        .filter(|token| !is_over(token, view) && field(token, "usage-bootstrap-signing").as_deref() == Some("true"))
        .filter_map(|token| {
            let (id, secret) = (field(token, "token-id")?, field(token, "token-secret")?);
            // A token is found by its name: one that says it is another does not count.
            (text(token, "/metadata/name") == format!("bootstrap-token-{id}"))
                .then(|| (format!("{SIGNATURE}{id}"), jws::sign(&id, &secret, kubeconfig)))
        })
        .collect();
    let mut signed = info.clone();
    let Some(data) = signed["data"].as_object_mut() else { return Vec::new() };
    data.retain(|key, _| !key.starts_with(SIGNATURE) || wanted.contains_key(key));
    data.extend(wanted.into_iter().map(|(key, signature)| (key, json!(signature))));
    if signed == *info { Vec::new() } else { vec![Wish::Update(signed)] }
}

fn tokens<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Value> {
    let secrets = view.objects.inside(&SECRET, "kube-system");
    secrets.filter(|secret| secret["type"] == "bootstrap.kubernetes.io/token")
}

/// What cannot be read counts as over; what is not there never is.
fn is_over(token: &Value, view: &View<'_>) -> bool {
    field(token, "expiration").is_some_and(|end| clock::read(&end).is_none_or(|end| end <= view.now))
}

fn field(token: &Value, name: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(token["data"].get(name)?.as_str()?).ok()?).ok()
}
