//! The package of our interfaces may grow and must not break: what was released once is kept as a copy, and compared.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubephase_plugin::case::{Case, Verdict};
use kubephase_plugin::{CompiledCache, Workbench};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata, semver_check};
use wit_parser::{ManglingAndAbi, PackageId, Resolve, UnresolvedPackageGroup};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of a directory with that extension, each with its name and its text.
#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn files(directory: &Path, extension: &str) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, String::from_utf8(bytes(&path)).expect("text"))
        })
        .collect();
    texts.sort();
    texts
}

fn frozen() -> Vec<(String, String)> {
    files(&root().join("tests/fixtures/wit/0.1.0"), "wit")
}

fn current() -> Vec<(String, String)> {
    files(&root().join("wit/v0.1"), "wit")
}

/// The same package as if it were of another version, with one text replaced by another.
fn changed(version: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let mut found = from.is_empty();
    let mut texts = current();
    for (_, text) in &mut texts {
        *text = text.replace("kubephase:plugin@0.1.0", &format!("kubephase:plugin@{version}"));
        if !from.is_empty() && text.contains(from) {
            *text = text.replacen(from, to, 1);
            found = true;
        }
    }
    assert!(found, "`{from}` stands nowhere");
    texts
}

fn push(resolve: &mut Resolve, texts: &[(String, String)]) -> PackageId {
    let mut map = wit_parser::SourceMap::default();
    for (name, text) in texts {
        map.push(Path::new(name), text.clone());
    }
    let group: UnresolvedPackageGroup = map.parse().map_err(|(_, error)| error).expect("valid WIT");
    resolve.push_group(group).expect("resolved")
}

/// Whether plugins of every world of the old package run on the new one.
fn compatible(old: &[(String, String)], new: &[(String, String)]) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let (old, new) = (push(&mut resolve, old), push(&mut resolve, new));
    for (name, &world) in &resolve.packages[old].worlds {
        let Some(&next) = resolve.packages[new].worlds.get(name) else { return Err(format!("no world {name}")) };
        semver_check(resolve.clone(), world, next).map_err(|error| format!("world {name}: {error:#}"))?;
    }
    Ok(())
}

/// A component of the world `name` that traps whatever it is asked.
fn dummy(texts: &[(String, String)], name: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = push(&mut resolve, texts);
    let world = resolve.packages[package].worlds[name];
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    ComponentEncoder::default().module(&module).expect("a module").validate(true).encode().expect("a component")
}

async fn refusal(component: Vec<u8>) -> String {
    match Workbench::load(component, &CompiledCache::none(), Arc::new(|_, _| {})).await {
        Ok(_) => panic!("it was taken"),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn what_was_released_is_still_served() {
    let now = changed("0.1.99", "", "");
    compatible(&frozen(), &now).expect("plugins built against 0.1.0 run");
}

#[test]
fn the_package_may_grow_in_what_we_provide() {
    let grown = [
        ("    clock-state: func()", "    wakeups: func() -> result<u64, failure>;\n    clock-state: func()"),
        ("    import probe;", "    import probe;\n    import secrets;"),
    ];
    let (mut texts, more) =
        (changed("0.1.1", grown[0].0, grown[0].1), "interface secrets { open: func(name: string); }");
    for (name, text) in &mut texts {
        if name == "worlds.wit" {
            *text = format!("{}\n{more}\n", text.replace(grown[1].0, grown[1].1));
        }
    }
    compatible(&current(), &texts).expect("what we provide may grow");
}

#[test]
fn what_breaks_plugins_is_noticed() {
    for (what, from, to) in [
        (
            "a field more",
            "        id: string,\n        /// How bad it is.",
            "        id: string,\n        more: string,\n        /// How bad it is.",
        ),
        ("a case more", "    enum severity {", "    enum severity {\n        /// Very bad.\n        fatal,"),
        ("a function more to export", "    check: func()", "    warm-up: func();\n    check: func()"),
        (
            "another type",
            "    read: func(path: string) -> result<list<u8>, failure>;",
            "    read: func(path: string) -> list<u8>;",
        ),
        ("a function less to import", "    read-text: func(path: string) -> result<string, failure>;", ""),
    ] {
        compatible(&current(), &changed("0.1.1", from, to)).expect_err(what);
    }
}

#[tokio::test]
async fn a_plugin_of_a_newer_package_is_refused_by_what_it_lacks_here() {
    let newer = changed(
        "0.1.1",
        "    clock-state: func()",
        "    wakeups: func() -> result<u64, failure>;\n    clock-state: func()",
    );
    assert_eq!(
        refusal(dummy(&newer, "preflight-plugin")).await,
        "it imports the function `wakeups` of `kubephase:plugin/probe@0.1.1`, which this kubephase does not have"
    );
    let told = refusal(dummy(&changed("0.2.0", "", ""), "preflight-plugin")).await;
    assert!(
        told.contains("it exports `kubephase:plugin/metadata@0.2.0`, but this kubephase has version 0.1"),
        "{told}"
    );
}

#[tokio::test]
async fn a_dummy_of_every_world_is_taken_until_it_is_asked() {
    for world in ["preflight-plugin", "addon-plugin", "mutator-plugin", "phase-plugin", "plugin"] {
        let told = refusal(dummy(&current(), world)).await;
        assert!(told.starts_with("it cannot describe itself: it gave up"), "{world}: {told}");
    }
    assert_eq!(refusal(dummy(&current(), "base")).await, "it exports none of `preflight`, `addon`, `mutator`, `phase`");
}

#[tokio::test]
async fn a_plugin_that_was_compiled_against_the_released_package_runs() {
    let fixture = root().join("tests/fixtures/plugins/0.1.0");
    let component = bytes(&fixture.join("free-memory.wasm"));
    let ear: kubephase_plugin::Ear = Arc::new(|_, _| {});
    let bench = Workbench::load(component, &CompiledCache::none(), ear.clone()).await.expect("it is taken");
    let mut cases = 0;
    for (name, text) in files(&fixture.join("cases"), "yaml") {
        let case = Case::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(case.run(&bench, ear.clone()).await, Verdict::Passed, "{name}");
        cases += 1;
    }
    assert!(cases >= 3, "only {cases} cases");
}
