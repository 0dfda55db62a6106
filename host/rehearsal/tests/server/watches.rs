//! Watches.

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::cluster::{CONFIG_MAPS, Cluster, config_map, told};

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_happens() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let before = admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    let revision = before["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
    let mut live =
        admin.send(Method::GET, &format!("{CONFIG_MAPS}?watch=true&timeoutSeconds=5"), &[], Vec::new()).await;
    admin
        .patch(&format!("{CONFIG_MAPS}/x"), "application/merge-patch+json", &json!({ "data": { "a": "c" } }))
        .await
        .ok();
    admin.delete(&format!("{CONFIG_MAPS}/x"), &json!({})).await.ok();
    let mut text = String::new();
    while text.lines().count() < 3 {
        let frame = live.body_mut().frame().await.expect("a frame").expect("a good one");
        text.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("text"));
    }
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(told(&events), ["ADDED x", "MODIFIED x", "DELETED x"]);
    // From a revision on: what came after it.
    let path = format!("{CONFIG_MAPS}?watch=true&timeoutSeconds=1&resourceVersion={revision}");
    assert_eq!(told(&admin.watch(&path).await), ["MODIFIED x", "DELETED x"]);
}

#[tokio::test]
async fn objects_come_into_a_selection_and_leave_it() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let revision = cluster.server.store().revision();
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    let label = |value: Value| json!({ "metadata": { "labels": { "l": value } } });
    for value in [json!("1"), json!("2"), json!(null)] {
        let path = format!("{CONFIG_MAPS}/x");
        admin.patch(&path, "application/merge-patch+json", &label(value)).await.ok();
    }
    let path = format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1&labelSelector=l&resourceVersion={revision}");
    assert_eq!(told(&admin.watch(&path).await), ["ADDED x", "MODIFIED x", "DELETED x"]);
    let path = format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1&labelSelector=l%3D1&resourceVersion={revision}");
    assert_eq!(told(&admin.watch(&path).await), ["ADDED x", "DELETED x"]);
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    let query = "watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true";
    let path = format!("{CONFIG_MAPS}?{query}&resourceVersionMatch=NotOlderThan");
    let events = admin.watch(&path).await;
    assert_eq!(told(&events), ["ADDED x", "BOOKMARK "]);
    let bookmark = &events[1]["object"];
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(bookmark["kind"], "ConfigMap");
    let revision = cluster.server.store().revision().to_string();
    assert_eq!(bookmark["metadata"]["resourceVersion"], revision);
    let unasked = admin.get(&format!("{CONFIG_MAPS}?{query}")).await.refused(422);
    assert!(unasked.contains("sendInitialEvents requires"), "{unasked}");
}

#[tokio::test]
async fn what_is_forgotten_is_gone() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    cluster.server.store().compact();
    let events = admin.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion=1")).await;
    assert_eq!(events.len(), 1);
    let (ty, status) = (&events[0]["type"], &events[0]["object"]);
    assert_eq!((ty, &status["code"], &status["reason"]), (&json!("ERROR"), &json!(410), &json!("Expired")));
    // Whoever starts anew is fine.
    let events = admin.watch(&format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1&resourceVersion=0")).await;
    assert_eq!(told(&events), ["ADDED x"]);
}

#[tokio::test]
async fn a_server_that_stops_cuts_its_watches() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let live = admin.send(Method::GET, &format!("{CONFIG_MAPS}?watch=true"), &[], Vec::new()).await;
    cluster.server.stop();
    // An end without the last chunk: the connection broke.
    assert!(live.into_body().collect().await.is_err());
}
