use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::world::Given;

fn state(facts: &[&str]) -> State {
    let given = json!({ "facts": {
        "pci": [{ "address": "0000:01:00.0", "vendor": 0x10de, "attributes": { "network": "eth0" } }],
        "sysctl": { "net.ipv4.ip_forward": "1" },
    } });
    State::alone(json!({ "facts": facts }), Arc::new(Given::parse(given).expect("well formed")))
}

#[tokio::test]
async fn granted_facts_are_told() {
    let mut state = state(&["pci", "sysctl", "os"]);
    let devices = state.pci().await.expect("no trap").expect("granted");
    assert_eq!((&*devices[0].address, devices[0].vendor), ("0000:01:00.0", 0x10de));
    assert_eq!(devices[0].attributes, [("network".to_owned(), "eth0".to_owned())]);
    let sysctl = |state: &mut State, name: &str| {
        let name = name.to_owned();
        let runtime = Host::sysctl(state, name);
        futures_util::FutureExt::now_or_never(runtime).expect("given").expect("no trap")
    };
    assert_eq!(sysctl(&mut state, "net.ipv4.ip_forward").expect("granted").as_deref(), Some("1"));
    assert_eq!(sysctl(&mut state, "net.ipv4.none").expect("granted"), None);
    for name in ["", "a..b", "../etc", "a\nb"] {
        assert_eq!(sysctl(&mut state, name).expect_err("no name").code, "invalid", "{name:?}");
    }
    assert_eq!(state.os().await.expect("no trap").expect_err("not given").code, "unavailable");
}

#[tokio::test]
async fn other_facts_are_denied_with_the_line_that_would_grant_them() {
    let mut state = state(&["pci"]);
    let denied = state.block_devices().await.expect("no trap").expect_err("not granted");
    assert_eq!((&*denied.code, &*denied.message), ("denied", "the fact `block-devices` is not granted"));
    let remedy = "add to this plugin's entry: grants: {facts: [block-devices]}";
    assert_eq!(denied.remedy.as_deref(), Some(remedy));
    let denied = Host::sysctl(&mut state, "a.b".into()).await.expect("no trap").expect_err("not granted");
    assert_eq!(denied.code, "denied");
}
