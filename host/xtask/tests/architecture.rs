//! Do the crates name only those that ARCHITECTURE.md allows, and do the folders and files that README.md speaks of
//! exist?
#![expect(clippy::disallowed_methods, reason = "a test reads the repository and asks cargo")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Texts in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Rows of tables, as cells.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

#[test]
fn crates_name_only_those_that_are_documented() {
    let text = read("ARCHITECTURE.md");
    let is_ours = |name: &str| name == "xtask" || name == "kubephase" || name.starts_with("kubephase-");
    let documented: BTreeMap<String, BTreeSet<String>> = rows(&text)
        .filter_map(|row| {
            let name = code(row.first()?).next().filter(|name| is_ours(name))?;
            Some((name.to_owned(), code(row.get(1)?).map(str::to_owned).collect()))
        })
        .collect();

    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("cargo's metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let real: BTreeMap<String, BTreeSet<String>> = packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            let ours = dependencies.filter_map(|dependency| dependency["name"].as_str()).filter(|name| is_ours(name));
            (package["name"].as_str().expect("a name").to_owned(), ours.map(str::to_owned).collect())
        })
        .collect();

    assert!(real.len() > 5, "{real:?}");
    assert_eq!(documented, real, "the table in ARCHITECTURE.md (left) is not what the manifests say (right)");
}

/// A path with a placeholder, such as `checks/<name>.rs`, stands for any file of its folder.
#[test]
fn the_readme_names_what_exists() {
    let text = read("README.md");
    let paths: BTreeSet<&str> = code(&text)
        .filter(|word| word.starts_with("host/") || word.starts_with("tests/") || word.starts_with('.'))
        .filter(|word| !word.contains(' '))
        .map(|word| word.split(['<', '*']).next().unwrap_or(word).trim_end_matches("v1_NN.rs"))
        .collect();
    let missing: Vec<&&str> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(paths.len() > 20, "{paths:?}");
    assert!(missing.is_empty(), "README.md speaks of {missing:?}");

    let folders = fs::read_dir(root().join("host")).expect("host/").filter_map(|entry| {
        let entry = entry.expect("an entry");
        entry.path().is_dir().then(|| format!("host/{}", entry.file_name().to_string_lossy()))
    });
    let untold: Vec<String> = folders.filter(|folder| !paths.contains(folder.as_str())).collect();
    assert!(untold.is_empty(), "README.md is silent about {untold:?}");
}

/// What a heading's link ends with.
fn anchor(line: &str) -> Option<String> {
    let (_, title) = line.split_once("# ").filter(|(marks, _)| marks.bytes().all(|b| b == b'#'))?;
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

/// Links to pages of this repository, and to headings of the same page, lead somewhere.
#[test]
fn links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(page);
        let anchors: Vec<String> = text.lines().filter_map(anchor).collect();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let is_here = match target.strip_prefix('#') {
                Some(heading) => anchors.iter().any(|anchor| anchor == heading),
                None => target.contains("://") || root().join(target).exists(),
            };
            assert!(is_here, "{page} links to {target}");
        }
    }
}
