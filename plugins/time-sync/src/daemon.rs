//! What keeps the clock: a daemon, one only, and the kernel believes it.

use kubephase_sdk::prelude::*;
use kubephase_sdk::probe::Clock;

use crate::duration::Microseconds;
use crate::settings::Settings;

const LINK: &str = "https://chrony-project.org/documentation.html";

/// Judges. `is_right` says whether servers have confirmed the clock.
pub fn judge(settings: &Settings, clock: &Clock, is_right: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = wanted(settings, clock).into_iter().collect();
    findings.extend(several(&clock.daemons));
    if !clock.synchronised && !clock.daemons.is_empty() {
        let seen = format!("{} runs, but the kernel does not believe its clock", clock.daemons.join(" and "));
        let must = settings.require_synchronised && !is_right;
        let severity = if must { Severity::Error } else { Severity::Warning };
        let finding = Finding::new(severity, "Synchronised", seen).expected("a clock that is synchronised");
        findings.push(finding.remedy(see(&clock.daemons)));
    }
    if !clock.synchronised && clock.daemons.is_empty() && !settings.require_daemon && settings.require_synchronised {
        // No daemon was asked for, as where a hypervisor keeps the clock.
        let finding = Finding::warning("Synchronised", "the kernel does not believe its clock");
        let remedy = "nothing to do if the hypervisor keeps it; otherwise install chrony";
        findings.push(finding.expected("a clock that is synchronised").remedy(remedy).link(LINK));
    }
    let limit = Microseconds::of_milliseconds(settings.max_error_milliseconds);
    if clock.synchronised && clock.maximum_error > limit.0 {
        let seen = format!("the kernel believes that the clock may be off by {}", Microseconds(clock.maximum_error));
        let finding = Finding::warning("Accuracy", seen).expected(format!("at most {limit}"));
        findings.push(finding.remedy(see(&clock.daemons)));
    }
    findings
}

/// Whether a daemon runs that will do.
fn wanted(settings: &Settings, clock: &Clock) -> Option<Finding> {
    let will_do = |name: &String| settings.daemons.is_empty() || settings.daemons.contains(name);
    if !settings.require_daemon || clock.daemons.iter().any(will_do) {
        return None;
    }
    let (expected, remedy) = match &settings.daemons[..] {
        [] => (
            "a daemon such as chronyd".to_owned(),
            "install chrony and start it (`systemctl enable --now chrony`, on some systems chronyd)".to_owned(),
        ),
        [one] => (one.clone(), format!("install {one} and start it")),
        several => (format!("one of {}", several.join(", ")), "install one of them and start it".to_owned()),
    };
    let finding = match (&clock.daemons[..], clock.synchronised) {
        // Hypervisors' agents do that, or daemons that nobody knows by name.
        ([], true) => Finding::warning("Daemon", "the clock is synchronised, but by no daemon that is known"),
        ([], false) => Finding::error("Daemon", "nothing keeps the clock right"),
        (others, _) => Finding::error("Daemon", format!("the clock is kept by {}", others.join(" and "))),
    };
    Some(finding.expected(expected).remedy(remedy).link(LINK))
}

/// Whether several daemons steer the clock against each other. Those of PTP work together, and beside others where their
/// clock is only one source.
fn several(daemons: &[String]) -> Option<Finding> {
    let mut of_ntp: Vec<&str> = Vec::new();
    for name in daemons {
        // NTPsec's program is called ntpd too.
        let is_same = |other: &&str| matches!((*other, &**name), ("ntpd", "ntpsec") | ("ntpsec", "ntpd"));
        if !matches!(&**name, "ptp4l" | "phc2sys") && !of_ntp.iter().any(is_same) {
            of_ntp.push(name);
        }
    }
    if of_ntp.len() < 2 {
        return None;
    }
    let finding = Finding::warning("SeveralDaemons", format!("{} steer the same clock", of_ntp.join(" and ")));
    Some(finding.expected("one daemon").remedy("stop and disable all but one of them").link(LINK))
}

/// How to see what a daemon does.
fn see(daemons: &[String]) -> &'static str {
    let has = |name: &str| daemons.iter().any(|daemon| daemon == name);
    if has("chronyd") {
        "see `chronyc sources` and `chronyc tracking`; `chronyc makestep` sets the clock at once"
    } else if has("systemd-timesyncd") {
        "see `timedatectl timesync-status` and the servers in /etc/systemd/timesyncd.conf"
    } else if has("ntpd") || has("ntpsec") {
        "see `ntpq -p`; a clock that is far off is set at once by `ntpd -gq` while the daemon is stopped"
    } else if has("openntpd") {
        "see `ntpctl -s all`"
    } else if has("ntpd-rs") {
        "see `ntp-ctl status`"
    } else {
        "see the log of the daemon that keeps the clock, and whether its servers can be reached"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(synchronised: bool, daemons: &[&str]) -> Clock {
        let daemons = daemons.iter().map(|name| (*name).into()).collect();
        Clock { synchronised, offset: None, maximum_error: 20_000, daemons, attributes: vec![] }
    }

    fn ids(settings: &Settings, clock: &Clock, is_right: bool) -> Vec<String> {
        let findings = judge(settings, clock, is_right).into_iter();
        findings.map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
    }

    #[test]
    fn one_daemon_that_is_believed_is_all_it_takes() {
        let any = Settings::default();
        assert_eq!(ids(&any, &clock(true, &["chronyd"]), false), [""; 0]);
        assert_eq!(ids(&any, &clock(true, &["phc2sys", "ptp4l"]), false), [""; 0]);
        assert_eq!(ids(&any, &clock(true, &["ntpd", "ntpsec"]), false), [""; 0], "one daemon under two names");
        assert_eq!(ids(&any, &clock(true, &[]), false), ["Daemon Severity::Warning"]);
        assert_eq!(ids(&any, &clock(false, &[]), false), ["Daemon Severity::Error"], "one cause, one finding");
        assert_eq!(ids(&any, &clock(false, &["chronyd"]), false), ["Synchronised Severity::Error"]);
        assert_eq!(ids(&any, &clock(false, &["chronyd"]), true), ["Synchronised Severity::Warning"]);
        let two = clock(true, &["chronyd", "systemd-timesyncd"]);
        assert_eq!(ids(&any, &two, false), ["SeveralDaemons Severity::Warning"]);
        let vague = Clock { maximum_error: 5_000_001, ..clock(true, &["chronyd"]) };
        assert_eq!(ids(&any, &vague, false), ["Accuracy Severity::Warning"]);
    }

    #[test]
    fn the_operator_may_want_a_certain_daemon_or_none() {
        let chrony = Settings { daemons: vec!["chronyd".into()], ..Settings::default() };
        assert_eq!(ids(&chrony, &clock(true, &["systemd-timesyncd"]), false), ["Daemon Severity::Error"]);
        assert_eq!(ids(&Settings::default(), &clock(true, &["one-of-tomorrow"]), false), [""; 0]);
        let none = Settings { require_daemon: false, ..Settings::default() };
        assert_eq!(ids(&none, &clock(false, &[]), false), ["Synchronised Severity::Warning"]);
        let nothing = Settings { require_synchronised: false, ..none };
        assert_eq!(ids(&nothing, &clock(false, &[]), false), [""; 0]);
    }
}
