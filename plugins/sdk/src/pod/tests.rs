use serde_json::{Value, json};

use super::{Mount, StaticPod};

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "containers": [{
                "name": "kube-apiserver",
                "command": ["kube-apiserver", "--authorization-mode=Node,RBAC", "--profiling", "--v=1", "--v=2"],
                "volumeMounts": [{"mountPath": "/etc/ssl/certs", "name": "ca-certs", "readOnly": true}],
            }],
        },
    })
}

fn operations(pod: &StaticPod) -> Value {
    pod.operations.clone().into()
}

#[test]
fn flags_are_read_as_programs_in_go_do() {
    let document = pod();
    let pod = StaticPod::of(&document);
    assert_eq!(pod.flag("authorization-mode"), Some("Node,RBAC"));
    assert_eq!(pod.flag("profiling"), Some(""));
    assert_eq!(pod.flag("v"), Some("2"));
    assert_eq!(pod.flag("audit-policy-file"), None);
    assert_eq!(pod.flags().count(), 4);
}

#[test]
fn flags_are_set_where_they_are_or_at_the_end() {
    let document = pod();
    let mut pod = StaticPod::of(&document);
    pod.set_flag("profiling", "false").set_flag("audit-log-maxage", "30").set_flag("v", "2");
    assert_eq!(
        operations(&pod),
        json!([
            {"op": "replace", "path": "/spec/containers/0/command/2", "value": "--profiling=false"},
            {"op": "add", "path": "/spec/containers/0/command/-", "value": "--audit-log-maxage=30"},
        ])
    );
    assert_eq!(pod.flag("profiling"), Some("false"));
    assert_eq!(pod.flag("audit-log-maxage"), Some("30"));
}

#[test]
fn a_list_gets_an_item_once_and_a_flag_is_removed_as_often_as_it_is_there() {
    let document = pod();
    let mut pod = StaticPod::of(&document);
    pod.add_to_flag("authorization-mode", "RBAC").add_to_flag("enable-admission-plugins", "NodeRestriction");
    pod.add_to_flag("enable-admission-plugins", "AlwaysPullImages").remove_flag("v");
    assert_eq!(pod.flag("authorization-mode"), Some("Node,RBAC"));
    assert_eq!(pod.flag("enable-admission-plugins"), Some("NodeRestriction,AlwaysPullImages"));
    assert_eq!(pod.flag("v"), None);
    assert_eq!(pod.flags().count(), 3);
}

#[test]
fn mounts_make_the_lists_that_are_missing() {
    let document = pod();
    let mut pod = StaticPod::of(&document);
    pod.mount(Mount::file("audit-policy", "/etc/kubernetes/audit.yaml"));
    pod.mount(Mount::directory("audit-log", "/var/log/kubernetes").at("/log").writable().create());
    assert_eq!(
        operations(&pod),
        json!([
            {"op": "add", "path": "/spec/containers/0/volumeMounts/-",
                "value": {"mountPath": "/etc/kubernetes/audit.yaml", "name": "audit-policy", "readOnly": true}},
            {"op": "add", "path": "/spec/volumes",
                "value": [{"hostPath": {"path": "/etc/kubernetes/audit.yaml", "type": "File"}, "name": "audit-policy"}]},
            {"op": "add", "path": "/spec/containers/0/volumeMounts/-",
                "value": {"mountPath": "/log", "name": "audit-log"}},
            {"op": "add", "path": "/spec/volumes/-",
                "value": {"hostPath": {"path": "/var/log/kubernetes", "type": "DirectoryOrCreate"}, "name": "audit-log"}},
        ])
    );
}

#[test]
fn a_second_run_changes_nothing() {
    let document = pod();
    let change = |document: &Value| {
        let mut pod = StaticPod::of(document);
        pod.set_flag("profiling", "false").mount(Mount::file("audit-policy", "/etc/kubernetes/audit.yaml"));
        pod
    };
    let first = change(&document);
    assert_eq!(first.patches("kube-apiserver", "audit").len(), 1);
    let second = change(first.document());
    assert!(!second.is_changed());
    assert!(second.patches("kube-apiserver", "audit").is_empty());
}

#[test]
fn what_is_no_pod_does_not_panic() {
    let mut list = StaticPod::of(&json!({"kind": "List", "items": []}));
    list.set_flag("v", "1").remove_flag("v").mount(Mount::file("a", "/a"));
    assert!(list.is_changed());
}
