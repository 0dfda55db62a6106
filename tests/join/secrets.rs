//! What is told and kept of a join has no secret in it: no half of a token that others may not see, no certificate key, no
//! private key. The program is as loud as it can be.

use std::fs;

use kubephase_model::config::flags::JoinFlags;
use kubephase_rehearsal::Rehearsal;
use serde_json::Value;

use crate::served::{Desk, KEY, SECRET, Served, private_keys};
use crate::stage::Stage;

const CONTROL_PLANE: &str = "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'KEY'}\n";

#[test]
fn nothing_that_is_printed_has_a_secret_in_it() {
    let served = Served::start();
    let keys = private_keys(&served.tree());
    assert!(keys.len() >= 10, "{} lines of keys", keys.len());
    for (role, more) in [("worker", String::new()), ("control plane", CONTROL_PLANE.replace("KEY", KEY))] {
        for way in [&["-v=10"][..], &["-v=10", "-o", "json"], &["-v=10", "--plan"], &["-v=10", "--plan", "-o", "json"]]
        {
            let desk = Desk::new();
            let outcome = desk.join_with(&served.configuration(&more), way);
            outcome.expect_code(0);
            let told = format!("{}{}", outcome.out(), outcome.err());
            assert!(told.len() > 500, "{role} {way:?} says little: {told}");
            // Those that were downloaded, and those that were made.
            let made = private_keys(desk.path());
            assert!(role == "worker" || way.contains(&"--plan") || made.len() >= 10, "{} lines", made.len());
            for secret in keys.iter().chain(&made).map(String::as_str).chain([SECRET, KEY]) {
                assert!(!told.contains(secret), "{role} {way:?} tells {secret}:\n{told}");
            }
        }
    }
    // Of a failure neither: another cluster's key is a secret, too.
    let other = "ab".repeat(32);
    let outcome = Desk::new().join_with(&served.configuration(&CONTROL_PLANE.replace("KEY", &other)), &["-v=10"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("it is not the key that this was encrypted with"), "{outcome}");
    let told = format!("{}{}", outcome.out(), outcome.err());
    assert!(!told.contains(&other) && !told.contains(SECRET), "{told}");
}

#[test]
fn the_journal_keeps_no_secret() {
    let stage = Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n");
    let [worker, second] = [("w-1", "192.0.2.11"), ("cp-2", "192.0.2.12")].map(|(name, at)| stage.machine(name, at));
    stage.join(&worker, &stage.flags()).expect_done();
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let ran = stage.join(&second, &flags).expect_done();
    let keys: Vec<String> =
        [stage.first(), &worker, &second].into_iter().flat_map(|machine| private_keys(machine.root())).collect();
    assert!(keys.len() >= 20, "{} lines of keys", keys.len());
    for secret in keys.iter().map(String::as_str).chain([SECRET, stage.key.as_str()]) {
        for machine in [stage.first(), &worker, &second] {
            assert!(!journal_of(machine).contains(secret), "{secret}");
        }
        assert!(!ran.told.contains(secret), "{secret}: {}", ran.told);
    }
    // Texts are kept of what people may want to see the differences of, and of nothing else.
    for (machine, kept) in [
        (stage.first(), &["certificates", "manifests", "kubelet"][..]),
        (&worker, &["certificates", "kubelet"]),
        (&second, &["certificates", "manifests", "kubelet"]),
    ] {
        let journal: Value = serde_json::from_str(&journal_of(machine)).expect("JSON");
        let written = journal["written"].as_object().expect("files");
        let with_text: Vec<&String> =
            written.iter().filter(|(_, how)| how["text"].is_string()).map(|(path, _)| path).collect();
        for path in &with_text {
            let kind = match path.as_str() {
                path if path.starts_with("/etc/kubernetes/pki/") && !path.ends_with(".key") => "certificates",
                path if path.starts_with("/etc/kubernetes/manifests/") => "manifests",
                path if path.starts_with("/var/lib/kubelet/") => "kubelet",
                _ => panic!("the text of {path} is kept"),
            };
            assert!(kept.contains(&kind), "{path}");
        }
        assert!(with_text.iter().any(|path| path.ends_with("/var/lib/kubelet/config.yaml")), "{with_text:?}");
        // A worker's only secret has gone by the end.
        assert!(kept.len() == 2 || written.len() > with_text.len(), "secrets are known by their digests");
    }
}

fn journal_of(machine: &Rehearsal) -> String {
    fs::read_to_string(machine.root().join("var/lib/kubephase/journal.json")).expect("a journal")
}
