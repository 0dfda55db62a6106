//! Whoever is not the cluster, or no longer: the program itself against servers that lie, linger or are somebody else. Each
//! is refused in time and with words of its own, nothing is written, and no secret is told to anyone.

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../../host/workflow/src/join/discovery/tests/server.rs"]
mod server;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_render::jws;
use serde_json::{Value, json};

use self::server::{Authority, Reply, Server};
use crate::served::{Desk, SECRET, TOKEN};
use crate::stage::runtime;
use crate::support::program::Outcome;

/// How long discovery may take here.
const LIMIT: Duration = Duration::from_secs(2);
/// What the program needs beside that on a machine that does much else.
const SLACK: Duration = Duration::from_secs(8);
const ID: &str = "abcdef";
/// Where the cluster says that it is.
const PUBLIC: &str = "https://cluster.example:6443";

fn kubeconfig(authorities: &[&Authority], server: &str) -> String {
    let cluster = |ca: &&Authority| json!({ "name": "", "cluster": { "certificate-authority-data": STANDARD.encode(&ca.pem), "server": server } });
    let clusters: Vec<Value> = authorities.iter().map(cluster).collect();
    json!({ "apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": null }).to_string()
}

fn info(kubeconfig: &str, signature: Option<String>) -> Reply {
    let mut data = json!({ "kubeconfig": kubeconfig });
    if let Some(signature) = signature {
        data[format!("jws-kubeconfig-{ID}")] = signature.into();
    }
    Reply::Object(json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data }))
}

fn signed(kubeconfig: &str) -> Reply {
    info(kubeconfig, Some(jws::sign(ID, SECRET, kubeconfig)))
}

/// Joins by a server that shows a certificate of `shown` and answers so, with `pinned` as what is believed; as loudly as
/// the program can.
fn join(shown: &Authority, pinned: &Authority, replies: Vec<Reply>) -> (Outcome, Desk) {
    let runtime = runtime();
    let reply = move |n: usize| replies[n.min(replies.len() - 1)].clone();
    let (server, heads) = {
        let server = runtime.block_on(Server::start(vec![shown.server("127.0.0.1")], reply));
        (server.address.clone(), server)
    };
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken:\n    token: {TOKEN}\n    \
         apiServerEndpoint: {server}\n    caCertHashes: ['{}']\nnodeRegistration: {{ignorePreflightErrors: [all]}}\n\
         timeouts: {{discovery: {}s}}\n",
        pinned.pin(),
        LIMIT.as_secs()
    );
    // The server answers while this waits for the program.
    let ended = std::thread::spawn(move || {
        let desk = Desk::new();
        let outcome = desk.join_with(&config, &["-v=10"]);
        (outcome, desk)
    });
    runtime.block_on(async {
        while !ended.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    for head in heads.heads() {
        let head = head.to_lowercase();
        assert!(!head.contains("authorization") && !head.contains(SECRET), "told who has proven nothing: {head}");
    }
    ended.join().expect("no panic")
}

#[track_caller]
fn refused(shown: &Authority, pinned: &Authority, replies: Vec<Reply>, words: &[&str]) {
    let begun = Instant::now();
    let (outcome, desk) = join(shown, pinned, replies);
    outcome.expect_code(1);
    assert!(begun.elapsed() < LIMIT + SLACK, "{:?}: {outcome}", begun.elapsed());
    for word in words.iter().chain(&["error: ", "= hint: "]) {
        assert!(outcome.err().contains(word), "{word:?} is not said: {outcome}");
    }
    let told = format!("{}{}", outcome.out(), outcome.err());
    assert!(!told.contains(SECRET), "{told}");
    assert!(!desk.path().join("scratch/etc/kubernetes").exists(), "something was written");
}

#[test]
fn a_tampered_cluster_info() {
    let ca = Authority::new("kubernetes");
    let signature = jws::sign(ID, SECRET, &kubeconfig(&[&ca], PUBLIC));
    let reply = info(&kubeconfig(&[&ca], "https://evil.example:6443"), Some(signature));
    refused(&ca, &ca, vec![reply], &["the signature by the token abcdef is not that of cluster-info", "tampered with"]);
}

#[test]
fn a_wrong_pin() {
    let [ca, another] = ["kubernetes", "kubernetes"].map(Authority::new);
    let reply = signed(&kubeconfig(&[&ca], PUBLIC));
    refused(&ca, &another, vec![reply], &["none of its authorities is pinned", &ca.pin()]);
}

#[test]
fn a_token_that_has_expired() {
    // The controller manager has taken its signature away.
    let ca = Authority::new("kubernetes");
    let reply = info(&kubeconfig(&[&ca], PUBLIC), None);
    refused(
        &ca,
        &ca,
        vec![reply],
        &["is not signed with the token abcdef after", "has expired, was revoked", "kubephase token create"],
    );
}

#[test]
fn a_token_that_is_revoked_while_it_is_used() {
    let ca = Authority::new("kubernetes");
    let text = kubeconfig(&[&ca], PUBLIC);
    refused(&ca, &ca, vec![signed(&text), info(&text, None)], &["is not signed with the token abcdef", "revoked"]);
}

#[test]
fn a_man_in_the_middle_with_an_authority_of_his_own() {
    let [ca, his] = ["kubernetes", "kubernetes"].map(Authority::new);
    refused(&his, &ca, vec![signed(&kubeconfig(&[&ca], PUBLIC))], &["is not believed", "somebody stands between"]);
}

#[test]
fn a_signature_that_was_kept_and_is_shown_again() {
    let ca = Authority::new("kubernetes");
    let (old, new) = (kubeconfig(&[&ca], "https://old.example:6443"), kubeconfig(&[&ca], PUBLIC));
    // Under another text.
    let kept = jws::sign(ID, SECRET, &old);
    refused(&ca, &ca, vec![info(&new, Some(kept.clone()))], &["is not that of cluster-info"]);
    // With the text that it belongs to, until the cluster itself is asked.
    refused(
        &ca,
        &ca,
        vec![info(&old, Some(kept)), signed(&new)],
        &["before it had to prove who it is was not what the cluster says"],
    );
    // Of another token.
    let other = jws::sign("zzzzzz", SECRET, &new);
    refused(
        &ca,
        &ca,
        vec![info(&new, Some(other))],
        &["the signature of cluster-info for the token abcdef was made with zzzzzz"],
    );
}

#[test]
fn a_cluster_info_with_two_clusters() {
    let [ca, his] = ["kubernetes", "kubernetes"].map(Authority::new);
    refused(
        &ca,
        &ca,
        vec![signed(&kubeconfig(&[&ca, &his], PUBLIC))],
        &["cluster-info names 2 clusters instead of one"],
    );
}

#[test]
fn an_answer_without_end() {
    let ca = Authority::new("kubernetes");
    refused(&ca, &ca, vec![Reply::Flood], &["is too long to be what was asked for"]);
}

#[test]
fn an_answer_that_takes_for_ever() {
    let ca = Authority::new("kubernetes");
    refused(&ca, &ca, vec![Reply::Drip], &["is too slow: no answer was complete within 2 s"]);
    let text = kubeconfig(&[&ca], PUBLIC);
    refused(&ca, &ca, vec![signed(&text), Reply::Drip], &["is too slow: no answer was complete within 2 s"]);
}
