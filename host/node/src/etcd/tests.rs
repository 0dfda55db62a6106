//! Against a real etcd on loopback, if there is one, and against servers that misbehave.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::net::{Ipv4Addr, TcpListener};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::lab::Lab;
use super::*;
use crate::http::Cause;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn node() -> (tempfile::TempDir, Node) {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::at(root.path());
    (root, node)
}

fn lab() -> Option<Lab> {
    let lab = Lab::new();
    if lab.is_none() {
        eprintln!("skipped: there is no etcd (apt-get install etcd-server, or name one in ETCD)");
    }
    lab
}

/// An authority, and how it signs a certificate for servers and clients.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem().into_bytes();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, host: &str) -> Credentials {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem().into_bytes();
        Credentials { ca: self.pem.clone(), certificate, key: key.serialize_pem().into_bytes() }
    }
}

#[test]
fn a_member_is_added_and_removed_over_tls_and_strangers_are_kept_out() {
    let Some(lab) = lab() else { return };
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let host = lab.host().to_string();
    let mut lab = lab.with_tls(ours.issue(&host));
    let (_root, node) = node();
    block_on(async {
        let at = lab.address();
        lab.start("cp-1", &at, &[]);
        let etcd = lab.client(&node, &[&at], Some(ours.issue(&host)));
        Lab::ready(&etcd, &at).await;

        let members = etcd.members().await.expect("a list");
        assert_eq!(members.len(), 1);
        assert_eq!((members[0].name.as_str(), members[0].is_learner), ("cp-1", false));
        assert_eq!(
            (&members[0].peer_urls, &members[0].client_urls),
            (&vec![at.peer.clone()], &vec![at.client.clone()])
        );
        let status = etcd.status(&at.client).await.expect("a status");
        assert_eq!((status.member, status.leader, status.is_learner), (members[0].id, Some(members[0].id), false));
        assert!(status.raft_index > 0 && status.version.starts_with("3."), "{status:?}");
        assert_eq!(etcd.alarms().await.expect("alarms"), []);

        let other = "http://127.0.0.1:1".to_owned();
        let added = etcd.add_learner(std::slice::from_ref(&other)).await.expect("added");
        assert!(added.member.is_learner && !added.member.is_started() && added.members.len() == 2, "{added:?}");
        let again = etcd.add_learner(std::slice::from_ref(&other)).await.expect_err("it is there");
        assert_eq!(again.refusal(), Some(Refusal::PeerUrlExists), "{again}");
        let second = etcd.add_learner(&["http://127.0.0.1:2".into()]).await.expect_err("one at a time");
        assert_eq!(second.refusal(), Some(Refusal::TooManyLearners), "{second}");
        let early = etcd.promote(added.member.id).await.expect_err("it does not run");
        assert_eq!(early.refusal(), Some(Refusal::NotInSync), "{early}");
        let moved = etcd.update(added.member.id, &["http://127.0.0.1:3".into()]).await.expect("updated");
        assert!(moved.iter().any(|member| member.peer_urls == ["http://127.0.0.1:3"]), "{moved:?}");
        let left = etcd.remove(added.member.id).await.expect("removed");
        assert_eq!(left.len(), 1);
        assert_eq!(etcd.remove(added.member.id).await.expect_err("gone").refusal(), Some(Refusal::NotFound));
        assert_eq!(etcd.promote(members[0].id).await.expect_err("a voter").refusal(), Some(Refusal::NotLearner));
        let told: Vec<String> = node.changes().into_iter().map(|change| change.path).collect();
        let id = added.member.id;
        assert_eq!(
            told,
            [
                "add the etcd learner http://127.0.0.1:1".to_owned(),
                format!("update the peer URLs of the etcd member {id} to http://127.0.0.1:3"),
                format!("remove the etcd member {id}"),
            ]
        );

        // Its authority is not believed, or ours is not.
        let stranger = lab.client(&node, &[&at], Some(theirs.issue(&host))).within(Duration::from_secs(1));
        let error = stranger.status(&at.client).await.expect_err("another authority");
        assert!(matches!(error, EtcdError::Connect { cause: Cause::Certificate, .. }), "{error:?}");
        assert!(error.reason().contains("belong together"), "{}", error.reason());
        let half = Credentials { ca: ours.pem.clone(), ..theirs.issue(&host) };
        let error = lab.client(&node, &[&at], Some(half)).status(&at.client).await.expect_err("a stranger");
        assert!(error.refusal().is_none(), "{error:?}");
    });
}

#[test]
fn the_next_member_is_asked_when_one_is_dead_or_stands_still() {
    let Some(mut lab) = lab() else { return };
    let (_root, node) = node();
    block_on(async {
        let (dead, at) = (lab.address(), lab.address());
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let silent = format!("http://{}", silent.local_addr().expect("an address"));
        lab.start("cp-1", &at, &[]);
        let all = [dead.client.clone(), silent.clone(), at.client.clone()];
        let etcd = node.etcd(&all, None).expect("endpoints");
        Lab::ready(&etcd, &at).await;
        assert_eq!(etcd.members().await.expect("from the third").len(), 1);
        let heard: Vec<bool> = etcd.statuses().await.into_iter().map(|(_, status)| status.is_ok()).collect();
        assert_eq!(heard, [false, false, true]);
        let error = etcd.status(&dead.client).await.expect_err("nobody");
        assert_eq!(error.reason(), "nothing listens there");

        lab.freeze("cp-1");
        let begun = Instant::now();
        let error = etcd
            .within(Duration::from_secs(1))
            .at(std::slice::from_ref(&at.client))
            .expect("an endpoint")
            .members()
            .await;
        let error = error.expect_err("it stands still");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(matches!(error, EtcdError::NoAnswer { .. }), "{error:?}");
        lab.thaw("cp-1");
        assert_eq!(etcd.members().await.expect("it goes on").len(), 1);
    });
}

#[test]
fn a_dry_run_asks_and_changes_nothing() {
    let Some(mut lab) = lab() else { return };
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (_root, node) = node();
    block_on(async {
        let at = lab.address();
        lab.start("cp-1", &at, &[]);
        Lab::ready(&lab.client(&node, &[&at], None), &at).await;
        let dry = node.dry_run_here(scratch.path());
        let etcd = lab.client(&dry, &[&at], None);
        let added = etcd.add_learner(&["http://127.0.0.1:1".into()]).await.expect("pretended");
        assert_eq!(added.members.len(), 2);
        assert_eq!(etcd.remove(added.members[0].id).await.expect("pretended").len(), 1);
        assert_eq!(etcd.members().await.expect("a list").len(), 1);
        let told: Vec<String> = dry.changes().into_iter().map(|change| change.path).collect();
        assert_eq!(told[0], "would add the etcd learner http://127.0.0.1:1");
        assert!(told[1].starts_with("would remove the etcd member "), "{told:?}");
    });
}

#[test]
fn endpoints_and_certificates_that_cannot_be_used_are_named() {
    let (_root, node) = node();
    block_on(async {
        for (endpoint, why) in [
            ("10.0.0.1:2379", "begins neither"),
            ("https://10.0.0.1:2379", "no certificates"),
            ("unix:///run/etcd", "begins neither"),
            ("http://a b", "no URL"),
        ] {
            let error = node.etcd(&[endpoint.to_owned()], None).expect_err(endpoint);
            assert!(error.to_string().contains(why), "{error}");
        }
        let bad = Credentials { ca: b"no PEM".to_vec(), certificate: b"x".to_vec(), key: b"y".to_vec() };
        assert!(!format!("{bad:?}").contains("PEM"));
        let made = node.etcd(&["https://127.0.0.1:1".to_owned()], Some(bad));
        assert!(matches!(made, Err(EtcdError::Credentials { .. })), "{made:?}");
    });
}

#[test]
fn a_server_that_is_no_etcd_is_told_apart() {
    use std::io::{Read, Write};

    let (_root, node) = node();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    block_on(async {
        let etcd = node.etcd(std::slice::from_ref(&url), None).expect("an endpoint").within(Duration::from_millis(500));
        let error = etcd.status(&url).await.expect_err("no etcd");
        assert!(error.refusal().is_none() && error.hint().is_some(), "{error:?}");
        let begun = Instant::now();
        assert!(matches!(etcd.members().await, Err(EtcdError::NoAnswer { .. })));
        assert!(begun.elapsed() < Duration::from_secs(3));
    });
}
