use std::sync::Arc;
use std::time::Duration;

use kubephase_engine::Level;
use kubephase_model::KeyAlgorithm;
use kubephase_model::config::duration::GoDuration;
use kubephase_node::{ChangeKind, ObjectId};
use kubephase_pki::{AltNames, Request, Serial, Usage, Validity, generate_key, issue, self_signed};

use super::*;

const SECRET: &str = "0123456789abcdef";

fn change(path: &str, diff: Option<&str>, secret: bool) -> Change {
    let object = path.contains(' ').then(|| ObjectId {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: Some("kube-system".into()),
        name: "x".into(),
    });
    Change { path: path.into(), kind: ChangeKind::Created, diff: diff.map(str::to_owned), secret, object }
}

fn events() -> Vec<Event<Change>> {
    let started = |path: &str, index| Event::Started { path: path.into(), about: "Do it".into(), index, total: 2 };
    vec![
        Event::Began { workflow: "init".into(), phases: vec!["certs/ca".into(), "upload-config/kubeadm".into()] },
        started("certs/ca", 1),
        Event::Finding {
            path: "certs/ca".into(),
            check: "Swap".into(),
            severity: "warning".into(),
            ignored: false,
            seen: "swap is <on>".into(),
            expected: Some("off".into()),
            remedy: None,
        },
        Event::Progress { path: "certs/ca".into(), item: "etcd".into(), message: "pulled (1/7)".into() },
        Event::Finished {
            path: "certs/ca".into(),
            millis: 20,
            changes: vec![
                change("/etc/kubernetes/pki/ca.crt", Some("--- /dev/null\n+++ /x\n@@ -0,0 +1 @@\n+a: <1>\n"), false),
                change("/etc/kubernetes/pki/ca.key", Some("+never shown\n"), true),
            ],
        },
        Event::Skipped { path: "etcd/local".into(), why: "etcd is external".into() },
        started("upload-config/kubeadm", 2),
        Event::Notice {
            path: "upload-config/kubeadm".into(),
            level: Level::Warning,
            message: format!("join with abcdef.{SECRET}"),
        },
        Event::Finished {
            path: "upload-config/kubeadm".into(),
            millis: 5,
            changes: vec![change("ConfigMap kube-system/x", Some("+a\n-b\n"), false)],
        },
        Event::Ended { millis: 30, ran: 2, skipped: 1 },
    ]
}

fn certificates() -> Vec<Certificate> {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let validity = Validity::from_start(start, GoDuration::seconds(365 * 86_400)).expect("a time");
    let request = |name: &str, usages: Vec<Usage>, dns: &[&str]| Request {
        common_name: name.into(),
        organizations: Vec::new(),
        usages,
        names: AltNames::new(dns.iter().map(|name| (*name).to_owned()), Vec::new()),
        validity,
        serial: Serial::from_random([7; 8]),
        marked: true,
    };
    let key = || generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
    let ca = self_signed(&request("kubernetes", vec![], &[]), key()).expect("an authority");
    let leaf = issue(&request("kube-apiserver", vec![Usage::ServerAuth], &["kubernetes.default"]), &key(), &ca);
    vec![
        Certificate { path: "/etc/kubernetes/pki/ca.crt".into(), cert: ca.cert().clone() },
        Certificate { path: "/etc/kubernetes/pki/apiserver.crt".into(), cert: leaf.expect("issued") },
    ]
}

fn report(events: Vec<Event<Change>>) -> Report {
    let moments = events.into_iter().enumerate();
    let moments = moments.map(|(i, event)| Moment { at: Duration::from_millis(i as u64 * 10), event }).collect();
    Report {
        command: "kubephase rehearse init --config a&b.yaml".into(),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_100),
        facts: vec![("Cluster".into(), "demo".into())],
        moments,
        certificates: certificates(),
        objects: vec![Held {
            kind: "ConfigMap".into(),
            namespace: "kube-system".into(),
            name: "kubeadm-config".into(),
        }],
        next: vec![("kubectl get nodes".into(), "look".into())],
        secrets: vec![SECRET.into()],
    }
}

/// Elements that stay open, by a reader of its own: every tag that is opened is closed, in order.
fn unbalanced(page: &str) -> Vec<String> {
    const VOID: [&str; 6] = ["meta", "br", "input", "!doctype", "path", "rect"];
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        let name: String =
            tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric() || *c == '!').collect();
        rest = after;
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closed before {}", &rest[..rest.len().min(60)]);
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            if matches!(name.as_str(), "style" | "script") {
                rest = &rest[rest.find(&format!("</{name}")).expect("it ends")..];
            }
            open.push(name);
        }
    }
    open
}

#[test]
fn the_page_is_whole_and_asks_nobody() {
    let page = report(events()).html();
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    for word in ["http://", "https://", "src=", "@import", "url(", "<link"] {
        let left = page.replace("url(#tip)", "");
        assert!(!left.contains(word), "{word}");
    }
    for text in [
        "Rehearsal of init",
        "<b>Passed.</b>",
        "a&amp;b.yaml",
        "swap is &lt;on&gt;",
        "<ins>+a: &lt;1&gt;</ins>",
        "left out: etcd is external",
        "<span class=\"kind\">object</span> <code>ConfigMap kube-system/x</code>",
        "<b>2</b><span>certificates</span>",
        "<b>1</b><span>images</span>",
        "<b>1</b><span>objects written</span>",
        "for kubernetes.default",
        "2027-01-15 to 2028-01-15 (server)",
        "kube-system/kubeadm-config",
    ] {
        assert!(page.contains(text), "{text} is not in the page");
    }
}

#[test]
fn no_secret_gets_in() {
    let page = report(events()).html();
    assert!(!page.contains(SECRET) && page.contains("abcdef.••••••"));
    assert!(!page.contains("never shown") && page.contains("secret, not shown"));
}

#[test]
fn a_failure_stands_at_the_top() {
    let mut events = events();
    events.truncate(4);
    events.push(Event::Failed {
        path: "certs/ca".into(),
        millis: 3,
        error: "cannot write <that>".into(),
        causes: vec!["no space left".into()],
        hint: Some("make room".into()),
        changes: Vec::new(),
    });
    let report = report(events);
    let page = report.html();
    assert!(matches!(report.outcome(), Outcome::Failed { path: "certs/ca", .. }));
    for text in ["<b>Failed</b>", "cannot write &lt;that&gt;", "no space left", "make room", "class=\"phase bad\""] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(unbalanced(&page), Vec::<String>::new());
}

#[test]
fn a_strangers_signature_shows() {
    let mut report = report(events());
    let stranger = certificates().swap_remove(1);
    report.certificates.push(Certificate { path: "/x.crt".into(), ..stranger });
    let page = report.html();
    assert!(page.contains("class=\"edge\"") && page.contains("class=\"edge broken\""));
    assert!(page.contains("the signature does not verify"));
}

#[test]
fn a_recorder_keeps_and_passes_on() {
    let recorder = Recorder::start();
    let passed = Arc::new(std::sync::Mutex::new(0));
    let counter = passed.clone();
    let sink = recorder.sink(Arc::new(move |_| *counter.lock().expect("a lock") += 1));
    events().into_iter().for_each(|event| sink(event));
    assert_eq!((recorder.moments().len(), *passed.lock().expect("a lock")), (10, 10));
}
