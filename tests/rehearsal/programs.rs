//! Programs for `--real-api` that misbehave. They are scripts: what matters is what becomes of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::place::{CONFIG, Place};

/// Says its number, then listens nowhere.
const IDLE: &str = "echo $$ > \"${0%/*}/number\"; exec sleep 600";
const BROKEN: &str = "echo starting; echo 'Error: no space for tests' >&2; exit 1";

/// A directory with an API server of a version and this etcd.
fn programs(place: &Place, version: &str, etcd: &str) -> PathBuf {
    let directory = place.path().join("programs");
    fs::create_dir(&directory).expect("a directory");
    let script = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    };
    script("kube-apiserver", &format!("[ \"$1\" = --version ] && echo 'Kubernetes {version}'"));
    script("etcd", &format!("[ \"$1\" = --version ] && {{ echo 'etcd Version: 3.6.0'; exit 0; }}\n{etcd}"));
    directory
}

fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn number(directory: &Path) -> String {
    until("etcd starts", || fs::read_to_string(directory.join("number")).ok().filter(|text| text.ends_with('\n')))
        .trim()
        .to_owned()
}

/// Whether it works; one that nobody has buried yet does not.
fn works(number: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    !matches!(status.rsplit_once(") ").map_or("", |(_, rest)| &rest[..1]), "" | "Z" | "X")
}

#[test]
fn programs_end_with_the_rehearsal_even_if_it_is_killed() {
    for signal in ["-KILL", "-TERM", "-INT"] {
        let place = Place::new();
        let directory = programs(&place, "v1.36.2", IDLE);
        let mut child = place.start_with(&directory);
        let etcd = number(&directory);
        assert!(works(&etcd));
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        end_of(&mut child);
        until("etcd ends with it", || (!works(&etcd)).then_some(()));
    }
}

fn end_of(child: &mut Child) {
    let begun = Instant::now();
    while child.try_wait().expect("it can be waited for").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_that_always_ends_is_not_waited_for() {
    let place = Place::new();
    let directory = programs(&place, "v1.36.2", BROKEN);
    let begun = Instant::now();
    let outcome = place.rehearse_with(&directory, &["--report", "page.html"]);
    outcome.expect_code(1);
    assert!(begun.elapsed() < Duration::from_secs(40), "{outcome}");
    assert!(outcome.err().contains("etcd has ended 3 times, last saying: no space for tests"), "{outcome}");
    assert!(outcome.err().contains("  | starting\n"), "{outcome}");
    let page = fs::read_to_string(place.path().join("page.html")).expect("a page");
    assert!(page.contains("<b>Failed</b> in phase <code>wait-control-plane</code>"));
    assert_eq!(place.left(), ["page.html", "programs"]);
}

#[test]
fn programs_of_another_release_are_refused() {
    let place = Place::new();
    let directory = programs(&place, "v1.34.1", IDLE);
    let outcome = place.rehearse_with(&directory, &[]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("is v1.34.1, the configuration is for v1.36.2"), "{outcome}");
    assert!(!directory.join("number").exists());
}

#[test]
fn an_external_etcd_is_no_place_for_real_objects() {
    let place = Place::with(&format!("{CONFIG}etcd:\n  external:\n    endpoints: [http://etcd.example:2379]\n"));
    let directory = programs(&place, "v1.36.2", IDLE);
    let outcome = place.rehearse_with(&directory, &[]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("an external etcd is only pretended"), "{outcome}");
}
