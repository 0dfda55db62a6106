use super::*;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

fn temporary_root() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o7777
}

fn kinds(node: &Node) -> Vec<(String, ChangeKind)> {
    node.changes().into_iter().map(|change| (change.path, change.kind)).collect()
}

#[test]
fn created_then_unchanged_then_replaced() {
    let root = temporary_root();
    let node = Node::at(root.path());
    let key = File::secret("/etc/kubernetes/pki/sa.key", "one");
    assert_eq!(node.ensure(&key).expect("written").kind, ChangeKind::Created);
    assert_eq!(
        kinds(&node),
        [
            ("/etc".into(), ChangeKind::Created),
            ("/etc/kubernetes".into(), ChangeKind::Created),
            ("/etc/kubernetes/pki".into(), ChangeKind::Created),
            (key.path.clone(), ChangeKind::Created),
        ]
    );
    let place = root.path().join("etc/kubernetes/pki/sa.key");
    assert_eq!((mode_of(&place), std::fs::read(&place).expect("the file")), (0o600, b"one".to_vec()));

    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(&place).expect("it exists").ino();
    assert_eq!(node.ensure(&key).expect("fine").kind, ChangeKind::Unchanged);
    assert_eq!(std::fs::metadata(&place).expect("it exists").ino(), inode, "nothing was written");

    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert_eq!(node.ensure(&key).expect("fine").kind, ChangeKind::Replaced);
    assert_eq!((mode_of(&place), std::fs::metadata(&place).expect("it exists").ino()), (0o600, inode));

    let other = File::secret("/etc/kubernetes/pki/sa.key", "two");
    let change = node.ensure(&other).expect("fine");
    assert_eq!((change.kind, change.diff, change.secret), (ChangeKind::Replaced, None, true));
    assert_eq!(node.read(&key.path).expect("readable").as_deref(), Some(&b"two"[..]));
    assert_eq!(node.changes().len(), 3);
    assert_eq!(node.changes(), [], "drained");
}

#[test]
fn directories_get_the_modes_that_kubeadm_gives_them() {
    let root = temporary_root();
    let node = Node::at(root.path());
    node.ensure(&File::private("/etc/kubernetes/manifests/etcd.yaml", "a: 1\n")).expect("written");
    node.ensure(&File::public("/var/lib/kubelet/config.yaml", "a: 1\n")).expect("written");
    node.ensure_dir("/var/lib/etcd", 0o700).expect("made");
    let at = |path: &str| mode_of(&root.path().join(path));
    assert_eq!((at("etc/kubernetes"), at("etc/kubernetes/manifests")), (0o755, 0o700));
    assert_eq!((at("var/lib"), at("var/lib/kubelet"), at("var/lib/etcd")), (0o755, 0o700, 0o700));
    assert_eq!((at("etc/kubernetes/manifests/etcd.yaml"), at("var/lib/kubelet/config.yaml")), (0o600, 0o644));
    std::fs::set_permissions(root.path().join("var/lib/etcd"), std::fs::Permissions::from_mode(0o750)).expect("chmod");
    assert_eq!(node.ensure_dir("/var/lib/etcd", 0o700).expect("there").kind, ChangeKind::Unchanged);
    assert_eq!(at("var/lib/etcd"), 0o750, "an existing directory keeps its mode");
}

#[test]
fn links_to_directories_and_files_keep_working() {
    let root = temporary_root();
    let node = Node::at(root.path());
    std::fs::create_dir_all(root.path().join("persist/kubernetes")).expect("a directory");
    std::fs::create_dir_all(root.path().join("etc")).expect("a directory");
    symlink("/persist/kubernetes", root.path().join("etc/kubernetes")).expect("a link");
    symlink("../kept/admin.conf", root.path().join("persist/kubernetes/admin.conf")).expect("a link");
    std::fs::create_dir_all(root.path().join("persist/kept")).expect("a directory");
    node.ensure(&File::secret("/etc/kubernetes/admin.conf", "x")).expect("written");
    assert_eq!(std::fs::read(root.path().join("persist/kept/admin.conf")).expect("there"), b"x");
    assert!(root.path().join("persist/kubernetes/admin.conf").is_symlink());
    assert_eq!(
        node.ensure(&File::secret("/etc/kubernetes/admin.conf", "x")).expect("same").kind,
        ChangeKind::Unchanged
    );
    node.remove("/etc/kubernetes/admin.conf").expect("the link goes");
    assert!(root.path().join("persist/kept/admin.conf").exists(), "what it pointed to stays");
}

#[test]
fn leftovers_of_a_killed_run_go_with_the_next_write() {
    let root = temporary_root();
    let directory = root.path().join("etc/kubernetes");
    std::fs::create_dir_all(&directory).expect("a directory");
    let leftover = directory.join(format!(".kubephase-tmp.{}.1.0", u32::MAX));
    std::fs::write(&leftover, "half a key").expect("a leftover");
    let node = Node::at(root.path());
    assert_eq!(node.list("/etc/kubernetes").expect("listed"), Vec::<String>::new(), "not shown");
    node.ensure(&File::public("/etc/kubernetes/x", "x")).expect("written");
    assert!(!leftover.exists());
    // Also if there is nothing to write.
    std::fs::write(&leftover, "half a key").expect("a leftover");
    Node::at(root.path()).ensure(&File::public("/etc/kubernetes/x", "x")).expect("unchanged");
    assert!(!leftover.exists());
    assert_eq!(node.list("/etc/kubernetes").expect("listed"), ["x"]);
}

#[test]
fn nothing_gets_into_place_if_one_cannot_be_staged() {
    let root = temporary_root();
    let node = Node::at(root.path());
    std::fs::write(root.path().join("file"), "").expect("a file");
    let error =
        node.ensure_all(&[File::public("/one", "1"), File::public("/file/two", "2")]).expect_err("no directory");
    assert_eq!((error.to_string().as_str(), error.path()), ("cannot write /file/two", "/file/two"));
    assert!(error.hint().expect("advice").contains("move it away"), "{:?}", error.hint());
    assert_eq!(node.list("/").expect("listed"), ["file"]);
    assert_eq!(std::fs::read_dir(root.path()).expect("listed").count(), 1, "no temporary file is left");
    let error = node.ensure(&File::public("/", "x")).expect_err("a directory");
    assert!(error.hint().expect("advice").contains("directory is where the file should be"));
}

#[test]
fn removing_twice_is_no_error() {
    let root = temporary_root();
    let node = Node::at(root.path());
    node.ensure(&File::public("/x", "x")).expect("written");
    assert_eq!(node.remove("/x").expect("gone").kind, ChangeKind::Removed);
    assert_eq!(node.remove("/x").expect("still gone").kind, ChangeKind::Unchanged);
    assert_eq!((node.exists("/x"), node.read("/x").expect("fine")), (false, None));
}

#[test]
fn a_dry_run_writes_only_into_its_scratch() {
    let (root, scratch) = (temporary_root(), temporary_root());
    std::fs::create_dir_all(root.path().join("etc/kubernetes")).expect("a directory");
    std::fs::write(root.path().join("etc/kubernetes/kept.conf"), "kept\n").expect("a file");
    std::fs::write(root.path().join("etc/kubernetes/changed.conf"), "old\n").expect("a file");
    std::fs::set_permissions(root.path().join("etc/kubernetes/kept.conf"), std::fs::Permissions::from_mode(0o644))
        .expect("chmod");
    // What an earlier dry run left must not count.
    std::fs::create_dir_all(scratch.path().join("etc/kubernetes/manifests")).expect("a directory");
    std::fs::write(scratch.path().join("etc/kubernetes/manifests/etcd.yaml"), "stale").expect("a file");

    let node = Node::dry_run_of(root.path(), scratch.path().join("."));
    assert!(node.is_dry_run());
    assert!(!node.exists("/etc/kubernetes/manifests/etcd.yaml"));
    let kept = File::public("/etc/kubernetes/kept.conf", "kept\n");
    assert_eq!(node.ensure(&kept).expect("written").kind, ChangeKind::Unchanged);
    let change = node.ensure(&File::public("/etc/kubernetes/changed.conf", "new\n")).expect("written");
    assert!(change.diff.expect("a diff").contains("-old\n+new\n"));
    let manifest = File::private("/etc/kubernetes/manifests/etcd.yaml", "a: 1\n");
    assert_eq!(node.ensure(&manifest).expect("written").kind, ChangeKind::Created);
    assert_eq!(node.ensure(&manifest).expect("seen again").kind, ChangeKind::Unchanged);
    node.ensure_dir("/var/lib/etcd", 0o700).expect("made");
    assert!(node.is_dir("/var/lib/etcd") && node.is_dir("/etc/kubernetes/manifests"));
    node.remove("/etc/kubernetes/kept.conf").expect("as if");
    assert!(!node.exists("/etc/kubernetes/kept.conf"));
    assert_eq!(node.list("/etc/kubernetes").expect("merged"), ["changed.conf", "manifests"]);

    let real = |path: &str| std::fs::read_to_string(root.path().join(path)).ok();
    assert_eq!(real("etc/kubernetes/kept.conf").as_deref(), Some("kept\n"));
    assert_eq!(real("etc/kubernetes/changed.conf").as_deref(), Some("old\n"));
    assert!(!root.path().join("etc/kubernetes/manifests").exists() && !root.path().join("var").exists());
    let written = scratch.path().join("etc/kubernetes/manifests/etcd.yaml");
    assert_eq!((std::fs::read_to_string(&written).expect("there").as_str(), mode_of(&written)), ("a: 1\n", 0o600));
    let created: Vec<_> = kinds(&node).into_iter().filter(|(_, kind)| *kind == ChangeKind::Created).collect();
    let created: Vec<_> = created.iter().map(|(path, _)| path.as_str()).collect();
    // The scratch directory had this one already, but the node did not.
    assert_eq!(
        created,
        ["/etc/kubernetes/manifests", "/etc/kubernetes/manifests/etcd.yaml", "/var", "/var/lib", "/var/lib/etcd"]
    );
}

#[test]
fn a_resumed_dry_run_sees_what_the_earlier_one_wrote() {
    let scratch = temporary_root();
    Node::dry_run(scratch.path()).ensure(&File::public("/etc/kubephase-test/ca.crt", "ca")).expect("written");
    let node = Node::dry_run_resumed(scratch.path());
    assert_eq!(node.read("/etc/kubephase-test/ca.crt").expect("readable").as_deref(), Some(&b"ca"[..]));
    assert_eq!(node.list("/etc/kubephase-test").expect("listed"), ["ca.crt"]);
    assert!(!Node::dry_run(scratch.path()).exists("/etc/kubephase-test/ca.crt"));
}

#[test]
fn a_missing_scratch_directory_is_made() {
    let parent = temporary_root();
    let scratch = parent.path().join("some/where");
    Node::dry_run(&scratch).ensure(&File::secret("/etc/kubernetes/pki/ca.key", "key")).expect("written");
    assert_eq!(mode_of(&scratch.join("etc/kubernetes/pki/ca.key")), 0o600);
}

#[test]
fn the_end_of_a_file() {
    let root = temporary_root();
    let node = Node::at(root.path());
    node.ensure(&File::public("/var/log/x.log", "0123456789")).expect("written");
    assert_eq!(node.read_end("/var/log/x.log", 4).expect("readable").as_deref(), Some(&b"6789"[..]));
    assert_eq!(node.read_end("/var/log/x.log", 100).expect("readable").as_deref(), Some(&b"0123456789"[..]));
    assert_eq!(node.read_end("/var/log/none.log", 4).expect("no file"), None);
}
