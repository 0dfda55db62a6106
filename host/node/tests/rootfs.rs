//! Another root directory: what the process sees and writes afterwards is below it. In a process of its own, because
//! there is no way back.

#![expect(clippy::disallowed_methods, reason = "the test starts a process and looks at what it left")]

use std::process::Command;

use kubephase_node::{File, Node, enter_rootfs, probe};

/// Set for the process that enters: the new root.
const ROOT: &str = "KUBEPHASE_TEST_ROOTFS";

/// The one who enters: not a test of its own, it does nothing unless it was started by the test below.
#[test]
fn enters() {
    let Ok(root) = std::env::var(ROOT) else { return };
    enter_rootfs(&root).expect("entered");
    let node = Node::real();
    assert_eq!(node.read_text("/etc/marker").expect("readable").as_deref(), Some("inside"));
    assert_eq!(node.list("/").expect("listed"), ["etc"]);
    // Without /proc nobody can be seen to be alive, and still nothing of ours is swept away.
    node.ensure_all(&[File::public("/etc/one", "1"), File::public("/etc/two", "2")]).expect("written");
    Node::real().ensure(&File::secret("relative", "to the new root")).expect("written");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn everything_happens_below_the_new_root() {
    if probe::uid(&Node::real()) != 0 {
        eprintln!("skipped: only root may change the root directory");
        return;
    }
    let root = tempfile::tempdir().expect("a root");
    std::fs::create_dir(root.path().join("etc")).expect("a directory");
    std::fs::write(root.path().join("etc/marker"), "inside").expect("a file");
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "enters"])
        .env(ROOT, root.path())
        .status()
        .expect("it runs");
    assert!(status.success());
    for file in ["etc/one", "etc/two", "relative"] {
        assert!(root.path().join(file).exists(), "{file}");
    }
}
