//! Files that are too large to keep: made here.

use super::files::{Expected, Verdict, judge};

/// A valid file with `extra` at the end of its ClusterConfiguration, from line 13 on.
fn with(extra: &str) -> Vec<u8> {
    let head = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint:\n  advertiseAddress: 192.0.2.10\n  \
                bindPort: 6443\nnodeRegistration:\n  name: node-1\n  criSocket: unix:///var/run/containerd/containerd.sock\n---\n\
                apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    format!("{head}{extra}").into_bytes()
}

fn refused(names: &[&str]) -> Expected {
    Expected {
        validate: Verdict::Refused,
        run: Verdict::Refused,
        line: None,
        names: names.iter().map(|n| (*n).to_string()).collect(),
        stricter: None,
    }
}

#[track_caller]
fn expect(name: &str, bytes: &[u8], expected: &Expected) {
    let failures = judge(name, bytes, expected);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn ten_megabytes() {
    let comments = "# a comment that says nothing\n".repeat(10 * 1024 * 1024 / 30);
    expect("ten-megabytes", &with(&comments), &refused(&["MiB"]));
    let values = format!("featureGates:\n{}", (0..400_000).map(|i| format!("  Gate{i}: true\n")).collect::<String>());
    expect("ten-megabytes-of-gates", &with(&values), &refused(&["MiB"]));
}

#[test]
fn deep_flow() {
    expect(
        "deep-flow",
        &with(&format!("featureGates: {}{}\n", "[".repeat(5000), "]".repeat(5000))),
        &refused(&[":13:"]),
    );
    expect("deep-flow-unclosed", &with(&format!("featureGates: {}\n", "{a: ".repeat(20_000))), &refused(&[":13:"]));
}

#[test]
fn deep_blocks() {
    let block: String = (1..1200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    expect("deep-block", &with(&format!("featureGates:\n{block}")), &refused(&["deep"]));
    expect("deep-dashes", &with(&format!("featureGates:\n  {}a\n", "- ".repeat(8000))), &refused(&["deep", ":14:"]));
}

#[test]
fn long_lines() {
    let key = "a".repeat(200_000);
    expect("long-key", &with(&format!("{key}: b\n")), &refused(&[":13:"]));
    // kubeadm takes this one and writes kubeconfig files with it.
    let accepted = Expected { validate: Verdict::Ok, run: Verdict::Ok, ..refused(&[]) };
    expect("long-value", &with(&format!("clusterName: {}\n", "a".repeat(300_000))), &accepted);
}

#[test]
fn many_documents() {
    let documents = "---\napiVersion: example.com/v1\nkind: Thing\n".repeat(2000);
    let expected = Expected { run: Verdict::Refused, ..refused(&["Thing"]) };
    expect("many-documents", &with(&documents), &expected);
}
