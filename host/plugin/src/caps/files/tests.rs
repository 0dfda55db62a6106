#![expect(clippy::disallowed_methods, reason = "a test lays out its machine")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use kubephase_node::{Ambient, File, Node};
use serde_json::json;

use super::*;
use crate::world::Machine;

struct Bench {
    root: tempfile::TempDir,
    node: Node,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::fixed(root.path(), Ambient::default());
        for (path, text) in
            [("/etc/app/a.conf", "a\n"), ("/etc/app/b.conf", "b\n"), ("/srv/real", "r\n"), ("/top", "t\n")]
        {
            node.ensure(&File::public(path, text)).expect("written");
        }
        Self { root, node }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    fn state(&self, files: &[&str]) -> State {
        State::alone(json!({ "files": files }), Arc::new(Machine::new(&self.node, None, None)))
    }

    async fn read(&self, files: &[&str], path: &str) -> Result<Vec<u8>, Failure> {
        Host::read(&mut self.state(files), path.into()).await.expect("no trap")
    }

    async fn code(&self, files: &[&str], path: &str) -> String {
        self.read(files, path).await.expect_err(path).code
    }
}

fn link(target: impl AsRef<Path>, path: impl AsRef<Path>) {
    symlink(target, path).expect("a link");
}

#[tokio::test]
async fn granted_files_are_read_and_others_are_not() {
    let bench = Bench::new();
    assert_eq!(bench.read(&["/etc/app/*.conf"], "/etc/app/a.conf").await, Ok(b"a\n".to_vec()));
    let denied = bench.read(&["/etc/app/*.conf"], "/top").await.expect_err("not granted");
    assert_eq!((&*denied.code, &*denied.message), ("denied", "/top is not granted"));
    assert_eq!(denied.remedy.as_deref(), Some("add to this plugin's entry: grants: {files: [/top]}"));
    assert_eq!(bench.code(&["/**"], "/none").await, "not-found");
    assert_eq!(bench.code(&["/**"], "/etc/app").await, "invalid");
}

#[tokio::test]
async fn no_path_leads_out_of_what_is_granted() {
    let bench = Bench::new();
    for path in
        ["/etc/app/../../top", "/etc/app/./a.conf", "//etc/app/a.conf", "etc/app/a.conf", "/etc/app/a.conf/", ""]
    {
        assert_eq!(bench.code(&["/**", "/etc/app/**"], path).await, "invalid", "{path}");
    }
    link("/srv/real", bench.at("etc/app/link"));
    link("../../../../../../../../srv", bench.at("etc/app/directory"));
    let granted = &["/etc/app/**"];
    let denied = bench.read(granted, "/etc/app/link").await.expect_err("leads elsewhere");
    assert_eq!((&*denied.code, &*denied.message), ("denied", "/etc/app/link leads to /srv/real, which is not granted"));
    assert_eq!(denied.remedy.as_deref(), Some("add to this plugin's entry: grants: {files: [/srv/real]}"));
    assert_eq!(bench.code(granted, "/etc/app/directory/real").await, "denied");
    assert_eq!(bench.read(&["/etc/app/**", "/srv/real"], "/etc/app/directory/real").await, Ok(b"r\n".to_vec()));
}

#[tokio::test]
async fn secrets_are_granted_by_their_whole_path_only() {
    let bench = Bench::new();
    for path in ["/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.key", "/etc/shadow", "/proc/1/environ"] {
        bench.node.ensure(&File::public(path, "s")).expect("written");
        assert_eq!(bench.code(&["/**", "/etc/**", "/proc/*/environ"], path).await, "denied", "{path}");
        assert_eq!(bench.read(&[path], path).await, Ok(b"s".to_vec()), "{path}");
    }
    // Nobody but root may read it, whatever its name.
    std::fs::set_permissions(bench.at("top"), std::fs::Permissions::from_mode(0o640)).expect("permissions");
    assert_eq!(bench.code(&["/*"], "/top").await, "denied");
    assert_eq!(bench.read(&["/top"], "/top").await, Ok(b"t\n".to_vec()));
    let mut state = bench.state(&["/*"]);
    let seen = state.look("/top".into()).await.expect("no trap").expect("granted").expect("there");
    assert_eq!((&*seen.kind, seen.mode), ("file", 0o640), "its mode is no secret");
}

#[tokio::test]
async fn our_own_process_is_granted_under_the_name_that_stays() {
    let state =
        |files: &[&str]| State::alone(json!({ "files": files }), Arc::new(Machine::new(&Node::real(), None, None)));
    let read = async |files: &[&str]| Host::read(&mut state(files), "/proc/mounts".into()).await.expect("no trap");
    assert!(!read(&["/proc/mounts", "/proc/self/mounts"]).await.expect("granted").is_empty());
    let denied = read(&["/proc/**"]).await.expect_err("no pattern");
    assert_eq!(denied.remedy.as_deref(), Some("add to this plugin's entry: grants: {files: [/proc/self/mounts]}"));
    let environ = Host::read(&mut state(&["/**"]), "/proc/self/environ".into()).await.expect("no trap");
    assert_eq!(environ.expect_err("a secret").code, "denied");
}

#[tokio::test]
async fn devices_and_pipes_are_not_opened() {
    let mut state = State::alone(json!({ "files": ["/dev/**"] }), Arc::new(Machine::new(&Node::real(), None, None)));
    let failure = Host::read(&mut state, "/dev/zero".into()).await.expect("no trap").expect_err("a device");
    assert_eq!((&*failure.code, &*failure.message), ("invalid", "/dev/zero is no file"));
}

#[tokio::test]
async fn what_is_too_long_or_no_text_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.at("long"), vec![b'x'; LONGEST + 1]).expect("written");
    std::fs::write(bench.at("bytes"), [0xff]).expect("written");
    assert_eq!(bench.code(&["/*"], "/long").await, "too-large");
    let text = bench.state(&["/*"]).read_text("/bytes".into()).await.expect("no trap");
    assert_eq!(text.expect_err("no text").code, "invalid");
}

#[tokio::test]
async fn directories_show_what_is_granted_and_the_way_there() {
    let bench = Bench::new();
    let list = async |files: &[&str], path: &str| {
        bench.state(files).list_directory(path.into()).await.expect("no trap").map_err(|failure| failure.code)
    };
    assert_eq!(list(&["/etc/app/a.*"], "/etc/app").await, Ok(vec!["a.conf".to_owned()]));
    assert_eq!(list(&["/etc/app/a.*"], "/").await, Ok(vec!["etc".to_owned()]));
    assert_eq!(list(&["/etc/app/a.*"], "/srv").await, Err("denied".to_owned()));
    link("/srv", bench.at("etc/app/out"));
    assert_eq!(list(&["/etc/app/**"], "/etc/app/out").await, Err("denied".to_owned()));
    let mut state = bench.state(&["/etc/app/*"]);
    assert_eq!(
        state.look("/etc/app/none".into()).await.expect("no trap").expect("granted").map(|seen| seen.kind),
        None
    );
    assert_eq!(state.look("/top".into()).await.expect("no trap").expect_err("not granted").code, "denied");
}
