//! The report.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::place::{CONFIG, Place};

/// Elements that are opened and not closed, or closed wrongly.
fn unbalanced(page: &str) -> Vec<String> {
    const VOID: [&str; 6] = ["meta", "br", "input", "!doctype", "path", "rect"];
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name: String =
            tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric() || *c == '!').collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near {}", rest.chars().take(80).collect::<String>());
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            if matches!(name.as_str(), "style" | "script") {
                rest = &rest[rest.find(&format!("</{name}")).expect("it ends")..];
            }
            open.push(name);
        }
    }
    open
}

#[test]
fn it_is_whole_and_holds_no_secret() {
    let place = Place::new();
    place.rehearse(&["--upload-certs", "--report", "page.html", "--keep", "kept"]).expect_code(0);
    let page = fs::read_to_string(place.path().join("page.html")).expect("a page");
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    let mode = fs::metadata(place.path().join("page.html")).expect("a page").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for text in [
        "Rehearsal of init",
        "<b>Passed.</b>",
        "apiserver-etcd-client.crt",
        "ConfigMap kube-system/kubeadm-config",
        "Secret kube-system/kubeadm-certs",
        "wait-control-plane",
        "ECDSA-P256",
        "<svg ",
        "No check had anything to say",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    for outside in ["http-equiv", "<link", "@import", " src="] {
        assert!(!page.contains(outside), "{outside}");
    }

    let tree = place.path().join("kept");
    let mut secrets = vec![
        "0123456789abcdef".to_owned(),
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".to_owned(),
        "PRIVATE KEY".to_owned(),
        "client-key-data".to_owned(),
    ];
    // The first line of every key's text, as it is and as kubeconfig files have it.
    for key in ["pki/ca.key", "pki/sa.key", "pki/etcd/ca.key", "pki/apiserver.key"] {
        let text = fs::read_to_string(tree.join("etc/kubernetes").join(key)).expect("a key");
        secrets.push(text.lines().nth(1).expect("a line").to_owned());
    }
    for secret in secrets {
        assert!(!page.contains(&secret), "{secret} is in the page");
    }
    assert_eq!(place.left(), ["kept", "page.html"]);
}

#[test]
fn a_failed_rehearsal_has_a_page_as_well() {
    let place = Place::with(&format!(
        "{CONFIG}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /nowhere\n"
    ));
    let outcome = place.rehearse(&["--report", "page.html"]);
    outcome.expect_code(1);
    let page = fs::read_to_string(place.path().join("page.html")).expect("a page");
    assert!(page.contains("<b>Failed</b> in phase <code>wait-control-plane</code>"));
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    assert_eq!(place.left(), ["page.html"]);
}
