//! `status`: what a node is before `init`, on the way, afterwards, when somebody has been at its files, and when it is
//! reset.

use serde_json::Value;

use crate::ground::{Ground, INIT, differences};

/// The last phase of [`INIT`] that makes files of its own.
const LAST: &str = "kubelet-start";

fn status(ground: &Ground) -> Value {
    let said = ground.must("$K status -o json");
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn a_node_is_told_from_its_beginning_to_its_end() {
    let Some(ground) = Ground::new("a_node_is_told") else { return };
    let at_first = status(&ground);
    assert_eq!((&at_first["madeBy"], &at_first["role"]), (&"nobody".into(), &Value::Null), "{at_first}");

    // Cut off on the way.
    let init = INIT.trim_end();
    ground.must(&format!("{init} & while [ ! -e /etc/kubernetes/admin.conf ]; do :; done; kill -KILL $!"));
    let half = status(&ground);
    let (done, remaining) = (texts(&half["done"]), texts(&half["remaining"]));
    assert_eq!((&half["madeBy"], &half["complete"]), (&"kubephase".into(), &false.into()), "{half}");
    assert!(done.contains(&"certs/ca") && !done.contains(&LAST) && remaining.contains(&LAST), "{half}");
    assert!(half["next"].as_str().is_some_and(|next| next.contains(&format!("`{}`", remaining[0]))), "{half}");

    ground.must(INIT);
    let files = ground.files();
    let made = status(&ground);
    for (field, is) in [("madeBy", "kubephase"), ("role", "control-plane"), ("workflow", "init")] {
        assert_eq!(made[field], is, "{made}");
    }
    assert_eq!((&made["drift"], &made["complete"]), (&Value::Array(Vec::new()), &true.into()), "{made}");
    assert!(texts(&made["done"]).contains(&LAST) && texts(&made["remaining"]).is_empty(), "{made}");
    assert_eq!(differences(&files, &ground.files()), Vec::<String>::new(), "looking changes nothing");

    ground.must("$RESET");
    let at_last = status(&ground);
    assert_eq!((&at_last["madeBy"], &at_last["role"]), (&"nobody".into(), &Value::Null), "{at_last}");
}

#[test]
fn what_somebody_has_changed_is_named_and_secrets_are_not_shown() {
    let Some(ground) = Ground::new("what_somebody_has_changed") else { return };
    ground.must(INIT);
    let said = ground.must(
        "
sed -i 's/--profiling=false/--profiling=true/; s/^kind: Pod$/kind: Pod # by hand/' /etc/kubernetes/manifests/kube-scheduler.yaml
echo 'topsecret' >> /etc/kubernetes/admin.conf
chmod 644 /etc/kubernetes/pki/sa.key
rm /etc/kubernetes/pki/ca.crt
$K status --diff
",
    );
    for line in [
        "! /etc/kubernetes/manifests/kube-scheduler.yaml has changed\n",
        "    -kind: Pod\n",
        "    +kind: Pod # by hand\n",
        "! /etc/kubernetes/admin.conf has changed\n    what it was is a secret, or not kept\n",
        "! /etc/kubernetes/pki/sa.key had mode 0600 and has 0644\n",
        "! /etc/kubernetes/pki/ca.crt is missing\n",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert!(said.out.contains(", 4 not as they were written\n"), "{}", said.out);
    assert!(!said.out.contains("topsecret") && !said.out.contains("PRIVATE KEY"), "{}", said.out);
    let drift = status(&ground)["drift"].as_array().map(Vec::len);
    assert_eq!(drift, Some(4), "programs are told the same");
}

#[test]
fn a_node_that_kubeadm_made_is_told_as_such() {
    let Some(ground) = Ground::new("a_node_that_kubeadm_made_is_told") else { return };
    ground.must(&format!("{INIT} rm -r /var/lib/kubephase"));
    let status = status(&ground);
    assert_eq!((&status["madeBy"], &status["role"]), (&"another".into(), &"control-plane".into()), "{status}");
    assert_eq!(status["files"], 0, "nothing is known to be ours");
}
