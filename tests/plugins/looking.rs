//! Commands that show what plugins are: for people, and for programs.

use std::fs;

use serde_json::json;

use crate::components::{component, first_party};
use crate::desk::Desk;
use crate::shown;

/// Two plugins and one of workers.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    desk.take("time-sync", "time-sync.wasm");
    desk.configure(
        "plugins:
- name: hello
  source: hello.wasm
  settings: {nodeNamePrefix: cp-}
  grants: {facts: [cluster]}
- name: clock
  source: time-sync.wasm
  grants: {probe: [clock-state]}
  onFailure: warn
- name: on-workers
  source: hello.wasm
  grants: {facts: [cluster]}
  enabled: worker
",
    );
    desk
}

#[test]
fn list_check_pull_and_inspect() {
    let desk = desk();
    shown!(desk, "list-unlocked", desk.run_cached("plugin list --config cluster.yaml"));
    shown!(desk, "check-unlocked", desk.run_cached("plugin check --config cluster.yaml"));
    desk.run_cached("plugin lock --config cluster.yaml").expect_code(0);
    shown!(desk, "check", desk.run_cached("plugin check --config cluster.yaml"));
    shown!(desk, "pull", desk.run_cached("plugin pull --config cluster.yaml"));
    shown!(desk, "list", desk.run_cached("plugin list --config cluster.yaml"));
    shown!(desk, "inspect", desk.run_cached("plugin inspect clock --config cluster.yaml"));
    shown!(desk, "pull-file", desk.run_cached("plugin pull hello.wasm --file copy.wasm"));
    let read = |file: &str| fs::read(desk.path().join(file)).expect("a component");
    assert!(read("copy.wasm") == read("hello.wasm"));
    shown!(desk, "list-none", {
        desk.configure("plugins: []\n");
        desk.run_cached("plugin list --config cluster.yaml")
    });
}

#[test]
fn the_same_for_programs() {
    let desk = desk();
    desk.run_cached("plugin lock --config cluster.yaml").expect_code(0);
    let list = desk.json("plugin list --config cluster.yaml");
    assert_eq!(list["plugins"][2]["runsOn"], "worker");
    let check = desk.json("plugin check --config cluster.yaml");
    assert_eq!(check["plugins"][1]["kinds"], json!(["preflight"]));
    let pulled = desk.json("plugin pull hello.wasm");
    assert_eq!(pulled["plugins"][0]["size"], fs::metadata(component("hello")).expect("there").len());
}

/// Whoever reviews a plugin reads this: name, kinds, what it wants and why.
#[test]
fn every_plugin_says_what_it_is() {
    let desk = Desk::new();
    for name in first_party() {
        let path = component(&name).display().to_string();
        let facts = desk.json(&format!("plugin inspect {path}"));
        assert_eq!(facts["name"], *name);
        assert!(facts["about"].as_str().is_some_and(|about| about.len() > 20), "{name}: {}", facts["about"]);
        assert!(facts["kinds"].as_array().is_some_and(|kinds| !kinds.is_empty()), "{name}");
        assert_eq!(facts["settingsSchema"]["additionalProperties"], false, "{name}: settings are strict");
        for want in facts["wants"].as_array().expect("wants") {
            assert!(want["reason"].as_str().is_some_and(|reason| reason.len() > 8), "{name}: {want}");
            assert!(want["scopes"].as_array().is_some_and(|scopes| !scopes.is_empty()), "{name}: {want}");
        }
        let text = desk.run(&format!("plugin inspect {path}"));
        text.expect_code(0);
        // What is to be pasted is what it wants, and can be pasted.
        if let Some((_, paste)) = text.out().split_once("its entry gets\n\n") {
            let paste = paste.split("\n\n").next().unwrap_or_default();
            let pasted: serde_json::Value =
                serde_yaml::from_str(paste).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(pasted["grants"], crate::components::grants(&name), "{name}");
        }
    }
}
