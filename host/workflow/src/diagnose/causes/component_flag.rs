//! A component does not know one of its flags, or does not accept its value.

use crate::diagnose::lines::{has, rest_after, word_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "component-flag", about: "a component refuses one of its flags", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.component_fatal(|line| {
        has(line, &["unknown flag: -"])
            || has(line, &["invalid argument \"", "flag:"])
            || has(line, &["flag provided but not defined: -"])
            || has(line, &["flag needs an argument"])
            || has(line, &["unrecognized feature gate"])
    })?;
    let who = hit.who().to_owned();
    let first_line = if let Some(flag) =
        word_after(&hit.line, "unknown flag: ").or_else(|| word_after(&hit.line, "flag provided but not defined: "))
    {
        format!("{who} does not know the flag `{flag}` and ends")
    } else {
        let detail = ["Error: ", "err=\"", "error verifying flags, "]
            .iter()
            .find_map(|marker| rest_after(&hit.line, marker))
            .unwrap_or(&hit.line);
        format!("{who} does not accept a flag and ends: {detail}")
    };
    let place = match who.as_str() {
        "etcd" => "etcd.local.extraArgs",
        "kube-apiserver" => "apiServer.extraArgs",
        "kube-controller-manager" => "controllerManager.extraArgs",
        _ => "scheduler.extraArgs",
    };
    hit.because(first_line, format!("correct it in {place} (or in a patch for {who}) and run `kubephase init` again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown() {
        // kube-apiserver 1.20 and 1.36 print this line first and the usage after it; CRI log format in front.
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            "2026-11-23T00:21:40.824625Z stderr F Error: unknown flag: --enable-admission-plugin\n2026-11-23T00:21:40.824625Z stderr F Usage:\n2026-11-23T00:21:40.824625Z stderr F   kube-apiserver [flags]",
        ))
        .expect("match");
        assert_eq!(found.first_line, "kube-apiserver does not know the flag `--enable-admission-plugin` and ends");
        assert!(found.fix.contains("apiServer.extraArgs"));
    }

    #[test]
    fn bad_value() {
        let found = find(&Evidence::crashed(
            "kube-controller-manager",
            r#"Error: invalid argument "10" for "--node-monitor-period" flag: time: missing unit in duration "10""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            r#"kube-controller-manager does not accept a flag and ends: invalid argument "10" for "--node-monitor-period" flag: time: missing unit in duration "10"#
        );
    }

    #[test]
    fn etcd() {
        for line in [
            "2021-01-02 10:00:00.088482 C | etcdmain: error verifying flags, flag provided but not defined: -quota-backend. See 'etcd --help'.",
            r#"{"level":"warn","ts":"2024-05-10T04:41:48.256Z","caller":"etcdmain/etcd.go:74","msg":"failed to verify flags","error":"flag provided but not defined: -quota-backend"}"#,
        ] {
            let found = find(&Evidence::crashed("etcd", line)).expect("match");
            assert_eq!(found.first_line, "etcd does not know the flag `-quota-backend` and ends");
            assert!(found.fix.contains("etcd.local.extraArgs"));
        }
    }
}
