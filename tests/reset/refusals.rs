//! What is listed first, asked for and refused.

use crate::ground::{Ground, INIT, differences};

#[test]
fn a_dry_run_lists_what_a_run_does_and_changes_nothing() {
    let Some(ground) = Ground::new("a_dry_run_lists") else { return };
    ground.must(INIT);
    let prepare = "
mkdir -p /srv/data /var/lib/kubelet/pods/u1/volume /var/lib/etcd/member
echo precious > /srv/data/file; echo x > /var/lib/kubelet/pods/u1/file
mount --bind /srv/data /var/lib/kubelet/pods/u1/volume
";
    ground.must(prepare);
    let before = ground.files();
    let said = ground.must(&format!("{prepare} $RESET --dry-run; grep -c ' /var/lib/kubelet/' /proc/mounts"));
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new());
    assert!(said.out.ends_with("\nNothing was changed.\n1\n"), "{}", said.out);
    for line in [
        "would stop kubelet",
        "would unmount /var/lib/kubelet/pods/u1/volume",
        "would remove /var/lib/kubelet/pods",
        "would remove /var/lib/etcd/member",
        "would remove /etc/kubernetes/pki/ca.key",
        "would remove /var/lib/kubephase/journal.json",
        "would remove /etc/kubernetes",
    ] {
        assert!(said.out.contains(&format!("  {line}\n")), "{line}: {}", said.out);
    }
    // A run does just that.
    let run = ground.must(&format!("{prepare} $RESET -o json"));
    let did: Vec<serde_json::Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let done: std::collections::BTreeSet<String> = did
        .iter()
        .flat_map(|event| event["changes"].as_array().cloned().unwrap_or_default())
        .filter(|change| change["kind"] == "removed")
        .map(|change| change["path"].as_str().expect("a path").to_owned())
        .collect();
    let foretold: std::collections::BTreeSet<String> =
        said.out.lines().filter_map(|line| line.strip_prefix("  would remove ")).map(str::to_owned).collect();
    // The lock is there only while something is changed.
    let more: Vec<&String> = done.difference(&foretold).filter(|path| !path.ends_with("/lock")).collect();
    assert!(more.is_empty() && foretold.is_subset(&done), "{more:?} {:?}", foretold.difference(&done));
}

#[test]
fn without_a_yes_nothing_is_changed() {
    let Some(ground) = Ground::new("without_a_yes") else { return };
    ground.must(INIT);
    let before = ground.files();
    for answer in ["", "n", "no", "yess", "\\n y"] {
        let said = ground.run(&format!("printf '{answer}\\n' | $ASKING_RESET"));
        assert!(!said.success && said.err.contains("not confirmed: nothing was changed"), "{answer:?}: {}", said.err);
        assert!(said.err.contains("remove /etc/kubernetes/pki/ca.key\n"), "it is listed first: {}", said.err);
    }
    let said = ground.run("$ASKING_RESET < /dev/null");
    assert!(!said.success, "the end of the input is no yes: {}", said.err);
    // Whoever answers with Ctrl-C is not asked for ever.
    let said = ground.must(
        "mkfifo /tmp/answer; exec 3<>/tmp/answer; $ASKING_RESET <&3 2>/tmp/asked & asked=$!
n=0; until grep -q 'Go on' /tmp/asked || [ $n = 200 ]; do n=$((n + 1)); sleep 0.1; done
kill -INT $asked; (sleep 20; kill -KILL $asked) >/dev/null 2>&1 & late=$!
wait $asked && code=0 || code=$?; kill $late; echo \"ended with $code\"; cat /tmp/asked; rm /tmp/answer /tmp/asked",
    );
    assert!(said.out.contains("ended with 1\n"), "{}", said.out);
    assert!(said.out.contains("error: interrupted") && said.out.contains("nothing was changed"), "{}", said.out);
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new());
    ground.must("echo Y | $ASKING_RESET");
    assert!(!ground.root().join("etc/kubernetes").exists());
}

#[test]
fn what_cannot_be_unmounted_stops_it_before_anything_is_deleted() {
    let Some(ground) = Ground::new("what_cannot_be_unmounted") else { return };
    ground.must(INIT);
    let busy = "
mkdir -p /srv/data /var/lib/kubelet/pods/u1/volume /var/lib/kubelet/pods/u1/other
echo precious > /srv/data/file
mount --bind /srv/data /var/lib/kubelet/pods/u1/volume
mount -t tmpfs tmpfs /var/lib/kubelet/pods/u1/other
cd /var/lib/kubelet/pods/u1/volume
";
    ground.must(busy);
    let before = ground.files();
    let said = ground.run(&format!("{busy} $RESET"));
    assert!(!said.success, "{}", said.err);
    for part in ["unmounting /var/lib/kubelet/pods/u1/volume: ", "MNT_DETACH", "nothing was deleted"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new());
    // Lazily it works, and what is in the mount stays all the same.
    ground.must(&format!("echo 'unmountFlags: [MNT_DETACH]' >> /reset.yaml; {busy} $RESET"));
    assert_eq!(std::fs::read_to_string(ground.root().join("srv/data/file")).expect("there"), "precious\n");
    assert!(!ground.root().join("etc/kubernetes").exists());
}

/// Files whose end is a moment to be cut off at, and what is only listed before anything is done.
const MOMENTS: [&str; 8] = [
    "/nothing",
    "/var/lib/etcd/member/wal/0.wal",
    "/var/lib/etcd/member",
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/admin.conf",
    "/var/lib/kubephase/journal.json",
];

#[test]
fn cut_off_anywhere_the_same_command_ends_it() {
    let Some(ground) = Ground::new("cut_off_anywhere") else { return };
    let empty = ground.files();
    let mut halves = 0;
    for moment in MOMENTS {
        ground.must(INIT);
        ground.must("mkdir -p /var/lib/etcd/member/wal; echo wal > /var/lib/etcd/member/wal/0.wal");
        let whole = ground.files();
        // Killed as soon as that file is gone. Some more may be by then.
        let said = ground.must(&format!("$RESET >/dev/null 2>&1 & while [ -e {moment} ]; do :; done; kill -KILL $!"));
        let between = ground.files();
        let left = between.keys().filter(|path| !empty.contains_key(*path)).count();
        halves += usize::from(left != 0 && between != whole);
        assert!(!between.contains_key(moment.trim_start_matches('/')), "{moment}: {}", said.err);
        let said = ground.must("$RESET");
        let after = ground.files();
        let left: Vec<&String> = after.keys().filter(|path| !empty.contains_key(*path)).collect();
        assert!(left.is_empty(), "killed without {moment}: {left:?}\n{}", said.err);
        let gone = empty.keys().filter(|path| !after.contains_key(*path)).count();
        assert_eq!(gone, 0, "killed without {moment}");
    }
    assert!(halves >= MOMENTS.len() / 2, "only {halves} were cut off between the first and the last file");
}
