//! Clients that are not ours: `kubectl`, where there is one.

use std::path::Path;
use std::process::Command;

use crate::place::{CONFIG, Place, Served};
use crate::support::skipped;

/// `KUBECTL`, or what `PATH` has.
pub fn kubectl() -> Option<String> {
    let named = std::env::var("KUBECTL").ok().filter(|path| !path.is_empty());
    named.or_else(|| Some("kubectl".to_owned())).filter(|program| {
        Command::new(program).args(["version", "--client"]).output().is_ok_and(|output| output.status.success())
    })
}

pub fn run(program: &str, kubeconfig: &Path, args: &str) -> String {
    let output = Command::new(program)
        .args(args.split(' '))
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", kubeconfig.parent().expect("a directory"))
        .output()
        .expect("kubectl runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "kubectl {args}\n{out}\n{err}");
    out.into_owned()
}

fn served(place: &Place) -> Served {
    place.serve(&[])
}

#[test]
fn kubectl_finds_a_cluster_that_works() {
    let Some(kubectl) = kubectl() else {
        return skipped(
            "kubectl_finds_a_cluster_that_works",
            "there is no kubectl: name one by KUBECTL, or install kubernetes-client",
        );
    };
    let place = Place::new();
    let served = served(&place);
    let ask = |args: &str| run(&kubectl, &served.kubeconfig, args);
    assert_eq!(ask("get node cp-a -o jsonpath={.status.conditions[?(@.type==\"Ready\")].status}"), "True");
    ask("-n kube-system rollout status deployment/coredns --timeout=20s");
    ask("-n kube-system rollout status daemonset/kube-proxy --timeout=20s");
    ask("-n kube-system wait --for=condition=Available deployment/coredns --timeout=20s");
    ask("-n kube-system wait --for=condition=Ready pod --all --timeout=20s");
    let signature = ask("-n kube-public get configmap cluster-info -o jsonpath={.data.jws-kubeconfig-abcdef}");
    assert!(signature.contains(".."), "{signature}");
    let approved = ask("get csr -o jsonpath={.items[*].status.conditions[*].type}");
    assert_eq!(approved, "Approved");
    assert_eq!(ask("auth can-i create deployments").trim(), "yes");
    ask("create namespace trial");
    assert_eq!(ask("-n trial get configmaps -o name").trim(), "configmap/kube-root-ca.crt");
    ask("delete namespace trial --timeout=20s");
}

#[test]
fn a_kubelet_may_ask_for_a_serving_certificate() {
    let Some(kubectl) = kubectl() else {
        return skipped(
            "a_kubelet_may_ask_for_a_serving_certificate",
            "there is no kubectl: name one by KUBECTL, or install kubernetes-client",
        );
    };
    let config = format!(
        "{CONFIG}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nserverTLSBootstrap: true\n"
    );
    let place = Place::with(&config);
    let served = served(&place);
    let ask = |args: &str| run(&kubectl, &served.kubeconfig, args);
    let signers = ask("get csr -o jsonpath={.items[*].spec.signerName}");
    assert!(signers.contains("kubernetes.io/kubelet-serving"), "{signers}");
}
