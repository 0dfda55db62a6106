//! What can go wrong with a rehearsal itself, and how it ends before its end.

use std::fs;
use std::net::TcpListener;

use crate::place::Place;

#[test]
fn a_wrong_configuration_is_told_as_init_tells_it() {
    let place = Place::with(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterNam: x\nnetworking:\n  podSubnet: nowhere\n",
    );
    let outcome = place.rehearse(&["--strict"]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("clusterNam") && outcome.err().contains("networking.podSubnet"), "{outcome}");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn what_makes_no_sense_in_a_rehearsal_is_refused() {
    let place = Place::new();
    for flag in ["--plan", "--dry-run"] {
        let outcome = place.rehearse(&[flag]);
        outcome.expect_code(2);
        assert!(outcome.err().contains(&format!("run `kubephase init {flag}`")), "{outcome}");
    }
}

#[test]
fn an_occupied_port_is_told_before_anything_is_done() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let place = Place::new();
    let outcome = place.rehearse(&["--serve", "--serve-port", &port]);
    outcome.expect_code(1);
    assert!(outcome.err().contains(&format!("cannot serve the API on port {port}")), "{outcome}");
    assert!(outcome.err().contains("--serve-port") && !outcome.err().contains("preflight"), "{outcome}");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let place = Place::new();
    let directory = place.path().join("mine");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("thesis.txt"), "years of work").expect("a file");
    let outcome = place.rehearse(&["--keep", "mine"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("it is not empty"), "{outcome}");
    assert_eq!(fs::read_dir(&directory).expect("readable").count(), 1);
}

#[test]
fn a_report_that_cannot_be_written_is_told() {
    let place = Place::new();
    let outcome = place.rehearse(&["--report", "none/such.html"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("cannot write the report none/such.html"), "{outcome}");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_rehearsal_that_is_on_keeps_its_tree() {
    let place = Place::new();
    let served = place.serve(&["--keep", "kept"]);
    let outcome = place.rehearse_as_we_are(&["--keep", "kept"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("another rehearsal uses it"), "{outcome}");
    assert!(place.path().join("kept/etc/kubernetes/admin.conf").is_file());
    assert_eq!(served.end("-TERM"), Some(0));
    place.rehearse_as_we_are(&["--keep", "kept"]).expect_code(0);
}

#[test]
fn a_killed_rehearsal_is_cleared_away_by_the_next() {
    let place = Place::new();
    place.serve(&[]).end("-KILL");
    assert_eq!(place.left().len(), 1);
    place.rehearse_as_we_are(&[]).expect_code(0);
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_port_without_serving_is_refused() {
    let outcome = Place::new().rehearse(&["--serve-port", "7000"]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("--serve"), "{outcome}");
}

#[test]
fn it_ends_when_it_is_told_to_and_leaves_nothing() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let place = Place::new();
        let served = place.serve(&[]);
        assert!(served.kubeconfig.is_file());
        assert_eq!(served.end(signal), Some(0), "{signal}");
        assert_eq!(place.left(), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn what_does_not_come_up_is_explained_as_on_a_real_machine() {
    for (skipped, wanted) in [
        (
            "certs/apiserver",
            "kube-apiserver ended (exit code 1), last saying: open /etc/kubernetes/pki/apiserver.crt: no such file",
        ),
        ("certs/etcd-server", "open /etc/kubernetes/pki/etcd/server.crt: no such file"),
    ] {
        let place = Place::new();
        let outcome = place.rehearse(&["--skip-phases", skipped]);
        outcome.expect_code(1);
        assert!(outcome.err().contains(wanted), "{outcome}");
        assert_eq!(place.left(), Vec::<String>::new());
    }
}

#[test]
fn real_programs_that_are_not_there_are_told() {
    let place = Place::new();
    let outcome = place.rehearse(&["--real-api"]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("KUBERNETES_BIN_DIR is not set"), "{outcome}");
}
