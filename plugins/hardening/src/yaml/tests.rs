use super::*;

/// What a whole reader makes of the same.
fn by_library(text: &str) -> Value {
    serde_yaml::from_str(text).expect("it is YAML")
}

#[test]
fn manifests_and_configurations_of_kubeadm_are_read() {
    macro_rules! recorded {
        ($($path:literal),+) => {
            [$(include_str!(concat!("../../../../tests/fixtures/golden/v1.36/", $path))),+]
        };
    }
    for text in recorded![
        "01-defaults/files/etc/kubernetes/manifests/etcd.yaml",
        "01-defaults/files/etc/kubernetes/manifests/kube-apiserver.yaml",
        "01-defaults/files/etc/kubernetes/manifests/kube-controller-manager.yaml",
        "01-defaults/files/etc/kubernetes/manifests/kube-scheduler.yaml",
        "01-defaults/files/var/lib/kubelet/config.yaml",
        "04-extra-volumes-envs/files/etc/kubernetes/manifests/kube-apiserver.yaml",
        "15-patches/files/etc/kubernetes/manifests/kube-apiserver.yaml",
        "16-component-configs/files/var/lib/kubelet/config.yaml"
    ] {
        assert_eq!(parse(text).expect("it is read"), by_library(text));
    }
}

#[test]
fn what_people_write_by_hand_is_read() {
    for text in [
        "",
        "# only a comment\n",
        "---\na: 1\n",
        "a: 0s\nb: \"0\"\nc: 0\nd: -1.5\ne:\nf: [x, 'y', \"z\", 1]\ng: true\n",
        "a: # why\n  b: c # why not\n  # and\n\n  d: 'it''s # no comment'\n",
        "a:\n- b: 1\n  c:\n  - d\n  - - e\n    - f\n-\n  g: 2\n- {h: i, j: [k, {}]}\n- --flag=a:b,c\n",
        "a: |\n  one\n    two\n\n  three\nb: |-\n  four\nc: \"tab\\tquote\\\"\\u00e9\"\n",
        "\"a b\": c\n'd': e\nf: http://x:1/y#z\ng: {}\nh: []\n",
        "a: {b: \"c, d\", e: ~}   # why\n",
    ] {
        assert_eq!(parse(text).expect(text), by_library(text), "{text}");
    }
}

#[test]
fn what_is_not_known_is_refused_with_its_line() {
    for (text, line) in [
        ("a: 1\nb: [c\n", 2),
        ("a: &x 1\nb: *x\n", 1),
        ("a: !!str 1\n", 1),
        ("a:\n    b: 1\n  c: 2\n", 3),
        ("a: 1\n b: 2\n", 2),
        ("a: \"b\n", 1),
        ("a: >\n  b\n", 1),
        ("a: 1\na: 2\n", 2),
        ("a: 'b' c\n", 1),
        ("a\nb: 1\n", 2),
    ] {
        let failure = parse(text).expect_err(text);
        assert!(failure.message.starts_with(&format!("line {line} is no YAML")), "{text}: {}", failure.message);
    }
    assert!(parse(&"[".repeat(10_000)).is_err());
    assert!(parse(&"- ".repeat(10_000)).is_err());
}
