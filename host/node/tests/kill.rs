//! A writer that is killed at any moment leaves every file old or new, whole, and the next run cleans up after it.

#![expect(clippy::disallowed_methods, reason = "the test starts and kills a writer, and looks at what it left")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kubephase_node::{File, Node};

/// Set for the process that writes: the root that it writes below, and the generation that it starts with.
const WRITER: &str = "KUBEPHASE_TEST_WRITER";
const FIRST: &str = "KUBEPHASE_TEST_FIRST";
const ROUNDS: u64 = 40;
/// Large enough to need many pages, so that half a write would show.
const LINES: usize = 4000;

fn files(generation: u64) -> Vec<File> {
    let text = format!("{generation:016}\n").repeat(LINES);
    let paths = ["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key", "/var/lib/kubelet/config.yaml"];
    paths.iter().map(|path| File { mode: 0o600, ..File::secret(*path, text.clone()) }).collect()
}

/// The writer: not a test of its own, it does nothing unless it was started by the test below.
#[test]
fn writer() {
    let Some(root) = std::env::var_os(WRITER) else { return };
    let first = std::env::var(FIRST).expect("it comes with the root").parse().expect("a number");
    let node = Node::at(Path::new(&root));
    for generation in first.. {
        node.ensure_all(&files(generation)).expect("written");
        node.changes();
    }
}

/// The generation that a file holds; it must hold one wholly.
fn generation(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).expect("readable");
    let lines: BTreeSet<&str> = text.lines().collect();
    assert_eq!((lines.len(), text.len()), (1, LINES * 17), "{} is half written", path.display());
    lines.first().and_then(|line| line.parse().ok()).expect("a number")
}

#[test]
fn every_file_is_whole_after_a_kill() {
    use std::os::unix::fs::PermissionsExt;

    let root = tempfile::tempdir().expect("a root");
    let exe = std::env::current_exe().expect("this test");
    let all: Vec<_> = files(0).into_iter().map(|file| root.path().join(&file.path[1..])).collect();
    let mut left_behind = 0;
    let mut seed = [0_u8; 8];
    Node::real().random(&mut seed);
    let seed = u64::from_le_bytes(seed);
    for round in 0..ROUNDS {
        let first = (round + 1) * 1_000_000;
        let mut child = Command::new(&exe)
            .args(["--exact", "writer"])
            .env(WRITER, root.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("the writer starts");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !all.iter().all(|path| path.exists() && generation(path) >= first) {
            assert!(Instant::now() < deadline, "the writer has written nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        let wait = seed.wrapping_mul(round + 1).rotate_left(23) % 25_000;
        std::thread::sleep(Duration::from_micros(wait));
        // While it is alive, a reader sees whole files too.
        for path in &all {
            let _whole = generation(path);
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");

        let generations: Vec<u64> = all.iter().map(|path| generation(path)).collect();
        // They get into place in order, so an earlier file is never older than a later one.
        assert!(generations.is_sorted_by(|a, b| a >= b), "seed {seed}, round {round}: {generations:?}");
        assert!(generations[0] - generations[2] <= 1, "seed {seed}, round {round}: {generations:?}");
        for path in &all {
            assert_eq!(std::fs::metadata(path).expect("there").permissions().mode() & 0o7777, 0o600);
        }
        left_behind += leftovers(root.path());
    }
    assert!(left_behind > 0, "no kill has hit a write: the test does not test anything");
    Node::at(root.path()).ensure_all(&files(u64::from(u32::MAX))).expect("written");
    assert_eq!(leftovers(root.path()), 0, "the next run cleans up");
}

fn leftovers(root: &Path) -> usize {
    let directories = ["etc/kubernetes/pki", "var/lib/kubelet"];
    let entries = directories.iter().flat_map(|directory| std::fs::read_dir(root.join(directory)).expect("there"));
    entries.filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().starts_with('.')).count()
}
