//! By how much the clock is off: as servers say or, if none are asked, as the kernel believes.
//!
//! etcd warns when the clocks of two members differ by more than a second. Half of it for each node keeps all within.

use kubephase_sdk::prelude::*;
use kubephase_sdk::probe::Clock;

use crate::duration::Microseconds;
use crate::settings::Settings;

const LINK: &str = "https://etcd.io/docs/v3.6/faq/";

/// What a server said.
pub struct Answer {
    /// Which one.
    pub server: String,
    /// By how much the clock is ahead, in microseconds.
    pub offset: Result<i64, Failure>,
}

/// Whether servers were asked, and confirm the clock.
pub fn is_right(settings: &Settings, answers: &[Answer]) -> bool {
    let limit = Microseconds::of_milliseconds(settings.max_offset_milliseconds).0;
    median(&known(answers)).is_some_and(|offset| offset.unsigned_abs() <= limit)
}

/// What servers said, the smallest first.
fn known(answers: &[Answer]) -> Vec<i64> {
    let mut known: Vec<i64> = answers.iter().filter_map(|answer| answer.offset.as_ref().ok().copied()).collect();
    known.sort_unstable();
    known
}

/// The one in the middle, which a single liar cannot move far. Of two the smaller offset: they are told to differ anyway.
fn median(sorted: &[i64]) -> Option<i64> {
    let middle = sorted.get((sorted.len().checked_sub(1)?) / 2..=sorted.len() / 2)?;
    middle.iter().copied().min_by_key(|offset| offset.unsigned_abs())
}

/// Judges.
pub fn judge(settings: &Settings, clock: Option<&Clock>, answers: &[Answer]) -> Vec<Finding> {
    let limit = Microseconds::of_milliseconds(settings.max_offset_milliseconds);
    let mut findings = Vec::new();
    for Answer { server, offset } in answers {
        if let Err(failure) = offset {
            findings.push(Finding::cannot_tell("Server", &format!("what time it is at {server}"), failure));
        }
    }
    let known = known(answers);
    if let [first, .., last] = known[..]
        && last.abs_diff(first) > limit.0
    {
        let apart = Microseconds(last.abs_diff(first));
        let finding = Finding::warning("ServersDiffer", format!("the clocks of the servers are {apart} apart"));
        let finding = finding.expected(format!("at most {limit}"));
        findings.push(finding.remedy("see which server is wrong, and leave it out").link(LINK));
    }
    let of_servers = median(&known).map(|offset| (offset, "as servers say"));
    let of_kernel = || Some((clock?.offset?, "as its daemon has told the kernel"));
    if let Some((offset, says)) = of_servers.or_else(of_kernel)
        && offset.unsigned_abs() > limit.0
    {
        let direction = if offset > 0 { "ahead" } else { "behind" };
        let seen = format!("the clock is {} {direction}, {says}", Microseconds(offset.unsigned_abs()));
        let finding = Finding::error("Offset", seen).expected(format!("at most {limit}"));
        let remedy = "set the clock before certificates are made: with chrony `chronyc makestep`, otherwise restart the \
                      daemon that keeps it";
        findings.push(finding.remedy(remedy).link(LINK));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(offsets: &[i64]) -> Vec<Answer> {
        offsets.iter().map(|offset| Answer { server: "ntp.example.org".into(), offset: Ok(*offset) }).collect()
    }

    fn ids(clock: Option<&Clock>, answers: &[Answer]) -> Vec<String> {
        judge(&Settings::default(), clock, answers).into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn the_middle_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(median(&[-9, 7]), Some(7));
        assert_eq!(median(&[-9, 1, 7]), Some(1));
        assert_eq!(median(&[-9, -2, 1, 7]), Some(1));
        assert_eq!(ids(None, &answers(&[1000, -2000, 3_600_000_000])), ["ServersDiffer"], "one of three lies");
        assert_eq!(ids(None, &answers(&[3_000_000, 3_000_100])), ["Offset"]);
        assert_eq!(ids(None, &answers(&[i64::MIN, i64::MAX])), ["ServersDiffer", "Offset"]);
        let settings = Settings::default();
        assert!(is_right(&settings, &answers(&[500_000])) && !is_right(&settings, &answers(&[500_001])));
        assert!(!is_right(&settings, &[]), "nobody has confirmed it");
    }

    #[test]
    fn without_servers_the_kernel_is_asked() {
        let clock =
            |offset| Clock { synchronised: true, offset, maximum_error: 0, daemons: vec![], attributes: vec![] };
        assert_eq!(ids(Some(&clock(Some(-2_000_000))), &[]), ["Offset"]);
        assert_eq!(ids(Some(&clock(None)), &[]), [""; 0]);
        assert_eq!(ids(Some(&clock(Some(-2_000_000))), &answers(&[5])), [""; 0], "servers know better");
        let silent = [Answer { server: "a".into(), offset: Err(Failure::unavailable("no answer")) }];
        assert_eq!(ids(Some(&clock(Some(-2_000_000))), &silent), ["Server", "Offset"]);
        let finding = judge(&Settings::default(), Some(&clock(Some(-2_000_000))), &[]).remove(0);
        assert_eq!(finding.message, "the clock is 2000 ms behind, as its daemon has told the kernel");
    }
}
