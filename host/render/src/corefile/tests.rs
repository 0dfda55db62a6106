use super::*;

const CUSTOM: &str = "# ours
.:53 {
    errors
    health
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       upstream
       resyncperiod 30s
       endpoint https://a:6443 https://b:6443
       transfer to * 192.0.2.1
       fallthrough in-addr.arpa ip6.arpa
    }

    prometheus :9153 # for the dashboard
    proxy example.org 192.0.2.53 {
       policy first
       health_check 5s
    }
    proxy . /etc/resolv.conf {
       fail_timeout 5s
    }
    cache 30
    reload
}
";

#[track_caller]
fn migrated(current: &str, from: &str, to: &str) -> (String, Vec<String>) {
    match plan(current, from, to) {
        Plan::Migrate { corefile, changes } => (corefile, changes),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(current: &str, from: &str, to: &str) -> String {
    match plan(current, from, to) {
        Plan::Failed(failure) => {
            assert!(!failure.hint().is_empty());
            let cause = std::error::Error::source(&failure).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{failure}{cause}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_kubeadm_has_deployed_is_overwritten() {
    assert_eq!(plan(&text("cluster.local", true), "v1.14.2", "v1.14.6"), Plan::Overwrite);
    assert_eq!(plan(&text("dom.local", false), "1.7.0", "v1.14.2"), Plan::Overwrite);
    assert_eq!(plan(" \n", "1.7.0", "v1.14.2"), Plan::Overwrite);
    // The tag of somebody's own build does not matter then, nor do blanks and the order of plugins.
    let old = ".:53 {
        health
        errors
        kubernetes dom.local in-addr.arpa ip6.arpa {
            upstream
            pods insecure

            fallthrough in-addr.arpa ip6.arpa
        }
        prometheus :9153
        proxy . /etc/resolv.conf
        cache 30
        reload\n}";
    assert_eq!(plan(old, "ours", "v1.14.2"), Plan::Overwrite);
}

#[test]
fn what_somebody_has_changed_is_kept() {
    let default = text("cluster.local", false);
    for (old, new) in [
        ("forward . /etc/resolv.conf", "forward . 192.0.2.53"),
        ("ttl 30", "ttl 60"),
        ("    reload\n", ""),
        ("    reload\n", "    reload # do not remove\n"),
        ("    reload\n", "    reload\n    log\n"),
        ("cache 30\n", "cache 30 {\n       disable success other.domain\n    }\n"),
        (".:53", ".:5353"),
    ] {
        let changed = default.replace(old, new);
        assert_ne!(changed, default, "{old}");
        for (from, to) in [("1.7.0", "1.7.0"), ("1.7.0", "v1.14.2"), ("ours", "ours"), ("v1.8.0-eks.1", "v1.14.6")] {
            assert_eq!(plan(&changed, from, to), Plan::Retain, "{new} {from} {to}");
        }
    }
}

#[test]
fn what_a_new_version_refuses_is_migrated() {
    let (corefile, changes) = migrated(CUSTOM, "1.2.6", "v1.14.2");
    assert_eq!(
        corefile,
        "# ours
.:53 {
    errors
    health {
        lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        endpoint https://a:6443
        fallthrough in-addr.arpa ip6.arpa
    }

    prometheus :9153 # for the dashboard
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
    cache 30
    reload
    ready
    transfer cluster.local {
        to * 192.0.2.1
    }
}

example.org {
    forward . 192.0.2.53 {
        policy sequential
        max_concurrent 1000
    }
    loop
    errors
    cache 30
}
"
    );
    assert_eq!(
        changes.first().unwrap(),
        "CoreDNS 1.4.0: all but the first address of option `endpoint` of `kubernetes` is ignored"
    );
    assert_eq!(changes.last().unwrap(), "CoreDNS 1.8.0: option `transfer` of `kubernetes` became a plugin");
    // What has been migrated needs nothing more.
    assert_eq!(plan(&corefile, "1.2.6", "v1.14.2"), Plan::Retain);
    // And up to a version that still takes it, nothing happens.
    assert_eq!(plan(CUSTOM, "1.2.5", "1.2.6"), Plan::Retain);
    assert_eq!(plan(CUSTOM, "1.2.6", "1.4.0"), Plan::Retain);
}

#[test]
fn plugins_that_became_defaults_are_added_where_they_belong() {
    let two = ".:53 {\n    proxy . /etc/resolv.conf {\n        protocol dns force_tcp\n        protocol https_google\n    }\n}\nexample.org {\n    file db\n}\n";
    let (corefile, changes) = migrated(two, "1.1.4", "1.2.1");
    assert_eq!(
        corefile,
        two.replace("        protocol https_google\n", "").replacen("    }\n}", "    }\n    loop\n}", 1)
    );
    assert_eq!(changes.len(), 2);
    let (corefile, _) = migrated(&corefile, "1.2.1", "1.6.2");
    assert!(corefile.contains("forward . /etc/resolv.conf {\n        force_tcp\n    }"), "{corefile}");
    assert!(!corefile.contains("ready"));
}

#[test]
fn what_has_no_successor_is_refused() {
    let with = |plugin: &str| format!(".:53 {{\n    kubernetes cluster.local\n    {plugin}\n}}\n");
    assert_eq!(
        failed(&with("federation cluster.local"), "1.6.9", "1.7.0"),
        "cannot migrate the Corefile: plugin `federation` was removed in CoreDNS 1.7.0 and has no successor"
    );
    assert_eq!(
        failed(&with("proxy . 192.0.2.1 {\n        protocol grpc insecure\n    }"), "1.4.0", "1.5.0"),
        "cannot migrate the Corefile: `forward` does not speak protocol `grpc`, as `proxy` did"
    );
    let several = with("proxy a 192.0.2.1\n    proxy b 192.0.2.1").replace(".:53", "example.org");
    assert_eq!(
        failed(&several, "1.4.0", "1.5.0"),
        "cannot migrate the Corefile: several `proxy` in server `example.org` cannot be told apart"
    );
    assert_eq!(
        failed(&with("log"), "latest", "1.7.0"),
        "cannot tell the version of CoreDNS from the image tag `latest`"
    );
    assert_eq!(
        failed(&with("log"), "v1.14.2", "1.7.0"),
        "cannot migrate the Corefile from CoreDNS v1.14.2 back to 1.7.0"
    );
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    for (text, why) in [
        (".:53 {\n    errors\n", "line 1: the block is not closed"),
        (".:53 {\n}\n}\n", "line 3: `}` closes nothing"),
        (".:53\nerrors\n", "line 1: a server without a block in braces"),
        (".:53\n{\n}\n", "line 1: a server without a block in braces"),
        (".:53 {\n    log \"a\n", "line 2: the quotes are not closed"),
        (".:53 {\n    log\n    {\n    }\n}\n", "line 3: `{` stands on a line of its own"),
    ] {
        assert_eq!(failed(text, "1.7.0", "1.8.0"), format!("cannot read the Corefile: {why}"), "{text}");
    }
}

#[test]
fn words_comments_and_blank_lines_come_out_as_they_went_in() {
    let text = "(snippet) {
    log
}

# servers
.:53, {$DOMAIN} { # first
    import snippet
    rewrite name \"a # b\" \"c \\\" d\"
    template IN A {
        # an answer
        answer \"{{ .Name }}
 60 IN A 192.0.2.1\"
    }

    # the end
}
import /etc/coredns/custom/*.server
# really
";
    assert_eq!(Corefile::parse(text).unwrap().to_string(), text);
    let names = Corefile::parse("a,\nb {\n    log\n}\n").unwrap();
    assert_eq!(names.to_string(), "a, b {\n    log\n}\n");
    assert_eq!(Corefile::parse("").unwrap().to_string(), "");
}

#[test]
fn whatever_is_read_comes_out_the_same_again() {
    let lines: Vec<&str> = CUSTOM.lines().collect();
    let odd = ["", "}", "x {", "{", "\"a", "# c", "a\"b", "\"a\"b {# c", "a, ", "\\", "\r"];
    let mut read = 0;
    for at in 0..=lines.len() {
        for odd in odd {
            for left_out in [0, 1, 4] {
                let mut changed = lines.clone();
                changed.splice(at..(at + left_out).min(lines.len()), [odd]);
                let text = changed.join("\n");
                let plan = plan(&text, "1.2.6", "v1.14.2");
                let Ok(corefile) = Corefile::parse(&text) else {
                    assert!(matches!(plan, Plan::Failed(Failure::Syntax(_))), "{text}");
                    continue;
                };
                assert_eq!(Corefile::parse(&corefile.to_string()).as_ref(), Ok(&corefile), "{text}");
                read += 1;
            }
        }
    }
    assert!(read > 200, "{read}");
    let bomb = "a {\n".repeat(100_000);
    assert_eq!(
        failed(&bomb, "1.7.0", "1.8.0"),
        "cannot read the Corefile: line 17: blocks stand too deep in each other"
    );
}

#[test]
fn versions_are_read_from_tags() {
    for (tag, version) in [
        ("1.7.0", Some(Version(1, 7, 0))),
        ("v1.14.2", Some(Version(1, 14, 2))),
        ("v1.8.7-eksbuild.10", Some(Version(1, 8, 7))),
        ("v1.8.0@sha256:abc", Some(Version(1, 8, 0))),
        ("1.7", None),
        ("1.7.0.1", None),
        ("sha256:abc", None),
        ("", None),
    ] {
        assert_eq!(Version::of_tag(tag), version, "{tag}");
    }
}
