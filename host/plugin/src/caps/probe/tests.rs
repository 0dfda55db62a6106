use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::world::Given;

fn state(probe: &[&str]) -> State {
    let given = json!({ "probe": {
        "fdatasync:/var/lib/etcd": { "count": 9, "p50": 1, "p90": 2, "p99": 3, "max": 4 },
        "tcp-connect:10.0.0.1:443": 1200,
        "tcp-connect:[2001:db8::1]:443": 1300,
        "dns-lookup:example.org": ["10.0.0.2", "10.0.0.1"],
        "path-mtu:10.0.0.1": 1450,
        "clock-offset:ntp.example.org": -20,
        "clock-state": { "synchronised": true, "daemons": ["chronyd"] },
    } });
    State::alone(json!({ "probe": probe }), Arc::new(Given::parse(given).expect("well formed")))
}

#[tokio::test]
async fn granted_probes_are_done() {
    let mut state =
        state(&["fdatasync:/var/lib/*", "tcp-connect", "dns-lookup:*.org", "path-mtu", "clock-offset", "clock-state"]);
    assert_eq!(state.latency("/var/lib/etcd", 10, 2300).await.expect("granted").p99, 3);
    assert_eq!(state.connection("10.0.0.1", 443, 1000).await, Ok(1200));
    assert_eq!(state.connection("2001:db8::1", 443, 1000).await, Ok(1300));
    assert_eq!(state.addresses("example.org").await, Ok(vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()]));
    assert_eq!(state.mtu("10.0.0.1").await, Ok(1450));
    assert_eq!(state.offset("ntp.example.org").await, Ok(-20));
    let clock = state.clock().await.expect("granted");
    assert_eq!((clock.synchronised, clock.offset, clock.daemons), (true, None, vec!["chronyd".to_owned()]));
}

#[tokio::test]
async fn others_are_denied_with_the_line_that_would_grant_them() {
    let mut state = state(&["fdatasync:/data", "tcp-connect:10.0.0.1:80"]);
    let denied = state.latency("/var/lib/etcd", 10, 2300).await.expect_err("not granted");
    assert_eq!((&*denied.code, &*denied.message), ("denied", "the probe `fdatasync:/var/lib/etcd` is not granted"));
    let remedy = "add to this plugin's entry: grants: {probe: [\"fdatasync:/var/lib/etcd\"]}";
    assert_eq!(denied.remedy.as_deref(), Some(remedy));
    let codes = [
        state.connection("10.0.0.1", 443, 1000).await.expect_err("another port").code,
        state.addresses("example.org").await.expect_err("not granted").code,
        state.mtu("10.0.0.1").await.expect_err("not granted").code,
        state.offset("ntp.example.org").await.expect_err("not granted").code,
        state.clock().await.expect_err("not granted").code,
    ];
    assert!(codes.iter().all(|code| code == "denied"), "{codes:?}");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let mut state = state(&["fdatasync", "tcp-connect", "dns-lookup"]);
    for (directory, count, size) in
        [("/a/../b", 1, 1), ("a", 1, 1), ("/a", 0, 1), ("/a", 2001, 1), ("/a", 1, 0), ("/a", 1, BLOCK + 1)]
    {
        let failure = state.latency(directory, count, size).await.expect_err(directory);
        assert_eq!(failure.code, "invalid", "{directory} {count} {size}");
    }
    for (host, port, timeout) in [("", 1, 1), ("a b", 1, 1), ("a/b", 1, 1), ("h", 0, 1), ("h", 1, 0), ("h", 1, 10_001)]
    {
        assert_eq!(
            state.connection(host, port, timeout).await.expect_err(host).code,
            "invalid",
            "{host} {port} {timeout}"
        );
    }
    assert_eq!(state.addresses("a\0b").await.expect_err("no name").code, "invalid");
}
