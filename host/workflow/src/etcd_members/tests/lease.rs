//! Whose turn it is.

use std::time::Instant;

use super::super::lease::hold;
use super::*;

#[test]
fn the_lease_of_somebody_who_died_is_taken_over_and_a_lost_one_ends_the_work() {
    block_on(async {
        let leases = Leases::serve();
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let endpoint = Endpoint { server: leases.url(), ..Endpoint::default() };
        let api = node.api(&endpoint).expect("an endpoint").within(Duration::from_secs(5));
        let etcd = node.etcd(&["http://127.0.0.1:1".to_owned()], None).expect("an endpoint");
        let heard = Mutex::new(Vec::new());
        let tell = |_: Level, text: String| heard.lock().expect("no panic").push(text);
        let session = |holder: &'static str, turn: u64| {
            let patience = Patience { turn: Duration::from_secs(turn), ..PATIENCE };
            Session { node: &node, api: Some(&api), etcd: &etcd, holder, patience, tell: &tell }
        };

        // It died two seconds short of what it had promised.
        leases.write("cp-9", 2);
        let begun = Instant::now();
        let done = hold(&session("cp-2", 60), async { Ok::<_, MembersError>(leases.holder()) }).await;
        assert_eq!(done.expect("taken over"), "cp-2");
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(8), "{waited:?}");
        assert_eq!(*heard.lock().expect("no panic"), ["waiting for cp-9, which is changing the members of etcd"]);
        assert_eq!(leases.holder(), "", "given back");

        // One's own of before is not waited for.
        leases.write("cp-2", 60);
        let begun = Instant::now();
        hold(&session("cp-2", 60), async { Ok::<_, MembersError>(()) }).await.expect("at once");
        assert!(begun.elapsed() < Duration::from_secs(1));

        // Others do not finish.
        leases.write("cp-9", 60);
        let busy = hold(&session("cp-2", 1), async { Ok::<_, MembersError>(()) }).await;
        let error = busy.expect_err("it is held");
        assert!(matches!(&error, MembersError::Turn { holder, .. } if holder == "cp-9"), "{error:?}");
        assert!(error.hint().expect("advice").contains("kube-system/kubephase-etcd-members"));

        // Somebody takes it away.
        leases.write("", 60);
        let work = async {
            leases.write("cp-9", 60);
            tokio::time::sleep(Duration::from_secs(30)).await;
            Ok::<_, MembersError>(())
        };
        let lost = hold(&session("cp-2", 60), work).await;
        assert!(matches!(&lost, Err(MembersError::LostTurn { why }) if why.contains("cp-9")), "{lost:?}");
        assert_eq!(leases.holder(), "cp-9", "it is theirs");
    });
}
