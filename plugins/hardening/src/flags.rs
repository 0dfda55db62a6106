//! Rules about the flags of a static pod: judged, and made true.

use kubephase_sdk::prelude::*;

use crate::rule::{Rule, Verdict, is_loopback, weak};
use crate::settings::Values;

const ADMISSION_ON: &str = "enable-admission-plugins";
const ADMISSION_OFF: &str = "disable-admission-plugins";
const AUTHORIZATION: &str = "authorization-mode";
/// Takes the place of [`AUTHORIZATION`] (KEP-3221); what is in the file is not looked at.
const AUTHORIZATION_FILE: &str = "authorization-config";

/// What a rule comes to; nothing if it is not about flags, or if it cannot be told from them.
pub fn judge(rule: &Rule, pod: &StaticPod) -> Option<Verdict> {
    let flag = |name: &str| pod.flag(name).filter(|value| !value.is_empty());
    Some(match rule {
        Rule::FlagIs(name, value) => match pod.flag(name) {
            None => missing(name),
            // A flag without a value is true.
            Some(is) if is == *value || (is.is_empty() && *value == "true") => Verdict::Fulfilled,
            Some(is) => has(name, is),
        },
        Rule::FlagAny(name, _) => flag(name).map_or_else(|| missing(name), |_| Verdict::Fulfilled),
        Rule::FlagNot(name, value) => match pod.flag(name) {
            Some(is) if is == *value || (is.is_empty() && *value == "true") => has(name, is),
            _ => Verdict::Fulfilled,
        },
        Rule::FlagsSet(names) => {
            names.iter().find(|name| flag(name).is_none()).map_or(Verdict::Fulfilled, |name| missing(name))
        }
        Rule::FlagsUnset(names) => {
            Verdict::unless(names.iter().find(|name| pod.flag(name).is_some()).map(|name| format!("has --{name}")))
        }
        Rule::FlagAtLeast(name, least) => match flag(name) {
            None => missing(name),
            Some(is) if is.parse::<u64>().is_ok_and(|is| is >= *least) => Verdict::Fulfilled,
            Some(is) => has(name, is),
        },
        Rule::FlagLoopback(name) => match flag(name) {
            None => missing(name),
            Some(is) if is_loopback(is) => Verdict::Fulfilled,
            Some(is) => has(name, is),
        },
        Rule::FlagCiphers(name) => match flag(name) {
            None => missing(name),
            Some(is) => match &weak(is.split(','))[..] {
                [] => Verdict::Fulfilled,
                weak => Verdict::Contrary(format!("has {} in --{name}", weak.join(", "))),
            },
        },
        Rule::AdmissionHas(plugin) if lists(pod, ADMISSION_OFF, plugin) => {
            Verdict::Contrary(format!("has {plugin} in --{ADMISSION_OFF}"))
        }
        Rule::AdmissionHas(plugin) if lists(pod, ADMISSION_ON, plugin) => Verdict::Fulfilled,
        Rule::AdmissionHas(plugin) => Verdict::Missing(format!("has no {plugin} in --{ADMISSION_ON}")),
        Rule::ListLacks(name, item) => {
            Verdict::unless(lists(pod, name, item).then(|| format!("has {item} in --{name}")))
        }
        Rule::AuthorizationHas(_) | Rule::AuthorizationLacks(_) if flag(AUTHORIZATION_FILE).is_some() => return None,
        Rule::AuthorizationHas(mode) => {
            Verdict::unless((!lists(pod, AUTHORIZATION, mode)).then(|| format!("has no {mode} in --{AUTHORIZATION}")))
        }
        // Without the flag everything is allowed.
        Rule::AuthorizationLacks(_) if flag(AUTHORIZATION).is_none() => missing(AUTHORIZATION),
        Rule::AuthorizationLacks(mode) => {
            Verdict::unless(lists(pod, AUTHORIZATION, mode).then(|| format!("has {mode} in --{AUTHORIZATION}")))
        }
        Rule::GateNotOff(gate) => {
            let off = format!("{gate}=false");
            Verdict::unless(lists(pod, "feature-gates", &off).then(|| format!("has {off} in --feature-gates")))
        }
        _ => return None,
    })
}

/// Makes a rule true that was [`Verdict::Missing`]. Says whether it could.
pub fn set(rule: &Rule, pod: &mut StaticPod, values: &Values) -> bool {
    match rule {
        Rule::FlagIs(name, value) => pod.set_flag(name, value),
        Rule::FlagAny(name, value) => pod.set_flag(name, value(values)),
        Rule::FlagLoopback(name) => pod.set_flag(name, "127.0.0.1"),
        Rule::FlagCiphers(name) => pod.set_flag(name, values.ciphers.join(",")),
        Rule::AdmissionHas(plugin) => pod.add_to_flag(ADMISSION_ON, plugin),
        _ => return false,
    };
    true
}

fn lists(pod: &StaticPod, flag: &str, item: &str) -> bool {
    pod.flag(flag).unwrap_or_default().split(',').any(|is| is.trim() == item)
}

fn missing(flag: &str) -> Verdict {
    Verdict::Missing(format!("has no --{flag}"))
}

fn has(flag: &str, value: &str) -> Verdict {
    Verdict::Contrary(format!("has --{flag}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(rule: &Rule, flags: &[&str]) -> Option<Verdict> {
        let command: Vec<&str> = ["kube-apiserver"].iter().chain(flags).copied().collect();
        judge(rule, &StaticPod::of(&json!({"spec": {"containers": [{"command": command}]}})))
    }

    fn contrary(seen: &str) -> Option<Verdict> {
        Some(Verdict::Contrary(seen.into()))
    }

    fn missing(seen: &str) -> Option<Verdict> {
        Some(Verdict::Missing(seen.into()))
    }

    #[test]
    fn values_of_flags() {
        let fulfilled = Some(Verdict::Fulfilled);
        for (rule, flags, expected) in [
            (Rule::FlagIs("profiling", "false"), &["--profiling=false"][..], fulfilled.clone()),
            (Rule::FlagIs("profiling", "false"), &["--profiling"], contrary("has --profiling=")),
            (Rule::FlagIs("profiling", "false"), &[], missing("has no --profiling")),
            (Rule::FlagIs("client-cert-auth", "true"), &["--client-cert-auth"], fulfilled.clone()),
            (Rule::FlagNot("auto-tls", "true"), &[], fulfilled.clone()),
            (Rule::FlagNot("auto-tls", "true"), &["--auto-tls"], contrary("has --auto-tls=")),
            (Rule::FlagsSet(&["a", "b"]), &["--a=1"], missing("has no --b")),
            (Rule::FlagsUnset(&["a"]), &["--a=1"], contrary("has --a")),
            (Rule::FlagAtLeast("n", 30), &["--n=30"], fulfilled.clone()),
            (Rule::FlagAtLeast("n", 30), &["--n=7"], contrary("has --n=7")),
            (Rule::FlagLoopback("bind-address"), &["--bind-address=::1"], fulfilled.clone()),
            (Rule::FlagLoopback("bind-address"), &["--bind-address=0.0.0.0"], contrary("has --bind-address=0.0.0.0")),
            (Rule::FlagCiphers("c"), &["--c=TLS_AES_128_GCM_SHA256"], fulfilled.clone()),
            (Rule::FlagCiphers("c"), &["--c=TLS_AES_128_GCM_SHA256,RC4"], contrary("has RC4 in --c")),
            (Rule::GateNotOff("X"), &["--feature-gates=Y=false,X=true"], fulfilled.clone()),
            (Rule::GateNotOff("X"), &["--feature-gates=X=false"], contrary("has X=false in --feature-gates")),
        ] {
            assert_eq!(verdict(&rule, flags), expected, "{flags:?}");
        }
    }

    #[test]
    fn plugins_and_authorizers() {
        let on = "--enable-admission-plugins=NodeRestriction";
        let off = "--disable-admission-plugins=NodeRestriction";
        let rule = Rule::AdmissionHas("NodeRestriction");
        assert_eq!(verdict(&rule, &[on]), Some(Verdict::Fulfilled));
        assert_eq!(verdict(&rule, &[on, off]), contrary("has NodeRestriction in --disable-admission-plugins"));
        assert_eq!(verdict(&rule, &[]), missing("has no NodeRestriction in --enable-admission-plugins"));
        let modes = "--authorization-mode=Node,RBAC";
        assert_eq!(verdict(&Rule::AuthorizationHas("Node"), &[modes]), Some(Verdict::Fulfilled));
        assert_eq!(verdict(&Rule::AuthorizationLacks("AlwaysAllow"), &[modes]), Some(Verdict::Fulfilled));
        assert_eq!(verdict(&Rule::AuthorizationHas("Node"), &["--authorization-config=/x"]), None);
    }
}
