//! Undoing by the journal, on a directory that stands for a node: what is ours goes, what is not stays.

#![expect(clippy::disallowed_methods, reason = "tests look at what was written")]

use std::collections::BTreeMap;
use std::path::Path;

use kubephase_model::File;
use kubephase_node::Node;
use kubephase_workflow::Journal;
use kubephase_workflow::undo::{Step, Undo};

fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                todo.push(path);
                all.insert(name, None);
            } else {
                all.insert(name, Some(std::fs::read(&path).expect("readable")));
            }
        }
    }
    all
}

/// Writes as a run does, and the journal with it.
fn run(node: &Node, files: &[(&str, &str)]) {
    node.keep_originals();
    for (path, text) in files {
        node.ensure(&File::public(*path, *text)).expect("written");
    }
    let mut journal = Journal::read(node).expect("readable").unwrap_or_else(|| Journal::begin("init", String::new()));
    journal.note(&node.changes());
    let copies = journal.keep(node, node.take_originals()).expect("readable");
    node.ensure_untold(&copies).expect("written");
    journal.write(node).expect("written");
}

fn undo(node: &Node) -> (Vec<String>, Vec<String>) {
    let told = std::sync::Mutex::new(Vec::new());
    let undo = Undo::of(node).expect("readable").expect("a journal");
    let steps = undo.steps().iter().map(Step::to_string).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tell = |_, text| told.lock().expect("not poisoned").push(text);
    runtime.block_on(undo.run(node, &tell)).expect("undone");
    (steps, told.into_inner().expect("not poisoned"))
}

#[test]
fn the_tree_is_as_before() {
    let root = tempfile::tempdir().expect("a root");
    std::fs::create_dir_all(root.path().join("etc/theirs")).expect("a directory");
    std::fs::write(root.path().join("etc/theirs/config"), "original").expect("written");
    let before = tree(root.path());
    let node = Node::at(root.path());
    run(&node, &[("/etc/theirs/config", "1"), ("/etc/ours/deep/a", "a"), ("/var/lib/b", "b")]);
    run(&node, &[("/etc/theirs/config", "2"), ("/etc/ours/deep/a", "aa")]);
    let (steps, told) = undo(&Node::at(root.path()));
    assert_eq!(tree(root.path()), before, "{steps:#?}");
    assert!(told.is_empty(), "{told:?}");
    assert!(Undo::of(&node).expect("readable").is_none());
}

#[test]
fn what_others_have_done_stays_and_is_told() {
    let root = tempfile::tempdir().expect("a root");
    let at = |path: &str| root.path().join(path);
    std::fs::create_dir_all(at("etc")).expect("a directory");
    std::fs::write(at("etc/theirs"), "original").expect("written");
    run(&Node::at(root.path()), &[("/etc/theirs", "1"), ("/etc/ours/a", "a")]);
    std::fs::write(at("etc/theirs"), "edited by hand").expect("written");
    std::fs::write(at("etc/ours/stranger"), "x").expect("written");
    let (_, told) = undo(&Node::at(root.path()));
    // The edited file, and the directory with a stranger; what holds the copy says nothing more.
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(std::fs::read_to_string(at("etc/theirs")).expect("there"), "edited by hand");
    let copy = std::fs::read_to_string(at("var/lib/kubephase/backup/etc/theirs")).expect("the copy is kept");
    assert_eq!(copy, "original");
    assert!(at("etc/ours/stranger").exists() && !at("etc/ours/a").exists());
    assert!(!at("var/lib/kubephase/journal.json").exists());
}

#[test]
fn a_dry_run_only_tells() {
    let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
    run(&Node::at(root.path()), &[("/etc/ours/a", "a")]);
    let before = tree(root.path());
    let node = Node::dry_run_of(root.path(), scratch.path());
    undo(&node);
    assert_eq!(tree(root.path()), before);
    let removed: Vec<String> = node.changes().into_iter().map(|change| change.path).collect();
    assert!(removed.contains(&"/etc/ours/a".to_owned()) && removed.contains(&"/var/lib/kubephase".to_owned()));
}
