//! With real processes of etcd on loopback, if there are any, and a Lease behind a small API server.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(clippy::disallowed_methods, reason = "tests serve on loopback")]

mod lease;
mod leases;
mod place;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kubephase_engine::Level;
use kubephase_node::etcd::Member;
use kubephase_node::etcd::lab::{Address, Lab};
use kubephase_node::kube::{Api, Endpoint};
use kubephase_node::{Etcd, Node};
use tokio::sync::Notify;

use self::leases::Leases;
use super::*;

const PATIENCE: Patience = Patience {
    turn: Duration::from_secs(120),
    health: Duration::from_secs(20),
    dead_learner: Duration::from_secs(3),
    slow_learner: Duration::from_secs(20),
    sync: Duration::from_secs(30),
    silence: Duration::from_secs(3),
};

/// It is no member.
const ABSENT: &str = "nothing done";
/// Not words, but the moment at which etcd is to be started.
const BEFORE_START: &str = "before it is started";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// A cluster of etcd that grows and shrinks.
struct Scene {
    _root: tempfile::TempDir,
    node: Node,
    lab: RefCell<Lab>,
    at: RefCell<BTreeMap<String, Address>>,
    heard: Mutex<Vec<String>>,
    api: Option<Api>,
    patience: Patience,
    /// When these words are heard, the run is cut off.
    cut: Mutex<&'static str>,
    cutting: Notify,
}

impl Scene {
    /// With its first member; `None` where there is no etcd.
    async fn new() -> Option<Self> {
        let Some(lab) = Lab::new() else {
            eprintln!("skipped: there is no etcd (apt-get install etcd-server, or name one in ETCD)");
            return None;
        };
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let scene = Self {
            _root: root,
            node,
            lab: RefCell::new(lab),
            at: RefCell::default(),
            heard: Mutex::default(),
            api: None,
            patience: PATIENCE,
            cut: Mutex::new("nothing"),
            cutting: Notify::new(),
        };
        let at = scene.place("cp-1");
        scene.lab.borrow_mut().start("cp-1", &at, &[]);
        let etcd = scene.etcd();
        Lab::ready(&etcd, &at).await;
        Some(scene)
    }

    /// With a Lease server as well.
    fn serve(&mut self, leases: &Leases) {
        let endpoint = Endpoint { server: leases.url(), ..Endpoint::default() };
        self.api = Some(self.node.api(&endpoint).expect("an endpoint").within(Duration::from_secs(10)));
    }

    fn place(&self, name: &str) -> Address {
        self.at.borrow_mut().entry(name.to_owned()).or_insert_with(|| self.lab.borrow().address()).clone()
    }

    /// By every member that was ever placed.
    fn etcd(&self) -> Etcd {
        let all: Vec<String> = self.at.borrow().values().map(|at| at.client.clone()).collect();
        self.node.etcd(&all, None).expect("endpoints").within(Duration::from_secs(10))
    }

    async fn session<T>(&self, holder: &str, work: impl AsyncFnOnce(&Session<'_>) -> T) -> T {
        let etcd = self.etcd();
        let (heard, cut, cutting) = (&self.heard, &self.cut, &self.cutting);
        let tell = |level: Level, text: String| {
            if text.contains(*cut.lock().expect("no panic")) {
                cutting.notify_one();
            }
            heard.lock().expect("no panic").push(format!("{holder}: {level:?}: {text}"));
        };
        work(&Session {
            node: &self.node,
            api: self.api.as_ref(),
            etcd: &etcd,
            holder,
            patience: self.patience,
            tell: &tell,
        })
        .await
    }

    /// As the phase does it.
    async fn join(&self, name: &str) -> Result<Joined, MembersError> {
        self.join_and(name, |_| {}).await
    }

    /// `then` happens when etcd has been started.
    async fn join_and(&self, name: &str, then: impl Fn(&Lab)) -> Result<Joined, MembersError> {
        // Before the new address is one of those that are asked.
        let at = self.at.borrow().get(name).cloned().unwrap_or_else(|| self.lab.borrow().address());
        let data = self.lab.borrow().data_dir(name);
        let has_data = || data.join("member").exists();
        let me = Newcomer { name, peer_url: &at.peer, client_url: &at.client, has_data: &has_data };
        let joined = self
            .session(name, async |session| {
                join(session, &me, async |announced| {
                    let cut = *self.cut.lock().expect("no panic");
                    if cut == BEFORE_START {
                        self.cutting.notify_one();
                        std::future::pending::<()>().await;
                    }
                    let mut lab = self.lab.borrow_mut();
                    if announced.stale {
                        lab.kill(name);
                        lab.wipe(name);
                    }
                    if !lab.is_running(name) {
                        lab.start(name, &at, &announced.members);
                    }
                    drop(lab);
                    then(&self.lab.borrow());
                    Ok::<(), MembersError>(())
                })
                .await
            })
            .await;
        match &joined {
            Ok(_) => drop(self.at.borrow_mut().insert(name.to_owned(), at)),
            Err(error) => eprintln!("{name}: {error}; its log: {}", self.lab.borrow().log(name)),
        }
        joined
    }

    async fn remove(&self, target: Target<'_>) -> Result<Removal, MembersError> {
        self.session("admin", async |session| remove(session, target).await).await
    }

    async fn voters(&self) -> Vec<String> {
        let council = Council::observe(&self.etcd()).await.expect("members");
        let mut names: Vec<String> = council
            .voters()
            .map(
                |seat| if seat.is_healthy() { seat.member.name.clone() } else { format!("{} (ill)", seat.member.name) },
            )
            .collect();
        names.sort();
        names
    }

    async fn members(&self) -> Vec<Member> {
        self.etcd().members().await.expect("members")
    }

    fn heard(&self, words: &str) -> bool {
        self.heard.lock().expect("no panic").iter().any(|line| line.contains(words))
    }
}

#[test]
fn three_join_one_after_the_other_and_leave_again() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        for name in ["cp-2", "cp-3"] {
            let joined = scene.join(name).await.expect(name);
            assert_eq!(joined, Joined { already: false, removed: Vec::new() });
        }
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3"]);
        assert!(scene.heard("cp-3: Info: learner 100 % synced"), "{:#?}", scene.heard);
        check(&scene.etcd()).await.expect("all is well");

        // A second run changes nothing.
        assert_eq!(scene.join("cp-3").await.expect("again"), Joined { already: true, removed: Vec::new() });

        assert!(
            matches!(scene.remove(Target::Name("cp-3")).await, Ok(Removal::Removed(member)) if member.name == "cp-3")
        );
        assert_eq!(scene.remove(Target::Name("cp-3")).await.expect("gone"), Removal::Absent);
        // Whoever leads hands over.
        let leader = Council::observe(&scene.etcd()).await.expect("members");
        let leader = leader.leader().expect("a leader").member.clone();
        let removed = scene.remove(Target::PeerUrl(&leader.peer_urls[0])).await.expect("removed");
        assert_eq!(removed, Removal::Removed(leader));
        assert!(scene.heard("leads etcd from now on"), "{:#?}", scene.heard);
        let last = scene.members().await;
        assert_eq!(last.len(), 1);
        let kept = scene.remove(Target::PeerUrl(&last[0].peer_urls[0])).await.expect("asked");
        assert_eq!(kept, Removal::Last(last[0].clone()));
        assert_eq!(scene.members().await.len(), 1);
    });
}

#[test]
fn several_join_at_the_same_moment_one_at_a_time() {
    block_on(async {
        let Some(mut scene) = Scene::new().await else { return };
        let leases = Leases::serve();
        scene.serve(&leases);
        let names = ["cp-2", "cp-3", "cp-4"];
        let joined = join_all(names.map(|name| scene.join(name))).await;
        for (name, joined) in names.iter().zip(joined) {
            joined.unwrap_or_else(|error| panic!("{name}: {error}\n{:#?}", scene.heard));
        }
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3", "cp-4"]);
        assert!(scene.heard("which is changing the members of etcd"), "{:#?}", scene.heard);
        // From one's announcement to its vote nobody else announces anything.
        let heard = scene.heard.lock().expect("no panic");
        let steps = heard.iter().filter(|line| line.contains("announced") || line.contains("has its vote"));
        let steps: Vec<&str> = steps.map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!(steps.len(), 6, "{heard:#?}");
        assert!(steps.chunks(2).all(|pair| pair[0] == pair[1]), "{heard:#?}");
        assert_eq!(leases.holder(), "", "given back");
        assert!(scene.node.changes().iter().all(|change| !change.path.contains("Lease")), "nobody's result");
    });
}

#[test]
fn a_frozen_learner_is_named_and_the_others_finish() {
    block_on(async {
        let Some(mut scene) = Scene::new().await else { return };
        let leases = Leases::serve();
        scene.serve(&leases);
        scene.patience.sync = Duration::from_secs(4);
        let frozen = async {
            let result = scene.join_and("cp-2", |lab| lab.freeze("cp-2")).await;
            scene.lab.borrow_mut().kill("cp-2");
            result
        };
        // It is the first to come.
        let other = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            scene.join("cp-3").await
        };
        let (frozen, other) = tokio::join!(frozen, other);
        other.unwrap_or_else(|error| panic!("{error}\n{:#?}", scene.heard));
        let error = frozen.expect_err("it stands still");
        assert!(
            matches!(&error, MembersError::LearnerStuck { name, removed: true, .. } if name == "cp-2"),
            "{error:?}"
        );
        assert!(error.to_string().starts_with("the etcd learner cp-2 has not caught up: "), "{error}");
        assert!(error.hint().expect("advice").contains("2380"));
        assert_eq!(scene.voters().await, ["cp-1", "cp-3"]);
        assert_eq!(scene.members().await.len(), 2, "no learner is left behind");
        // And it can come again.
        scene.join("cp-2").await.expect("thawed");
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3"]);
    });
}

#[test]
fn a_dead_learner_of_somebody_who_died_with_it_makes_room() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        // Joined by somebody who was killed, and whose etcd froze.
        let at = scene.lab.borrow().address();
        let added = scene.etcd().add_learner(std::slice::from_ref(&at.peer)).await.expect("added");
        let members: Vec<(String, String)> = added
            .members
            .iter()
            .map(|member| {
                let name = if member.id == added.member.id { "cp-2" } else { &member.name };
                (name.to_owned(), member.peer_urls[0].clone())
            })
            .collect();
        scene.lab.borrow_mut().start("cp-2", &at, &members);
        let etcd = scene.etcd();
        Lab::ready(&etcd, &at).await;
        while scene.members().await.iter().any(|member| !member.is_started()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        scene.lab.borrow().freeze("cp-2");
        let joined = scene.join("cp-3").await.expect("in the end");
        assert_eq!(joined.removed, [format!("cp-2 ({})", at.peer)]);
        assert!(scene.heard("Warning: removing the etcd learner cp-2"), "{:#?}", scene.heard);
        assert!(scene.heard("waiting for the learner cp-2"), "{:#?}", scene.heard);
        assert_eq!(scene.voters().await, ["cp-1", "cp-3"]);
    });
}

#[test]
fn a_stale_member_of_this_node_is_replaced_and_a_living_one_is_not() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        scene.join("cp-2").await.expect("joined");
        scene.join("cp-3").await.expect("joined");
        // The machine is set up anew: same name, same address, no data.
        scene.lab.borrow_mut().kill("cp-3");
        scene.lab.borrow().wipe("cp-3");
        let joined = scene.join("cp-3").await.unwrap_or_else(|error| panic!("{error}\n{:#?}", scene.heard));
        assert_eq!(joined.removed, [format!("cp-3 ({})", scene.place("cp-3").peer)]);
        assert!(scene.heard("Warning: replacing the stale etcd member cp-3"), "{:#?}", scene.heard);
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3"]);

        // The same name at another address.
        scene.lab.borrow_mut().kill("cp-3");
        scene.lab.borrow().wipe("cp-3");
        let before = scene.at.borrow_mut().remove("cp-3").expect("placed");
        let joined = scene.join("cp-3").await.unwrap_or_else(|error| panic!("{error}\n{:#?}", scene.heard));
        assert_eq!(joined.removed, [format!("cp-3 ({})", before.peer)]);
        assert_ne!(scene.place("cp-3").peer, before.peer);
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3"]);

        // Another machine under the name of one that lives.
        let at = scene.lab.borrow().address();
        let me = Newcomer { name: "cp-2", peer_url: &at.peer, client_url: &at.client, has_data: &|| false };
        let refused = scene
            .session("x", async |session| {
                join(session, &me, async |_| -> Result<(), MembersError> { panic!("it must not start") }).await
            })
            .await;
        let error = refused.expect_err("cp-2 lives");
        assert!(matches!(&error, MembersError::Taken { taken, .. } if taken.starts_with("cp-2")), "{error:?}");
        assert_eq!(scene.voters().await, ["cp-1", "cp-2", "cp-3"]);
    });
}

#[test]
fn without_a_quorum_nothing_changes_and_the_ill_are_named() {
    block_on(async {
        let Some(mut scene) = Scene::new().await else { return };
        scene.patience.health = Duration::from_secs(7);
        scene.join("cp-2").await.expect("joined");
        scene.join("cp-3").await.expect("joined");

        // One of three is down: it may go, a healthy one may not, and nobody new is let in before.
        scene.lab.borrow_mut().kill("cp-3");
        let error = scene.remove(Target::Name("cp-2")).await.expect_err("cp-1 alone cannot decide for two");
        assert!(matches!(&error, MembersError::WouldLoseQuorum { healthy: 1, voters: 2, quorum: 2, .. }), "{error:?}");
        assert!(error.to_string().contains("cp-3") && error.to_string().contains("nothing listens"), "{error}");
        let error = scene.join("cp-4").await.expect_err("etcd is not healthy");
        assert!(matches!(&error, MembersError::StaysUnhealthy { sick, .. } if sick.len() == 1), "{error:?}");
        assert!(error.to_string().contains("cp-3"), "{error}");
        assert!(error.hint().expect("advice").contains("node remove"));
        assert!(matches!(scene.remove(Target::Name("cp-3")).await, Ok(Removal::Removed(_))));

        // One of two is down: nothing can be decided.
        scene.patience.health = Duration::ZERO;
        scene.lab.borrow_mut().kill("cp-2");
        for refused in [
            scene.join("cp-4").await.map(drop),
            scene.remove(Target::Name("cp-2")).await.map(drop),
            check(&scene.etcd()).await.map(drop),
        ] {
            let error = refused.expect_err("no quorum");
            assert!(matches!(&error, MembersError::NoQuorum { healthy: 0 | 1, voters: 2, quorum: 2, .. }), "{error:?}");
            assert!(error.to_string().contains("cp-2 ("), "{error}");
        }
    });
}

#[test]
fn a_run_that_is_cut_off_at_any_moment_goes_on() {
    block_on(async {
        let Some(mut scene) = Scene::new().await else { return };
        let leases = Leases::serve();
        scene.serve(&leases);
        scene.place("cp-2");
        for (cut, stages) in [
            ("a node that is no more", &[ABSENT][..]),
            (BEFORE_START, &["announced"]),
            ("announced to etcd", &["announced"]),
            // Whether it has been heard of yet by then is luck.
            ("learner has not answered yet", &["announced", "started"]),
            ("has its vote", &["promoted"]),
        ] {
            *scene.cut.lock().expect("no panic") = cut;
            if stages == [ABSENT] {
                leases.write("cp-9", 1);
                *scene.cut.lock().expect("no panic") = "waiting for cp-9";
            }
            {
                let joining = scene.join("cp-2");
                tokio::select! {
                    biased;
                    () = scene.cutting.notified() => {}
                    done = joining => panic!("{cut} was not heard: {done:?}\n{:#?}", scene.heard),
                }
            }
            *scene.cut.lock().expect("no panic") = "nothing";
            // In the order of their ids, which nobody knows.
            let second = scene.members().await.into_iter().find(|member| member.name != "cp-1");
            let stage = match second.map(|member| (member.is_started(), member.is_learner)) {
                None => ABSENT,
                Some((false, _)) => "announced",
                Some((true, true)) => "started",
                Some((true, false)) => "promoted",
            };
            assert!(stages.contains(&stage), "{cut}: {stage}");
            // Its etcd goes on, because a kubelet keeps it. The lease is still held by us.
            scene.join("cp-2").await.unwrap_or_else(|error| panic!("{cut}: {error}\n{:#?}", scene.heard));
            assert_eq!(scene.voters().await, ["cp-1", "cp-2"], "{cut}");
            assert_eq!((scene.members().await.len(), leases.holder().as_str()), (2, ""), "{cut}");
            assert!(matches!(scene.remove(Target::Name("cp-2")).await, Ok(Removal::Removed(_))), "{cut}");
            scene.lab.borrow_mut().kill("cp-2");
            scene.lab.borrow().wipe("cp-2");
        }
    });
}

#[test]
fn a_run_that_fails_leaves_no_learner() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        // What is to start it fails.
        let at = scene.lab.borrow().address();
        let me = Newcomer { name: "cp-3", peer_url: &at.peer, client_url: &at.client, has_data: &|| false };
        let failed = scene
            .session("cp-3", async |session| {
                let fail = async |_: &Announced| Err(MembersError::NoCredentials { path: "x".into() });
                join(session, &me, fail).await
            })
            .await;
        assert!(matches!(failed, Err(MembersError::NoCredentials { .. })), "{failed:?}");
        assert_eq!(scene.members().await.len(), 1);
    });
}

#[test]
fn data_that_come_while_others_are_waited_for_count() {
    block_on(async {
        let Some(mut scene) = Scene::new().await else { return };
        let leases = Leases::serve();
        scene.serve(&leases);
        scene.join("cp-2").await.expect("joined");
        // The etcd of a run that was killed comes up when the next one is waiting for its turn.
        leases.write("cp-9", 2);
        *scene.cut.lock().expect("no panic") = "waiting for cp-9";
        let is_up = AtomicBool::new(false);
        let has_data = || is_up.load(Ordering::Relaxed);
        let at = scene.place("cp-2");
        let me = Newcomer { name: "cp-2", peer_url: &at.peer, client_url: &at.client, has_data: &has_data };
        let joining = scene.session("cp-2", async |session| {
            join(session, &me, async |announced| {
                assert!(!announced.fresh && !announced.stale, "{announced:?}");
                Ok::<(), MembersError>(())
            })
            .await
        });
        let coming_up = async {
            scene.cutting.notified().await;
            is_up.store(true, Ordering::Relaxed);
        };
        let (joined, ()) = tokio::join!(joining, coming_up);
        assert_eq!(joined.expect("it is a member"), Joined { already: true, removed: Vec::new() });
    });
}

#[test]
fn only_data_that_are_older_than_the_membership_must_go() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        let at = scene.lab.borrow().address();
        let announce = async |has_data: bool| {
            let has_data = || has_data;
            let me = Newcomer { name: "cp-2", peer_url: &at.peer, client_url: &at.client, has_data: &has_data };
            let mut seen = None;
            scene
                .session("cp-2", async |session| {
                    let look = async |announced: &Announced| {
                        seen = Some((announced.fresh, announced.stale));
                        Err(MembersError::NoCredentials { path: "x".into() })
                    };
                    join(session, &me, look).await.expect_err("it is not started")
                })
                .await;
            seen.expect("announced")
        };
        let by_an_earlier_run = async || drop(scene.etcd().add_learner(std::slice::from_ref(&at.peer)).await);
        assert_eq!(announce(false).await, (true, false));
        assert_eq!(announce(true).await, (true, true));
        by_an_earlier_run().await;
        // What its etcd may have written by the time that it is started again is its own.
        assert_eq!(announce(false).await, (true, false));
        by_an_earlier_run().await;
        assert_eq!(announce(true).await, (true, true), "it is replaced");
        assert_eq!(scene.members().await.len(), 1);
    });
}

#[test]
fn a_dry_run_says_what_would_be() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let node = scene.node.dry_run_here(scratch.path());
        let all: Vec<String> = scene.etcd().endpoints();
        let etcd = node.etcd(&all, None).expect("endpoints");
        let tell = |_: Level, _: String| {};
        let session = Session { node: &node, api: None, etcd: &etcd, holder: "cp-2", patience: PATIENCE, tell: &tell };
        let me = Newcomer {
            name: "cp-2",
            peer_url: "http://127.0.0.1:1",
            client_url: "http://127.0.0.1:2",
            has_data: &|| true,
        };
        let mut seen = None;
        let joined = join(&session, &me, async |announced| {
            seen = Some(announced.clone());
            Ok::<(), MembersError>(())
        });
        joined.await.expect("pretended");
        let first = ("cp-1".to_owned(), scene.place("cp-1").peer);
        let second = ("cp-2".to_owned(), "http://127.0.0.1:1".to_owned());
        assert_eq!(seen, Some(Announced { members: vec![first, second], fresh: true, stale: true }));
        assert_eq!(scene.members().await.len(), 1);
    });
}

#[test]
fn a_leader_that_dies_while_a_learner_catches_up_is_replaced() {
    block_on(async {
        let Some(scene) = Scene::new().await else { return };
        scene.join("cp-2").await.expect("joined");
        scene.join("cp-3").await.expect("joined");
        let council = Council::observe(&scene.etcd()).await.expect("members");
        let leader = council.leader().expect("a leader").member.name.clone();
        let at = scene.lab.borrow().address();
        let me = Newcomer { name: "cp-4", peer_url: &at.peer, client_url: &at.client, has_data: &|| false };
        let joined = scene
            .session("cp-4", async |session| {
                join(session, &me, async |announced| {
                    let mut lab = scene.lab.borrow_mut();
                    lab.start("cp-4", &at, &announced.members);
                    lab.kill(&leader);
                    Ok::<(), MembersError>(())
                })
                .await
            })
            .await;
        joined.unwrap_or_else(|error| panic!("{error}\n{:#?}", scene.heard));
        let council = Council::observe(&scene.etcd()).await.expect("members");
        assert_eq!((council.voters().count(), council.sick().len()), (4, 1));
        assert!(matches!(scene.remove(Target::Name(&leader)).await, Ok(Removal::Removed(_))), "three of four are well");
    });
}
