use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::world::Given;

fn state(kube: &[&str]) -> State {
    let object = |kind: &str, namespace: Option<&str>, name: &str| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "namespace": namespace, "name": name, "labels": { "n": name } } });
    let given = json!({ "kube": [
        object("ConfigMap", Some("b"), "y"),
        object("ConfigMap", Some("a"), "x"),
        object("Secret", Some("a"), "s"),
        object("Node", None, "n"),
    ] });
    State::alone(json!({ "kube": kube }), Arc::new(Given::parse(given).expect("well formed")))
}

async fn get(kube: &[&str], kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let name = ObjectName {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: namespace.map(str::to_owned),
        name: name.into(),
    };
    state(kube).get(name).await.expect("no trap")
}

async fn list(kube: &[&str], kind: &str, namespace: Option<&str>) -> Result<Vec<String>, Failure> {
    let found = state(kube).list_objects("v1".into(), kind.into(), namespace.map(str::to_owned), String::new()).await;
    let name = |text: &String| serde_json::from_str::<Value>(text).expect("JSON")["metadata"]["name"].to_string();
    found.expect("no trap").map(|objects| objects.iter().map(name).collect())
}

#[tokio::test]
async fn granted_objects_are_read() {
    assert!(get(&["v1/ConfigMap/a"], "ConfigMap", Some("a"), "x").await.expect("granted").is_some());
    assert_eq!(get(&["v1/ConfigMap/a"], "ConfigMap", Some("a"), "none").await, Ok(None));
    assert!(get(&["v1/Node"], "Node", None, "n").await.expect("granted").is_some());
    assert_eq!(list(&["v1/ConfigMap"], "ConfigMap", None).await, Ok(vec!["\"x\"".to_owned(), "\"y\"".to_owned()]));
}

#[tokio::test]
async fn others_are_denied_with_the_line_that_would_grant_them() {
    let denied = get(&["v1/ConfigMap/a"], "ConfigMap", Some("b"), "y").await.expect_err("another namespace");
    assert_eq!((&*denied.code, &*denied.message), ("denied", "reading v1/ConfigMap/b/y is not granted"));
    assert_eq!(denied.remedy.as_deref(), Some("add to this plugin's entry: grants: {kube: [v1/ConfigMap/b/y]}"));
    assert_eq!(list(&["v1/ConfigMap/a"], "ConfigMap", None).await.expect_err("all of them").code, "denied");
}

#[tokio::test]
async fn secrets_are_read_by_name_only() {
    let all = ["v1/Secret", "v1/Secret/a", "v1/*"];
    assert_eq!(get(&all, "Secret", Some("a"), "s").await.expect_err("no pattern").code, "denied");
    assert!(get(&["v1/Secret/a/s"], "Secret", Some("a"), "s").await.expect("granted").is_some());
    let denied = list(&["v1/Secret/a/s"], "Secret", Some("a")).await.expect_err("a list");
    assert_eq!(denied.remedy.as_deref(), Some("ask for each Secret by its name: that can be granted"));
}

#[tokio::test]
async fn without_a_cluster_nothing_can_be_read() {
    let mut state = State::alone(json!({ "kube": ["v1/Node"] }), Arc::new(Given::default()));
    let name = ObjectName { api_version: "v1".into(), kind: "Node".into(), namespace: None, name: "n".into() };
    assert_eq!(state.get(name).await.expect("no trap").expect_err("no cluster").code, "unavailable");
}
