//! Commands whose output is the result: `config print`, `config images list`, `config migrate`, `version`.

use std::fs;

use serde_json::{Value, json};

use crate::support::case::{Case, golden};
use crate::support::difference::{between, report};
use crate::support::meaning::{Meaning, yaml_documents};
use crate::support::program::{Outcome, Program};

/// Documents as a meaning, so that differences have places.
fn documents(text: &[u8]) -> Meaning {
    let documents = yaml_documents(text).unwrap_or_else(|e| panic!("{e}:\n{}", String::from_utf8_lossy(text)));
    documents.into_iter().enumerate().map(|(i, d)| (format!("document {i}"), d)).collect()
}

fn recorded(file: &str) -> Vec<u8> {
    fs::read(golden().join("print").join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[track_caller]
fn same(what: &str, expected: &Meaning, outcome: &Outcome) {
    outcome.expect_code(0);
    let differences = between(expected, &documents(&outcome.stdout));
    assert!(differences.is_empty(), "{what}: {}\n{outcome}", report(&differences));
}

#[test]
fn print_init_defaults() {
    let outcome = Program::kubephase().run(["config", "print", "init-defaults"]);
    same("init-defaults", &documents(&recorded("print-init-defaults.out")), &outcome);
}

#[test]
fn print_init_defaults_with_component_configs() {
    let kinds = "KubeletConfiguration,KubeProxyConfiguration";
    let outcome = Program::kubephase().run(["config", "print", "init-defaults", "--component-configs", kinds]);
    same("init-defaults", &documents(&recorded("print-init-defaults-all.out")), &outcome);
}

#[test]
fn print_join_defaults() {
    let outcome = Program::kubephase().run(["config", "print", "join-defaults"]);
    let mut expected = documents(&recorded("print-join-defaults.out"));
    // kubeadm prints the host's name here, and here alone.
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name").trim().to_lowercase();
    for document in expected.values_mut() {
        document["nodeRegistration"]["name"] = json!(name);
    }
    same("join-defaults", &expected, &outcome);
}

#[test]
fn print_reset_and_upgrade_defaults() {
    for kind in ["reset-defaults", "upgrade-defaults"] {
        let outcome = Program::kubephase().run(["config", "print", kind]);
        same(kind, &documents(&recorded(&format!("print-{kind}.out"))), &outcome);
    }
}

#[test]
fn print_refuses_unknown_component_configs() {
    let outcome = Program::kubephase().run(["config", "print", "init-defaults", "--component-configs", "Foo"]);
    outcome.expect_code(2);
    for word in ["Foo", "KubeletConfiguration", "KubeProxyConfiguration"] {
        assert!(outcome.err().contains(word), "{outcome}");
    }
    assert_eq!(outcome.out(), "");
}

#[test]
fn images_list() {
    for case in Case::all() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let called = folder.path().display().to_string();
        case.place_in(folder.path(), &called);
        let Some(args) = case.command("images-list.cmd", &called) else { continue };
        let outcome = Program::kubephase().run(args);
        outcome.expect_code(0);
        assert_eq!(outcome.out(), case.text("images-list.out").expect("a recording"), "{}", case.name);
    }
}

#[test]
fn images_list_for_programs() {
    let args = ["config", "images", "list", "--kubernetes-version", "v1.36.2", "-o"];
    let expected: Value = serde_json::from_slice(&recorded("config-images-list-json.out")).expect("JSON");
    let outcome = Program::kubephase().run(args.iter().chain(&["json"]));
    outcome.expect_code(0);
    assert_eq!(serde_json::from_slice::<Value>(&outcome.stdout).expect("JSON"), expected, "{outcome}");
    let outcome = Program::kubephase().run(args.iter().chain(&["yaml"]));
    outcome.expect_code(0);
    assert_eq!(serde_yaml::from_slice::<Value>(&outcome.stdout).expect("YAML"), expected, "{outcome}");
}

/// kubeadm writes `controlPlaneComponentHealthCheck: 0s` for a file that is v1beta4 already, which makes the migrated
/// file fail where the original worked; ours keeps the default.
#[test]
fn migrate() {
    for case in Case::all() {
        let Some(recorded) = case.text("migrated.yaml") else { continue };
        let folder = tempfile::tempdir().expect("a temporary directory");
        let called = folder.path().display().to_string();
        case.place_in(folder.path(), &called);
        let config = format!("{called}/config.yaml");
        let mut expected = documents(recorded.replace("CASE", &called).as_bytes());
        let outcome = Program::kubephase().run(["config", "migrate", "--old-config", &config]);
        outcome.expect_code(0);
        let mut actual = documents(&outcome.stdout);
        for document in expected.values_mut().filter(|d| d["kind"] == "InitConfiguration") {
            let timeout = &mut document["timeouts"]["controlPlaneComponentHealthCheck"];
            if *timeout == "0s" {
                *timeout = json!("4m0s");
            }
        }
        if case.name == "20-minimal-config" {
            // Random, or the host's.
            for document in
                expected.values_mut().chain(actual.values_mut()).filter(|d| d["kind"] == "InitConfiguration")
            {
                document["bootstrapTokens"][0]["token"] = json!("random");
                document["localAPIEndpoint"]["advertiseAddress"] = json!("this host's");
                document["nodeRegistration"]["name"] = json!("this host's");
            }
        } else if case.name == "11-node-registration" {
            // kubeadm lower-cases the name and keeps the rest.
            assert_eq!(actual["document 0"]["nodeRegistration"]["name"], "node-upper.example.com");
        }
        let differences = between(&expected, &actual);
        assert!(differences.is_empty(), "{}: {}\n{outcome}", case.name, report(&differences));
        // To a file, with the same contents and nothing on stdout.
        let new = folder.path().join("new.yaml").display().to_string();
        let outcome = Program::kubephase().run(["config", "migrate", "--old-config", &config, "--new-config", &new]);
        outcome.expect_code(0);
        assert_eq!(outcome.out(), "", "{outcome}");
        if case.name != "20-minimal-config" {
            assert_eq!(documents(&fs::read(&new).expect("the new file")), actual, "{}", case.name);
        }
    }
}

/// What migrates is valid and means the same: it migrates to itself, without a word.
#[test]
fn migrated_is_valid() {
    let case = Case::named("14-v1beta3");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let program = Program::kubephase().within(folder.path());
    case.place_in(folder.path(), "CASE");
    program.run(["config", "migrate", "--old-config", "config.yaml", "--new-config", "new.yaml"]).expect_code(0);
    let outcome = program.run(["config", "validate", "--strict", "--config", "new.yaml"]);
    outcome.expect_code(0);
    assert_eq!(outcome.err(), "", "{outcome}");
    let again = program.run(["config", "migrate", "--old-config", "new.yaml"]);
    same("again", &documents(&fs::read(folder.path().join("new.yaml")).expect("a file")), &again);
}

#[test]
fn version() {
    let short = Program::kubephase().run(["version", "-o", "short"]);
    short.expect_code(0);
    let json = Program::kubephase().run(["version", "-o", "json"]);
    json.expect_code(0);
    let value: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let theirs: Value = serde_json::from_slice(&recorded("version-json.out")).expect("JSON");
    // What scripts read from kubeadm is there, the values are ours. Not of the build: the same source gives the same
    // binary, whenever and wherever it is built.
    let of_the_build = ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler"];
    for key in
        theirs["clientVersion"].as_object().expect("a map").keys().filter(|k| !of_the_build.contains(&k.as_str()))
    {
        assert!(value["clientVersion"][key].is_string(), "{key}: {json}");
    }
    assert_eq!(Some(short.out().trim()), value["clientVersion"]["gitVersion"].as_str());
    let yaml = Program::kubephase().run(["version", "-o", "yaml"]);
    yaml.expect_code(0);
    assert_eq!(serde_yaml::from_slice::<Value>(&yaml.stdout).expect("YAML"), value);
}
