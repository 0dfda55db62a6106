use serde_json::json;

use super::*;

fn parse(files: &[(&str, &str)]) -> (PatchSet, Report) {
    let mut report = Report::default();
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    (PatchSet::parse(files, &mut report), report)
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "etcd", "labels": { "tier": "control-plane" } },
        "spec": { "containers": [{ "name": "etcd", "command": ["etcd"], "resources": {} }] },
        "status": {},
    })
}

#[test]
fn files_apply_in_the_order_of_their_names_and_documents() {
    let (set, report) = parse(&[
        ("etcd1.yaml", "metadata: {labels: {last: etcd1}}\n"),
        ("sub/etcd.json", r#"{"metadata": {"labels": {"last": "sub"}}}"#),
        (
            "etcd0+merge.yaml",
            "metadata: {labels: {last: first}}\n---\nmetadata: {labels: {last: second, seen: second}}\n",
        ),
        ("etcd+json.yaml", "- {op: add, path: /metadata/labels/last, value: json}\n"),
        ("kube-apiserver.yaml", "metadata: {labels: {last: other}}\n"),
        ("README.md", "hello"),
        ("etcd-empty.yaml", ""),
    ]);
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(set.files, ["etcd+json.yaml", "etcd0+merge.yaml", "etcd1.yaml", "kube-apiserver.yaml", "sub/etcd.json"]);
    let ignored: Vec<_> = set.ignored.iter().map(|ignored| (ignored.file.as_str(), ignored.reason.as_str())).collect();
    assert_eq!(
        ignored,
        [("README.md", "the file extension must be one of [json yaml]"), ("etcd-empty.yaml", "the file is empty")]
    );
    let patched = set.apply(&ETCD, pod()).unwrap();
    assert_eq!(
        patched.value["metadata"]["labels"],
        json!({ "tier": "control-plane", "last": "sub", "seen": "second" })
    );
    let applied: Vec<_> = patched.applied.iter().map(Origin::to_string).collect();
    assert_eq!(
        applied,
        [
            "JSON patch etcd+json.yaml (document 1)",
            "merge patch etcd0+merge.yaml (document 1)",
            "merge patch etcd0+merge.yaml (document 2)",
            "strategic merge patch etcd1.yaml (document 1)",
            "strategic merge patch sub/etcd.json (document 1)",
        ]
    );
    assert!(set.has(&KUBE_APISERVER) && !set.has(&KUBE_SCHEDULER));
    // Without patches nothing changes, not even zero values.
    let odd = json!({ "kind": "Pod", "x": null });
    assert_eq!(set.apply(&KUBE_SCHEDULER, odd.clone()).unwrap().value, odd);
}

#[test]
fn a_patched_pod_is_decoded_and_encoded() {
    let (set, _) = parse(&[(
        "etcd.yaml",
        "spec:\n  containers:\n  - name: etcd\n    image: \"\"\n    resources: {limits: {memory: 2048Mi}}\n    tty: false\n",
    )]);
    let container = &set.apply(&ETCD, pod()).unwrap().value["spec"]["containers"][0];
    assert_eq!(
        *container,
        json!({ "name": "etcd", "command": ["etcd"], "resources": { "limits": { "memory": "2Gi" } } })
    );
}

#[test]
fn unknown_fields_are_warned_of_with_their_place_and_left_out() {
    let (set, mut report) = parse(&[
        (
            "etcd.yaml",
            "spec:\n  $setElementOrder/volumes: []\n  containers:\n  - name: etcd\n    imagePulPolicy: Always\n",
        ),
        ("etcd+json.yaml", "- {op: add, path: /spec/foo, value: 1}\n"),
        ("kubeletconfiguration.yaml", "anything: goes\n"),
    ]);
    assert!(!report.has_errors());
    assert_eq!(
        report.to_string(),
        "etcd.yaml:5:5: spec.containers[0].imagePulPolicy: unknown field `imagePulPolicy`: Container has none of that \
         name, it is left out"
    );
    assert_eq!(report.problems[0].hint.as_deref(), Some("did you mean `imagePullPolicy`?"));
    report.make_strict();
    assert!(report.has_errors());
    let patched = set.apply(&ETCD, pod()).unwrap();
    assert_eq!(patched.value, pod());
    assert_eq!(patched.dropped, ["spec.containers[0].imagePulPolicy", "spec.foo"]);
}

#[test]
fn broken_files_are_reported_together() {
    let (set, report) = parse(&[
        ("etcd+foo.yaml", "a: b"),
        ("etcd0+json.yaml", "op: add\n"),
        ("etcd1+json.yaml", "- op: add\n  path: /a\n- op: ad\n  path: /a\n"),
        ("etcd2+json.yaml", "- {op: move, path: /a}\n"),
        ("etcd3+json.json", r#"[{"op": "remove", "path": "a"}]"#),
        ("etcd4.yaml", "- a\n"),
        ("etcd5.yaml", "a: [b\n"),
    ]);
    assert!(set.patches.is_empty());
    let lines: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 7, "{report}");
    assert_eq!(lines[0], "etcd+foo.yaml: `foo` after `+` is not a type of patch");
    assert_eq!(lines[1], "etcd0+json.yaml:1:1: a JSON patch must be a list of operations, not a mapping");
    assert_eq!(
        lines[2],
        "etcd1+json.yaml:3:7: [1].op: `ad` is no operation: must be one of add, remove, replace, move, copy, test"
    );
    assert!(lines[3].ends_with("the operation lacks `from`"), "{}", lines[3]);
    assert!(lines[4].ends_with("[0].path: `a` must start with `/`"), "{}", lines[4]);
    assert_eq!(lines[5], "etcd4.yaml:1:1: a strategic merge patch must be a mapping, not a list");
    assert!(lines[6].starts_with("etcd5.yaml:"), "{}", lines[6]);

    let mut report = Report::default();
    PatchSet::parse(vec![("etcd.yaml".into(), vec![0xff, 0xfe])], &mut report);
    assert!(report.to_string().starts_with("`etcd.yaml` is not UTF-8 text"), "{report}");
}

fn failure(name: &str, text: &str) -> String {
    let (set, report) = parse(&[(name, text)]);
    assert!(!report.has_errors(), "{report}");
    let error = set.apply(&ETCD, pod()).unwrap_err();
    assert!(error.hint().is_some() || text.contains("test"), "{error}");
    let source = std::error::Error::source(&error).map(|source| source.to_string()).unwrap_or_default();
    format!("{error}: {source}")
}

#[test]
fn a_patch_that_does_not_fit_says_which_and_where() {
    assert_eq!(
        failure(
            "etcd+json.yaml",
            "[{op: add, path: /metadata/labels/a, value: b}, {op: add, path: /spec/x/y, value: 1}]"
        ),
        "cannot apply JSON patch etcd+json.yaml (document 1) to etcd: operation 2 (`add` at `/spec/x/y`) failed"
    );
    assert_eq!(
        failure("etcd+json.yaml", "a: b\n".replace("a: b", "[{op: remove, path: /spec/x}]").as_str()),
        "cannot apply JSON patch etcd+json.yaml (document 1) to etcd: operation 1 (`remove` at `/spec/x`) failed"
    );
    assert!(failure("etcd+json.yaml", "[{op: test, path: /kind, value: x}]").contains("(`test` at `/kind`) failed"));
    assert_eq!(
        failure("etcd9.yaml", "metadata: {}\n---\nspec: {containers: [{image: x}]}"),
        "cannot apply strategic merge patch etcd9.yaml (document 2) to etcd: an item of the list `spec.containers` lacks \
         its key `name`"
    );
    assert_eq!(
        failure("etcd+merge.yaml", "spec: {containers: {}}"),
        "after merge patch etcd+merge.yaml (document 1), etcd is no valid Pod: `spec.containers` must be a list, not a \
         mapping"
    );
    assert_eq!(
        failure("etcd.yaml", "kind: Deployment"),
        "after strategic merge patch etcd.yaml (document 1), etcd is v1 Deployment instead of v1 Pod: "
    );
}

#[test]
fn json_patches_count_from_the_end_and_take_a_missing_value_for_null() {
    let (set, report) = parse(&[(
        "kubeletconfiguration+json.yaml",
        "- {op: add, path: /a/-1, value: 3}\n- {op: replace, path: /a/-3, value: 0}\n- {op: add, path: /b}\n\
         - {op: remove, path: /a/-2}\n- {op: move, from: /c~1d, path: /e}\n- {op: copy, from: /a, path: /f}\n",
    )]);
    assert!(report.problems.is_empty(), "{report}");
    let patched = set.apply(&KUBELET_CONFIGURATION, json!({ "a": [1, 2], "c/d": 1 })).unwrap();
    assert_eq!(patched.value, json!({ "a": [0, 3], "b": null, "e": 1, "f": [0, 3] }));
}

#[test]
fn merge_patches_follow_rfc_7386() {
    let (set, _) = parse(&[("kubeletconfiguration+merge.yaml", "a: {b: null, c: 1, d: {e: null}}\nlist: [1]\n")]);
    let patched = set.apply(&KUBELET_CONFIGURATION, json!({ "a": { "b": 1 }, "list": [2, 3] })).unwrap();
    assert_eq!(patched.value, json!({ "a": { "c": 1, "d": {} }, "list": [1] }));
}
