//! Whom an operator trusts: keys, signatures, digests, and what is said when something is not as it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::desk::Desk;
use crate::shown;

/// Everything that one maker has: two pairs of keys, and a signed component.
fn signed() -> Desk {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    desk.run("plugin keygen team").expect_code(0);
    desk.run("plugin keygen other").expect_code(0);
    desk.run("plugin sign --key team.key hello.wasm").expect_code(0);
    desk
}

#[test]
fn keys() {
    let desk = Desk::new();
    shown!(desk, "keygen", desk.run("plugin keygen team"));
    let mode = |file: &str| fs::metadata(desk.path().join(file)).expect("a key").permissions().mode() & 0o777;
    assert_eq!((mode("team.key"), mode("team.pub")), (0o600, 0o644));
    assert!(desk.read("team.pub").starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let before = desk.read("team.key");
    shown!(desk, "keygen-again", desk.run("plugin keygen team"));
    assert_eq!(desk.read("team.key"), before);
}

#[test]
fn signing_and_verifying() {
    let desk = signed();
    shown!(desk, "sign", desk.run("plugin sign --key other.key --signature other.sig hello.wasm"));
    shown!(desk, "verify", desk.run_cached("plugin verify --key team.pub hello.wasm"));
    desk.run_cached("plugin verify --key other.pub --signature other.sig hello.wasm").expect_code(0);
    // Signatures of two people in one file.
    desk.run("plugin sign --key other.key hello.wasm").expect_code(0);
    for key in ["team", "other"] {
        desk.run_cached(&format!("plugin verify --key {key}.pub hello.wasm")).expect_code(0);
    }
    shown!(desk, "sign-with-public-key", desk.run("plugin sign --key team.pub hello.wasm"));
    shown!(desk, "sign-until-when", desk.run("plugin sign --key team.key --expires tomorrow hello.wasm"));
    desk.write("text.wasm", "no component");
    shown!(desk, "sign-no-component", desk.run("plugin sign --key team.key text.wasm"));
}

/// A component for each way in which a signature can be no good, beside one that is.
fn doubtful() -> Desk {
    let desk = signed();
    for file in ["unsigned", "wrong", "tampered", "expired"] {
        desk.take("hello", &format!("{file}.wasm"));
    }
    desk.run("plugin sign --key other.key wrong.wasm").expect_code(0);
    // An empty section more, which no one would see.
    let mut bytes = fs::read(desk.path().join("tampered.wasm")).expect("a component");
    bytes.extend([0, 2, 1, b'x']);
    fs::write(desk.path().join("tampered.wasm"), bytes).expect("a component");
    fs::copy(desk.path().join("hello.wasm.sig"), desk.path().join("tampered.wasm.sig")).expect("a signature");
    desk.run("plugin sign --key team.key --expires 2020-01-01T00:00:00Z expired.wasm").expect_code(0);
    desk
}

const DOUBTS: [(&str, &str); 4] = [
    ("unsigned", "it is not signed"),
    ("wrong", "no trusted key has signed it"),
    ("tampered", "has been changed after"),
    ("expired", "is not valid any more since 2020-01-01T00:00:00Z"),
];

#[test]
fn what_is_not_signed_well_is_refused_in_four_ways() {
    let desk = doubtful();
    for (file, why) in DOUBTS {
        let outcome = desk.run_cached(&format!("plugin verify --key team.pub {file}.wasm"));
        outcome.expect_code(1);
        assert!(outcome.err().contains(why) && outcome.out().is_empty(), "{outcome}");
        for (_, other) in DOUBTS.iter().filter(|(other, _)| *other != file) {
            assert!(!outcome.err().contains(other), "{outcome}");
        }
    }
    let entries: Vec<String> =
        DOUBTS.iter().map(|(file, _)| format!("- name: {file}\n  source: {file}.wasm\n")).collect();
    desk.configure(&format!(
        "trust:\n- source: ''\n  keys: [{{name: team, publicKeyFile: team.pub}}]\nplugins:\n\
         - name: good\n  source: hello.wasm\n  grants: {{facts: [cluster]}}\n{}",
        entries.concat()
    ));
    let refused = desk.run_cached("plugin check --config cluster.yaml");
    shown!(desk, "refused-signatures", refused);
    for line in ["rehearse init --config cluster.yaml", "init --plan --config cluster.yaml"] {
        let outcome = desk.run_cached(line);
        outcome.expect_code(2);
        for (_, why) in DOUBTS {
            assert!(outcome.err().contains(why), "{outcome}");
        }
        assert!(outcome.err().contains("4 errors"), "{outcome}");
    }
    // Nothing is locked of which one is doubtful.
    let before = desk.read("cluster.yaml");
    desk.run_cached("plugin lock --config cluster.yaml").expect_code(2);
    assert_eq!(desk.read("cluster.yaml"), before);
}

#[test]
fn a_rule_that_asks_for_no_signature_takes_all() {
    let desk = doubtful();
    desk.configure(
        "trust:\n- source: ''\n  keys: [{name: team, publicKeyFile: team.pub}]\n- source: wrong.wasm\n  signature: none\n\
         plugins:\n- name: wrong\n  source: wrong.wasm\n  grants: {facts: [cluster]}\n",
    );
    desk.run_cached("plugin check --config cluster.yaml").expect_code(0);
}

#[test]
fn another_component_than_the_pinned_one_is_refused() {
    let desk = Desk::new();
    desk.take("hello", "plugin.wasm");
    desk.configure("plugins:\n- name: hello\n  source: plugin.wasm\n  grants: {facts: [cluster]}\n");
    shown!(desk, "lock-check-new", desk.run_cached("plugin lock --check --config cluster.yaml"));
    shown!(desk, "lock", desk.run_cached("plugin lock --config cluster.yaml"));
    let locked = desk.read("cluster.yaml");
    assert!(locked.contains("  source: plugin.wasm\n  digest: sha256:"), "{locked}");
    desk.run_cached("plugin lock --check --config cluster.yaml").expect_code(0);
    desk.run_cached("rehearse init --config cluster.yaml").expect_code(0);

    desk.take("time-sync", "plugin.wasm");
    shown!(desk, "other-digest", desk.run_cached("plugin check --config cluster.yaml --offline"));
    let refused = desk.run_cached("rehearse init --config cluster.yaml");
    refused.expect_code(2);
    assert!(refused.err().contains("it is not the one that `digest` names"), "{refused}");
    desk.run_cached("plugin lock --check --config cluster.yaml").expect_code(1);
}

#[test]
fn what_comes_from_far_needs_a_digest() {
    let desk = Desk::new();
    desk.configure("plugins:\n- name: hello\n  source: oci://registry.example/team/hello:1\n");
    for line in ["plugin check", "rehearse init", "init --plan"] {
        let outcome = desk.run_cached(&format!("{line} --config cluster.yaml"));
        outcome.expect_code(2);
        assert!(outcome.err().contains("a plugin from a registry needs a digest"), "{outcome}");
    }
    shown!(desk, "unpinned", desk.run_cached("rehearse init --config cluster.yaml"));
    // Air-gapped, with a digest of what is not here.
    let digest = "0".repeat(64);
    desk.configure(&format!(
        "plugins:\n- name: hello\n  source: oci://registry.example/team/hello:1\n  digest: sha256:{digest}\n"
    ));
    let outcome = desk.run_cached("plugin check --config cluster.yaml --offline");
    outcome.expect_code(2);
    assert!(outcome.err().contains("without a network it cannot be fetched"), "{outcome}");
}
