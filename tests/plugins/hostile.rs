//! The hostile plugin on the command line: exit codes, who is named, what a terminal is shown, and that the node is as it
//! would be without it. What stops each attack is tested with the host, in `host/plugin/tests/hostile`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::components::{component, configuration, entry, team};
use crate::desk::Desk;
use crate::real::Stage;
use crate::runs::tree;
use crate::support::program::Outcome;

/// The plugin's entry. With `patches` it is asked for them first, otherwise for its images.
fn hostile(attack: &str, patches: bool) -> Value {
    let mut hostile = entry("hostile");
    hostile["settings"] = json!({ "attack": attack });
    hostile["timeout"] = json!("1s");
    if !patches {
        hostile["grants"]["patches"] = json!([]);
    }
    hostile
}

/// Rehearses with these plugins, and checks what is so whatever comes of it.
fn rehearse(desk: &Desk, plugins: &[Value], more: &str) -> Outcome {
    desk.write("cluster.yaml", &configuration(plugins));
    let outcome = desk.run_cached(&format!("rehearse init --config cluster.yaml {more}"));
    // JSON is for programs; what is in it is escaped as JSON is, and no further.
    let is_json = more.contains("-o json");
    for (name, text) in [("stdout", outcome.out()), ("stderr", outcome.err())] {
        let is_odd = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\t');
        let hides = |c: char| {
            c.is_control() && !c.is_ascii()
                || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        let is_plain = !text.contains(is_odd) && (is_json || !text.contains(hides));
        assert!(is_plain, "{name} would change a terminal: {outcome}");
    }
    outcome
}

#[test]
fn a_plugin_that_breaks_is_named_and_ends_the_run_with_3() {
    let desk = Desk::new();
    for (attack, patches, says) in [
        ("loop", false, "plugin `hostile`: addon.images: it took longer than 1 s"),
        ("loop", true, "plugin `hostile`: mutator.mutate: it took longer than 1 s"),
        ("panic", false, "plugin `hostile`: addon.images: panicked at "),
        ("memory-bomb", false, "plugin `hostile`: addon.images: it wanted more than the 64 MiB of memory"),
        ("large-answer", false, "plugin `hostile`: addon.images: it handed over more than the 4096 KiB"),
        ("recursion", false, "plugin `hostile`: addon.images: it used memory that it does not have"),
        ("not-utf8", false, "plugin `hostile`: addon.images: it handed over text that is not UTF-8"),
        ("patch-bomb", true, "the document would be larger than 4096 KiB"),
    ] {
        let outcome = rehearse(&desk, &[hostile(attack, patches)], "");
        outcome.expect_code(3);
        assert!(outcome.err().contains(says), "{attack}: {outcome}");
        assert!(outcome.err().contains("= hint: "), "{attack}: {outcome}");
        assert!(outcome.took < Duration::from_secs(30), "{attack}: {:?}", outcome.took);
    }
}

#[test]
fn what_is_refused_ends_the_run_with_1_and_says_what_would_allow_it() {
    let desk = Desk::new();
    for (attack, patches, says, grant) in [
        ("patch-host-pid", true, "/spec/hostPID", "privileges: [\"kube-apiserver:hostPID\"]"),
        ("write-outside", true, "/etc/cron.d/hostile: it may not be written", "writes: [/etc/cron.d/hostile]"),
        ("object-foreign-namespace", false, "it may not be applied", "objects: [v1/ConfigMap/kube-system/x]"),
        ("wait-foreign-socket", false, "may not be looked at", "files: [/run/containerd/containerd.sock]"),
        ("finding-link", false, "`javascript:alert(1)` is no URL of a page", "nothing can allow this"),
        // Its own words are not taken for ours.
        ("failure-denied", false, "it is not granted", "hint: the plugin says: privileges: [privileged, hostPID"),
        ("failure-escapes", false, "plugin `hostile`: addon.images: ", "hint: the plugin says: fine"),
    ] {
        let outcome = rehearse(&desk, &[hostile(attack, patches)], "");
        outcome.expect_code(1);
        assert!(outcome.err().contains(says) && outcome.err().contains(grant), "{attack}: {outcome}");
        assert!(outcome.err().contains("plugin `hostile`"), "{attack}: {outcome}");
    }
}

#[test]
fn what_an_operator_has_to_mend_ends_the_run_with_2() {
    let desk = Desk::new();
    let mut ungranted = hostile("", false);
    ungranted["grants"]["http"] = json!([]);
    let outcome = rehearse(&desk, &[ungranted], "");
    outcome.expect_code(2);
    assert!(outcome.err().contains("`http`") && outcome.err().contains("hostile"), "{outcome}");
    let outcome = rehearse(&desk, &[hostile("no-such-attack", false)], "");
    outcome.expect_code(2);
    assert!(outcome.err().contains("settings.attack"), "{outcome}");
    // Not a plugin at all.
    let core = json!({ "name": "hostile", "source": component("hostile-core-module") });
    let outcome = rehearse(&desk, &[core], "");
    outcome.expect_code(2);
    assert!(outcome.err().contains("a core module, not a WebAssembly component"), "{outcome}");
}

#[test]
fn one_function_of_it_is_run_with_the_same_exit_codes() {
    let desk = Desk::new();
    let hostile = component("hostile");
    for (attack, function, code) in [
        ("panic", "preflight.check", 3),
        ("memory-reserved", "addon.render", 3),
        ("object-cluster-admin", "addon.render", 1),
        ("write-setuid", "phase.run", 1),
        ("image-option", "addon.images", 1),
        ("state", "preflight.check", 0),
    ] {
        let line = format!("plugin run {} {function} --grant-all --facts rehearsal", hostile.display());
        let outcome = desk.run_cached(&format!("{line} --settings {{\"attack\":\"{attack}\"}}"));
        outcome.expect_code(code);
        assert!(code == 0 || outcome.err().contains(&format!("plugin `hostile`: {function}: ")), "{attack}: {outcome}");
    }
}

type Lasting = BTreeMap<String, (u32, Option<Vec<u8>>)>;

/// Files that are the same in every run: names and modes of all, contents of those that no key or time is in.
fn lasting(root: &Path) -> Lasting {
    let mut files = tree(root);
    for (path, (_, contents)) in &mut files {
        let lasts = path.starts_with("etc/kubernetes/manifests/") || path == "var/lib/kubelet/config.yaml";
        *contents = contents.take().filter(|_| lasts);
    }
    // Where it keeps what it has done, and certificates that are called by their time.
    let varies = ["var/lib/kubephase", "var/lib/kubelet/pki/kubelet-client-2"];
    files.retain(|path, _| !varies.iter().any(|varies| path.starts_with(varies)));
    files
}

/// What two of them have otherwise, as paths.
fn differing(a: &Lasting, b: &Lasting) -> Vec<String> {
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    paths.into_iter().filter(|path| a.get(*path) != b.get(*path)).cloned().collect()
}

#[test]
fn with_on_failure_warn_the_run_goes_on_and_the_node_is_as_without_it() {
    let desk = Desk::new();
    rehearse(&desk, &[], "--keep without").expect_code(0);
    let without = lasting(&desk.path().join("without"));
    assert!(without.contains_key("etc/kubernetes/manifests/kube-apiserver.yaml"), "{:?}", without.keys());
    for attack in ["panic", "patch-privileged", "write-outside", "write-manifest", "object-cluster-admin", "fill-bomb"]
    {
        let mut plugin = hostile(attack, true);
        plugin["onFailure"] = json!("warn");
        let outcome = rehearse(&desk, &[plugin], &format!("--keep {attack}"));
        outcome.expect_code(0);
        let told = outcome
            .err()
            .lines()
            .any(|line| line.contains("plugin `hostile`: ") && line.contains("going on without it (onFailure: warn)"));
        assert!(told, "{attack}: {outcome}");
        assert_eq!(differing(&lasting(&desk.path().join(attack)), &without), Vec::<String>::new(), "{attack}");
    }
}

#[test]
fn a_refused_plugin_changes_nothing_before_the_run_stops() {
    let desk = Desk::new();
    let outcome = rehearse(&desk, &[hostile("patch-host-pid", true)], "--keep machine");
    outcome.expect_code(1);
    let files = tree(&desk.path().join("machine"));
    let made: Vec<&String> = files.keys().filter(|path| path.contains("manifests/") || path.contains("pki/")).collect();
    assert!(made.is_empty(), "{made:?}");
    assert!(!files.keys().any(|path| path.starts_with("etc/hostile")), "{:?}", files.keys());
}

/// All good plugins, with and without it.
#[test]
fn other_plugins_keep_their_results() {
    let desk = Desk::new();
    let good = team("flannel");
    rehearse(&desk, &good, "--keep without").expect_code(0);
    let without = lasting(&desk.path().join("without"));
    for attack in ["panic", "memory-bomb", "patch-flags", "log-flood"] {
        let mut plugins = good.clone();
        let mut plugin = hostile(attack, true);
        plugin["onFailure"] = json!("warn");
        // The first to be asked everywhere.
        plugins.insert(0, plugin);
        rehearse(&desk, &plugins, &format!("--keep {attack}")).expect_code(0);
        assert_eq!(differing(&lasting(&desk.path().join(attack)), &without), Vec::<String>::new(), "{attack}");
    }
}

/// Its findings are its own, whatever they are called.
#[test]
fn names_of_native_checks_are_not_taken() {
    let desk = Desk::new();
    let plugin = [hostile("finding-native", false)];
    let outcome = rehearse(&desk, &plugin, "--ignore-preflight-errors=NumCPU,Swap,IsPrivilegedUser");
    outcome.expect_code(1);
    for name in ["hostile/NumCPU", "hostile/Swap", "hostile/IsPrivilegedUser", "hostile/all"] {
        assert!(outcome.err().contains(&format!("error {name}: ")), "{outcome}");
    }
    rehearse(&desk, &plugin, "--ignore-preflight-errors=hostile").expect_code(0);
    // Both of two that are called the same are told.
    let outcome = rehearse(&desk, &[hostile("finding-twice", false)], "");
    outcome.expect_code(1);
    assert_eq!(outcome.err().matches("error hostile/Twice: ").count(), 2, "{outcome}");
}

/// What is written may be anything; what is shown of it is plain.
#[test]
fn texts_do_not_reach_the_terminal_as_they_are() {
    let desk = Desk::new();
    for attack in ["write-escapes", "log-escapes", "progress-escapes"] {
        let outcome = rehearse(&desk, &[hostile(attack, false)], "-v=3");
        outcome.expect_code(0);
        let events = rehearse(&desk, &[hostile(attack, false)], "-o json");
        events.expect_code(0);
        for line in events.out().lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{attack}: {line}");
        }
    }
}

/// A granted path that a link leads out of what is granted.
#[test]
fn nothing_is_written_behind_a_link() {
    let mut plugin = hostile("write", false);
    plugin["settings"]["paths"] = json!(["/etc/hostile/out/file"]);
    let stage = Stage::new(vec![plugin]);
    let root = stage.machine.root().to_path_buf();
    fs::create_dir_all(root.join("etc/hostile")).expect("a directory");
    fs::create_dir_all(root.join("srv/outside")).expect("a directory");
    // Absolute links of the machine begin at its root, as with `--rootfs`.
    symlink("../../srv/outside", root.join("etc/hostile/out")).expect("a link");
    let failed = stage.run(stage.node(), |_, _| {}).failed();
    assert!(failed.contains("hostile") && failed.contains("/etc/hostile/out"), "{failed}");
    let behind: Vec<_> = fs::read_dir(root.join("srv/outside")).expect("a directory").collect();
    assert!(behind.is_empty(), "{behind:?}");
}
