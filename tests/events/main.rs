//! What programs read: every line that `-o json` prints is described by the published schema, nothing else is on
//! standard output, and a failure is told once. Runs are dry or fail early: no privileges are needed.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

#[path = "../support/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use crate::support::program::Program;

const SCHEMA: &str = include_str!("../../host/docs/events.schema.json");

const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1, criSocket: 'unix:///nowhere.sock'}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("JSON")
}

/// The kinds of lines that the schema knows.
fn kinds(schema: &Value) -> BTreeSet<String> {
    let kinds = schema["oneOf"].as_array().expect("alternatives");
    kinds.iter().map(|kind| kind["properties"]["event"]["const"].as_str().expect("a kind").to_owned()).collect()
}

struct Told {
    code: Option<i32>,
    lines: Vec<Value>,
}

impl Told {
    fn of_kind(&self, kind: &str) -> usize {
        self.lines.iter().filter(|line| line["event"] == kind).count()
    }

    fn failures(&self) -> usize {
        self.of_kind("failed") + self.of_kind("error")
    }
}

/// Runs with `-o json` and reads every line by the schema.
#[track_caller]
fn run(directory: &Path, args: &str) -> Told {
    let schema = jsonschema::validator_for(&schema()).expect("a schema");
    let outcome = Program::kubephase().within(directory).run(args.split(' ').chain(["-o", "json"]));
    assert_eq!(outcome.err(), "", "{outcome}");
    let lines = outcome.out().lines().map(|line| read(&schema, line)).collect();
    Told { code: outcome.code, lines }
}

#[track_caller]
fn read(schema: &Validator, line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    if let Err(error) = schema.validate(&value) {
        panic!("{error}: {line}");
    }
    value
}

fn directory(config: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("c.yaml"), config).expect("written");
    directory
}

#[test]
fn the_schema_is_one() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    // It tells right from wrong.
    for wrong in [r#"{"event":"nope"}"#, r#"{"event":"ended","millis":-1,"ran":0,"skipped":0}"#, r#"{"event":"ended"}"#]
    {
        assert!(!validator.is_valid(&serde_json::from_str(wrong).expect("JSON")), "{wrong}");
    }
}

#[test]
fn runs_print_what_the_schema_says_and_every_kind_of_it() {
    let directory = directory(CONFIG);
    let at = directory.path();
    let mut seen = BTreeSet::new();
    let mut keep = |told: Told| {
        seen.extend(told.lines.iter().map(|line| line["event"].as_str().expect("a kind").to_owned()));
        told
    };

    let dry = "init --config c.yaml --dry-run --dry-run-dir";
    // No container runtime is at that socket.
    let told = keep(run(at, &format!("{dry} stopped")));
    assert_eq!((told.code, told.of_kind("error"), told.of_kind("failed"), told.of_kind("ended")), (Some(1), 1, 0, 1));
    assert!(told.of_kind("finding") > 0 && told.lines.last().expect("lines")["event"] == "error");

    let told = keep(run(
        at,
        &format!(
            "{dry} ignored --ignore-preflight-errors all --skip-phases kubelet-start,upload-certs,kubelet-finalize"
        ),
    ));
    assert_eq!((told.code, told.failures(), told.of_kind("ended")), (Some(0), 0, 1));
    assert!(!told.lines.iter().any(|line| line.to_string().contains("PRIVATE KEY")));
    let phases = told.lines[0..3].iter().find_map(|line| line["phases"].as_array()).expect("what is to be run");
    let ends = |phase: &Value, kind: &str| {
        told.lines.iter().filter(|line| line["event"] == kind && line["path"] == *phase).count()
    };
    for phase in phases {
        // The only one that has nothing to do: there are no plugins.
        let finishes = usize::from(phase != "upload-config/plugins");
        let ended = (ends(phase, "finished"), ends(phase, "skipped"));
        assert_eq!(ended, (finishes, 1 - finishes), "{phase}: every phase that began has ended");
    }
    assert_eq!(phases.len(), told.of_kind("finished") + 1);

    let told = keep(run(at, "init phase kubeconfig admin --config c.yaml --dry-run --dry-run-dir empty"));
    assert_eq!((told.code, told.of_kind("failed"), told.failures()), (Some(1), 1, 1), "told once");
    assert!(told.lines.last().expect("lines")["hint"].as_str().expect("a hint").contains("certs ca"));

    let told = keep(run(at, "init --config c.yaml --plan"));
    assert_eq!((told.code, told.failures()), (Some(0), 0));

    let told = keep(run(at, "init --rootfs nowhere"));
    assert_eq!((told.code, told.of_kind("error"), told.lines.len()), (Some(1), 1, 1));

    let told = keep(run(at, "init --config nowhere.yaml"));
    assert_eq!((told.code, told.of_kind("problem"), told.lines.len()), (Some(2), 1, 1));

    let told = keep(run(at, "config validate --config c.yaml"));
    assert_eq!((told.code, told.lines.len()), (Some(0), 0), "nothing to tell");

    assert_eq!(seen, kinds(&schema()));
}

#[test]
fn problems_of_a_configuration_have_their_places() {
    let config = format!("{CONFIG}networking: {{serviceSubnet: nonsense}}\nunknown: 1\n");
    let directory = directory(&config);
    for args in ["config validate --config c.yaml", "init --strict --config c.yaml"] {
        let told = run(directory.path(), args);
        assert_eq!((told.code, told.of_kind("problem")), (Some(2), told.lines.len()), "{args}");
        let unknown = told.lines.iter().find(|line| line["message"].as_str().is_some_and(|m| m.contains("unknown")));
        let unknown = unknown.unwrap_or_else(|| panic!("{args}: {:?}", told.lines));
        assert_eq!((&unknown["line"], &unknown["file"]), (&Value::from(12), &Value::from("c.yaml")));
    }
}
