use std::sync::{Arc, Mutex};

use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{Command, load};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::report::Source;
use kubephase_model::{Facts, File, Report};

use super::*;

/// An authority's certificate, as kubeadm made it.
const CA: &str = include_str!("../../../../../tests/fixtures/golden/v1.36/live/pki/ca.crt");
const PKI: &str = "/etc/kubernetes/pki";

fn cluster(more: &str) -> Cluster {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: cp2}}\n\
         localAPIEndpoint: {{advertiseAddress: 192.0.2.10}}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n{more}"
    );
    let mut report = Report::default();
    let documents = load(&Arc::new(Source { name: "c.yaml".into(), text }), Command::Init, &mut report);
    let (flags, facts, lookup) = (InitFlags::default(), Facts::default(), |_: &str| Err(String::new()));
    resolve_init(Some(&documents), &flags, &facts, &lookup, &mut |bytes| bytes.fill(7), false, &mut report)
        .unwrap_or_else(|| panic!("{report}"))
}

/// What is missing on a node with these files, and what was told.
fn looked(cluster: &Cluster, download: bool, files: &[(&str, &str)]) -> (Result<(), NotReady>, Vec<String>) {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::at(root.path());
    for (path, text) in files {
        node.ensure(&File::secret(format!("{PKI}/{path}"), *text)).expect("written");
    }
    let told = Mutex::new(Vec::new());
    let tell = |_: Level, text: String| told.lock().expect("no panic").push(text);
    let result = ready_for_control_plane(cluster, download, &node, &tell);
    (result, told.into_inner().expect("no panic"))
}

fn problems(result: Result<(), NotReady>) -> Vec<String> {
    match result {
        Ok(()) => Vec::new(),
        Err(NotReady::Lacks { problems, .. }) => problems,
        Err(error) => panic!("{error}"),
    }
}

const STABLE: &str = "controlPlaneEndpoint: cp.example.com\n";
const ALL: [(&str, &str); 8] = [
    ("ca.crt", CA),
    ("ca.key", "k"),
    ("front-proxy-ca.crt", CA),
    ("front-proxy-ca.key", "k"),
    ("etcd/ca.crt", CA),
    ("etcd/ca.key", "k"),
    ("sa.pub", "k"),
    ("sa.key", "k"),
];

#[test]
fn a_cluster_with_an_endpoint_and_a_node_with_the_files() {
    let (result, told) = looked(&cluster(STABLE), false, &ALL);
    assert!(result.is_ok() && told.is_empty(), "{told:?}");
    // They are yet to come.
    assert!(looked(&cluster(STABLE), true, &[]).0.is_ok());
    // An authority may be kept elsewhere, an account's key not.
    let public: Vec<_> = ALL.into_iter().filter(|(path, _)| !path.ends_with("ca.key")).collect();
    let (result, told) = looked(&cluster(STABLE), false, &public);
    assert!(result.is_ok() && told.len() == 3 && told[0].contains("/ca.key does not exist"), "{told:?}");
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let error = looked(&cluster(""), false, &[]).0.unwrap_err();
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("controlPlaneEndpoint") && hint.contains("upload-certs"), "{hint}");
    let missing = ["ca.crt", "front-proxy-ca.crt", "etcd/ca.crt", "sa.pub", "sa.key"];
    let mut wanted = vec!["it has no stable address (controlPlaneEndpoint)".to_owned()];
    wanted.extend(missing.map(|path| format!("{PKI}/{path} does not exist")));
    assert_eq!(problems(Err(error)), wanted);
    // With a certificate key only the endpoint is missing, and the hint says nothing of files.
    let error = looked(&cluster(""), true, &[]).0.unwrap_err();
    assert!(!error.hint().expect("a hint").contains("upload-certs"));
    assert_eq!(problems(Err(error)).len(), 1);
}

#[test]
fn files_that_are_no_authorities() {
    let mut files = ALL;
    files[0].1 = "no PEM";
    let found = problems(looked(&cluster(STABLE), false, &files).0);
    assert!(found.len() == 1 && found[0].contains("/etc/kubernetes/pki/ca.crt"), "{found:?}");
}

#[test]
fn an_external_etcds_files_are_somebody_elses() {
    let external = format!(
        "{STABLE}etcd: {{external: {{endpoints: ['https://192.0.2.1:2379'], caFile: /e/ca.crt, certFile: /e/c.crt, keyFile: /e/c.key}}}}\n"
    );
    let files: Vec<_> = ALL.into_iter().filter(|(path, _)| !path.starts_with("etcd")).collect();
    assert!(looked(&cluster(&external), false, &files).0.is_ok());
}
