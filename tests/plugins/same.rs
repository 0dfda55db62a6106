//! The same component with the same facts proposes the same bytes, whoever asks and whenever.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::components::{first_party, in_other_languages, place, sources};
use crate::desk::Desk;
use crate::support::skipped;

/// What a case gives its plugin, beside what belongs in the file of facts.
const OF_THE_CALL: [&str; 7] = ["about", "call", "target", "document", "settings", "grants", "expect"];

/// The cases of a plugin: file name and contents.
fn cases(directory: &std::path::Path) -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for entry in
        fs::read_dir(directory.join("cases")).unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
    {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a case");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        cases.push((name, serde_yaml::from_str(&text).expect("YAML")));
    }
    cases.sort_by(|(a, _), (b, _)| a.cmp(b));
    cases
}

/// The first case of each export, and for mutators of each document, that comes to a proposal.
fn one_per_call(directory: &std::path::Path) -> BTreeMap<String, (String, Value)> {
    let mut all = BTreeMap::new();
    for (name, case) in cases(directory) {
        if case["expect"].get("failure").is_none() {
            let call = format!("{} {}", case["call"].as_str().expect("a call"), case["target"].as_str().unwrap_or(""));
            all.entry(call).or_insert((name, case));
        }
    }
    all
}

/// All plugins that there are here, with the directories of their sources.
fn all(test: &str) -> Vec<(PathBuf, PathBuf)> {
    let rust = first_party().into_iter().map(|name| (crate::components::component(&name), sources().join(name)));
    let mut all: Vec<_> = rust.collect();
    let mut missing = Vec::new();
    for (name, directory) in in_other_languages() {
        if place(&name).is_file() { all.push((place(&name), directory)) } else { missing.push(name) }
    }
    if !missing.is_empty() {
        skipped(test, &format!("{} were not built here: `cargo xtask plugins --all-languages`", missing.join(", ")));
    }
    all
}

#[test]
fn every_case_of_every_plugin_passes() {
    let desk = Desk::new();
    let mut passed = 0;
    for (component, directory) in all("same::every_case_of_every_plugin_passes") {
        let (component, directory) = (component.display().to_string(), directory.display().to_string());
        let outcome = desk.program().run(["plugin", "test", &directory, "--component", &component, "-o", "json"]);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let last: Value = serde_json::from_str(outcome.out().lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["event"], &last["failed"]), (&json!("ended"), &json!(0)), "{outcome}");
        passed += last["cases"].as_u64().expect("a number");
    }
    assert!(passed > 150, "{passed}");
}

/// Beside the cases, whose answers are compared as values: the very bytes, of two processes, one with nothing compiled yet.
#[test]
fn two_processes_get_the_same_bytes() {
    let desk = Desk::new();
    let mut asked = 0;
    for (component, directory) in all("same::two_processes_get_the_same_bytes") {
        for (call, (name, case)) in one_per_call(&directory) {
            let mut given = case.clone();
            given.as_object_mut().expect("a case").retain(|field, _| !OF_THE_CALL.contains(&field.as_str()));
            desk.write("facts.yaml", &given.to_string());
            desk.write("document.yaml", &case["document"].to_string());
            let mut words = vec!["plugin".to_owned(), "run".into(), component.display().to_string()];
            words.push(case["call"].as_str().expect("a call").into());
            words.extend(["--facts-file", "facts.yaml", "-o", "json"].map(str::to_owned));
            if let Some(target) = case["target"].as_str() {
                words.extend(["--target", target, "--document", "document.yaml"].map(str::to_owned));
            }
            if !case["settings"].is_null() {
                words.extend(["--settings".into(), case["settings"].to_string()]);
            }
            match case["grants"].as_object() {
                None => words.push("--grant-all".into()),
                Some(grants) => {
                    for (capability, scopes) in grants {
                        for scope in scopes.as_array().expect("scopes") {
                            words.extend([
                                "--grant".into(),
                                format!("{capability}={}", scope.as_str().expect("a scope")),
                            ]);
                        }
                    }
                }
            }
            let first = desk.program().run(&words);
            assert_eq!(first.code, Some(0), "{call} of {name}: {first}");
            let cold = ["--cache-dir".to_owned(), desk.path().join("empty").display().to_string()];
            // Compiling what is large takes a while without optimisation.
            let again = match fs::metadata(&component).expect("there").len() {
                0..1_000_000 if asked % 7 == 0 => desk.program().run(words.iter().chain(&cold)),
                _ => desk.program().run(&words),
            };
            assert_eq!(again.code, Some(0), "{again}");
            assert!(first.stdout == again.stdout, "{call} of {name}:\n{first}\n{again}");
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}
