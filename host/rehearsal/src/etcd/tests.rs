use kubephase_node::Node;
use kubephase_node::etcd::{Etcd, MemberId, Refusal};

use super::*;

/// A member with its client port, found at `name` in what others say.
async fn run(cluster: &Cluster, flags: &Flags) -> Result<(u64, Listener), String> {
    let id = if flags.is_existing { cluster.take_place(flags)? } else { cluster.found(flags)? };
    let listener = serve::listen(cluster.clone(), id, Tls::default()).await.map_err(|error| error.to_string())?;
    Ok((id, listener))
}

fn flags(name: &str, others: &[&str]) -> Flags {
    let url = |name: &str| format!("https://{name}:2380");
    Flags {
        name: name.to_owned(),
        peer_urls: vec![url(name)],
        client_urls: vec![format!("https://{name}:2379")],
        initial: others.iter().chain([&name]).map(|name| ((*name).to_owned(), url(name))).collect(),
        is_existing: !others.is_empty(),
        data_dir: "/var/lib/etcd".into(),
    }
}

fn client(listener: &Listener) -> Etcd {
    let url = format!("http://{}", listener.address);
    Node::real().etcd(&[url], None).expect("a URL").within(Duration::from_secs(2))
}

fn peer(name: &str) -> [String; 1] {
    [format!("https://{name}:2380")]
}

#[tokio::test]
async fn a_learner_is_added_catches_up_and_gets_its_vote() {
    let cluster = Cluster::default();
    let (first, listener) = run(&cluster, &flags("cp-1", &[])).await.expect("it comes up");
    let etcd = client(&listener);
    let status = etcd.status(&etcd.endpoints()[0]).await.expect("an answer");
    assert_eq!((status.member, status.leader), (MemberId(first), Some(MemberId(first))));

    let added = etcd.add_learner(&peer("cp-2")).await.expect("added");
    assert!(added.member.is_learner && !added.member.is_started() && added.members.len() == 2);
    let refused = |error: kubephase_node::EtcdError| error.refusal();
    assert_eq!(etcd.add_learner(&peer("cp-2")).await.map_err(refused), Err(Some(Refusal::PeerUrlExists)));
    assert_eq!(etcd.add_learner(&peer("cp-3")).await.map_err(refused), Err(Some(Refusal::TooManyLearners)));
    assert_eq!(etcd.promote(added.member.id).await.map_err(refused), Err(Some(Refusal::NotInSync)), "not started");
    assert_eq!(etcd.promote(MemberId(7)).await.map_err(refused), Err(Some(Refusal::NotFound)));

    let (second, other) = run(&cluster, &flags("cp-2", &["cp-1"])).await.expect("it comes up");
    assert_eq!(MemberId(second), added.member.id);
    let learner = client(&other);
    let status = learner.status(&learner.endpoints()[0]).await.expect("a learner answers that");
    assert!(status.is_learner && status.raft_index < FIRST_INDEX, "{status:?}");
    assert_eq!(etcd.promote(added.member.id).await.map_err(refused), Err(Some(Refusal::NotInSync)), "too early");
    assert!(learner.within(Duration::from_millis(100)).members().await.is_err(), "a learner says nothing else");

    tokio::time::sleep(CATCHES_UP).await;
    let members = etcd.promote(added.member.id).await.expect("it has caught up");
    let named: Vec<(&str, bool)> = members.iter().map(|member| (member.name.as_str(), member.is_learner)).collect();
    assert_eq!(named, [("cp-1", false), ("cp-2", false)]);
    assert_eq!(etcd.promote(added.member.id).await.map_err(refused), Err(Some(Refusal::NotLearner)));
    assert_eq!(learner.members().await.expect("it does now").len(), 2);
    assert_eq!(etcd.alarms().await.expect("an answer"), []);
}

#[tokio::test]
async fn who_is_removed_ends_and_a_majority_that_ends_decides_nothing() {
    let cluster = Cluster::default();
    let (first, listener) = run(&cluster, &flags("cp-1", &[])).await.expect("it comes up");
    let etcd = client(&listener);
    etcd.add_learner(&peer("cp-2")).await.expect("added");
    let (second, other) = run(&cluster, &flags("cp-2", &["cp-1"])).await.expect("it comes up");
    tokio::time::sleep(CATCHES_UP).await;
    etcd.promote(MemberId(second)).await.expect("promoted");

    // The first one leads, and hands over.
    etcd.move_leader(&etcd.endpoints()[0], MemberId(second)).await.expect("moved");
    let status = etcd.status(&etcd.endpoints()[0]).await.expect("an answer");
    assert_eq!(status.leader, Some(MemberId(second)));

    // Without one of two there is no majority: nothing is decided, and what is known is remembered.
    drop(other);
    while cluster.state().leader != 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let short = etcd.within(Duration::from_millis(300));
    assert!(short.remove(MemberId(second)).await.is_err());
    assert_eq!(short.remembered_members().await.expect("remembered").len(), 2);

    // It comes back with its data, and is removed: it ends by itself.
    cluster.go_on(second, &flags("cp-2", &["cp-1"])).expect("its data are there");
    let other = serve::listen(cluster.clone(), second, Tls::default()).await.expect("a port");
    assert_eq!(etcd.remove(MemberId(second)).await.expect("removed").len(), 1);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert!(tokio::net::TcpStream::connect(other.address).await.is_err(), "it has ended");
    let why = cluster.go_on(second, &flags("cp-2", &["cp-1"])).expect_err("it is no member");
    assert_eq!(why, "the member has been permanently removed from the cluster");
    assert!(etcd.remove(MemberId(first)).await.is_err(), "the last one stays");
}

#[tokio::test]
async fn a_manifest_that_is_wrong_about_the_others_starts_nothing() {
    let cluster = Cluster::default();
    let (_, listener) = run(&cluster, &flags("cp-1", &[])).await.expect("it comes up");
    let why = |result: Result<(u64, Listener), String>| result.map(|(id, _)| id).expect_err("it does not come up");
    assert!(why(run(&cluster, &flags("cp-2", &["cp-1"])).await).ends_with("member count is unequal"));
    assert!(why(run(&cluster, &flags("cp-9", &[])).await).contains("runs here already"));
    client(&listener).add_learner(&peer("cp-2")).await.expect("added");
    assert!(why(run(&cluster, &flags("cp-2", &["cp-7"])).await).contains("unmatched member"));
    assert!(why(run(&cluster, &Flags { peer_urls: vec![], ..flags("cp-2", &["cp-1"]) }).await).contains("local name"));
    let (_, second) = run(&cluster, &flags("cp-2", &["cp-1"])).await.expect("it comes up");
    assert!(why(run(&cluster, &flags("cp-2", &["cp-1"])).await).contains("already been bootstrapped"));
    drop(second);
}
