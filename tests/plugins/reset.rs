//! What plugins had made on a machine goes with a reset, with what the programs that they installed have made since; and
//! nothing of others.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use kubephase_engine::{Event, Selection, Sink};
use kubephase_model::Report;
use kubephase_model::config::resolve::resolve_reset;
use kubephase_model::config::v1beta4::ResetConfiguration;
use kubephase_node::{Change, Node};
use kubephase_plugin::Plugins;
use kubephase_workflow::Journal;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::reset::{self, Options, Reset};

use crate::components::entry;
use crate::real::Stage;
use crate::runs::{ignoring, runtime};
use crate::support::tree::{self, Tree};

/// What is somebody else's, byte for byte.
const FOREIGN: [(&str, &str); 4] = [
    ("etc/cni/net.d/87-podman.conflist", r#"{"plugins": [{"type": "bridge", "bridge": "cni-podman0"}]}"#),
    ("etc/containerd/certs.d/example.com/hosts.toml", "server = \"https://example.com\"\n"),
    ("run/cni/podman/10.88.0.2", "container"),
    ("etc/kubernetes-backup/admin.conf", "mine"),
];
/// What the programs of the network have made by the time.
const LIVED: [&str; 2] = ["run/cni/cni-bridge/10.244.0.2", "run/cni/cni-bridge/last_reserved_ip.0"];

/// Takes everything back. Returns what was told.
fn reset(stage: &Stage) -> String {
    reset_on(stage.node(), stage.plugins(stage.node()))
}

/// The same on any machine of a cluster.
pub fn reset_on(node: &Node, plugins: Arc<Plugins>) -> String {
    let told = Arc::new(Mutex::new(String::new()));
    let heard = told.clone();
    let sink: Sink<Change> = Arc::new(move |event| {
        if let Event::Notice { message, .. } = &event {
            heard.lock().expect("not poisoned").push_str(&format!("{message}\n"));
        }
    });
    let wanted = ResetConfiguration { force: true, ..ResetConfiguration::default() };
    let mut report = Report::default();
    let config = resolve_reset(None, wanted, &node.facts(), true, &mut report).unwrap_or_else(|| panic!("{report}"));
    let options = Options {
        only: None,
        ignore: ignoring(&[]),
        kubeconfig: "/etc/kubernetes/admin.conf".into(),
        extension: Some(plugins as Arc<dyn Extension>),
        sink,
    };
    let mut cx = Reset::new(config, node.clone(), options);
    let result = runtime().block_on(reset::workflow().run(&mut cx, &Selection::default()));
    let told = told.lock().expect("not poisoned").clone();
    if let Err(error) = result {
        panic!("{error}: {:?}\n{told}", std::error::Error::source(&error));
    }
    told
}

/// Beside what the pretended machine itself leaves.
pub fn of_others(tree: &Tree) -> BTreeMap<&String, String> {
    let machines = ["proc", "sys", "dev", "tmp", "var/log", "var/run", "run", "var/lib/kubelet"];
    let is_machines = |path: &str| machines.iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
    tree.iter().filter(|(path, _)| !is_machines(path)).map(|(path, entry)| (path, format!("{entry:?}"))).collect()
}

#[test]
fn a_reset_takes_back_what_plugins_had_made_and_what_their_programs_made() {
    let names = ["cni-bridge", "audit-policy", "encryption-at-rest", "registry-mirror"];
    let stage = Stage::new(names.map(entry).to_vec());
    let root = stage.machine.root().to_owned();
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    FOREIGN.iter().for_each(|(path, text)| put(path, text));
    let before = tree::read(&root);
    stage.init();
    LIVED.iter().for_each(|path| put(path, "pod"));
    let journal = Journal::read(stage.node()).expect("readable").expect("a journal");
    let owned: Vec<&String> = journal.plugins.values().flat_map(|owned| owned.files.keys()).collect();
    assert!(owned.len() >= 4, "{owned:?}");
    for path in &owned {
        assert!(root.join(&path[1..]).exists(), "{path}");
    }

    let told = reset(&stage);
    for path in owned {
        assert!(!root.join(&path[1..]).exists(), "{path} is left\n{told}");
    }
    for path in LIVED {
        assert!(!root.join(path).exists(), "{path} is left\n{told}");
    }
    for (path, text) in FOREIGN {
        assert_eq!(fs::read_to_string(root.join(path)).ok().as_deref(), Some(text), "{path}\n{told}");
    }
    let after = tree::read(&root);
    assert_eq!(of_others(&before), of_others(&after), "{told}");
    assert!(told.contains("/etc/cni/net.d/87-podman.conflist stays"), "{told}");
}
