//! kill -9 at many moments.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::sandbox::{CONFIG, Sandbox, is_leftover};
use crate::whole;

/// How many runs are killed, spread evenly over the time that a run takes.
const KILLS: u32 = 60;

#[test]
fn whatever_the_moment() {
    const TEST: &str = "killed::whatever_the_moment";
    let Some(model) = Sandbox::new(TEST, CONFIG) else { return };
    let begun = Instant::now();
    model.complete();
    let full = begun.elapsed();
    let expected: BTreeSet<String> = model.files().into_keys().collect();
    let mut states = BTreeSet::new();
    for kill in 0..KILLS {
        let Some(sandbox) = Sandbox::new(TEST, CONFIG) else { return };
        let mut child = sandbox.start(&[]);
        std::thread::sleep(full * kill / KILLS);
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        let at = format!("killed after {:?} of {full:?}", full * kill / KILLS);

        let left = sandbox.files();
        for (path, (mode, _, contents)) in left.iter().filter(|(path, _)| !is_leftover(path)) {
            let Some(contents) = contents else { continue };
            whole::check(path, contents);
            let private = path.ends_with(".key") || path.ends_with(".conf") || path.contains("/manifests/");
            assert!(!private || *mode == 0o600, "{at}: {path} has mode {mode:o}");
        }
        states.insert(left.len());
        sandbox.complete();
        let after = sandbox.files();
        let now: BTreeSet<String> = after.keys().cloned().collect();
        assert_eq!(now, expected, "{at}: missing or left over");
        for (path, (_, _, contents)) in &left {
            // What was in place stays: a new CA would make everything else useless.
            if path.starts_with("etc/kubernetes") && contents.is_some() && !is_leftover(path) {
                assert!(after[path].2 == *contents, "{at}: {path} was made anew");
            }
        }
    }
    assert!(states.len() > 2, "all kills met the same state, so they tell nothing: {states:?}");
}

/// Ten kills in a row on the same directory, then a run to the end.
#[test]
fn again_and_again() {
    const TEST: &str = "killed::again_and_again";
    let Some(sandbox) = Sandbox::new(TEST, CONFIG) else { return };
    let begun = Instant::now();
    Sandbox::new(TEST, CONFIG).expect("as before").complete();
    let full = begun.elapsed();
    let mut authority = None;
    for kill in 1..=10 {
        let mut child = sandbox.start(&[]);
        std::thread::sleep(full * kill / 10 + Duration::from_millis(1));
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        let files = sandbox.files();
        let key = files.get("etc/kubernetes/pki/ca.key").and_then(|(_, _, contents)| contents.clone());
        assert!(authority.is_none() || key == authority, "the authority has changed");
        authority = key;
    }
    sandbox.complete();
    let files = sandbox.files();
    assert!(authority.is_none() || files["etc/kubernetes/pki/ca.key"].2 == authority, "the authority has changed");
    assert!(!files.keys().any(|path| is_leftover(path)), "{:?}", files.keys());
    assert!(sandbox.complete().iter().all(|(kind, _)| kind == "unchanged"));
}
