//! How long it takes until a write is on the disk.
//!
//! etcd writes each change to its log and calls fdatasync before it answers. Its authors ask that 99 of 100 such writes
//! take less than 10 ms, and measure it with writes of about 2300 bytes.

use kubephase_sdk::prelude::*;
use kubephase_sdk::probe::Latency;

use crate::LINK;
use crate::settings::Settings;

/// Size of a write, in bytes.
const SIZE: u32 = 2300;

/// What was measured.
pub struct Measured {
    /// In which directory.
    pub directory: String,
    /// What.
    pub latency: Result<Latency, Failure>,
}

/// Measures in a directory, or in the nearest one above it that exists. kubephase ends early where so many writes take too
/// long, and tells how many it were.
pub fn measure(directory: &str, writes: u32) -> Measured {
    let mut directory = directory;
    loop {
        match probe::fdatasync(directory, writes, SIZE) {
            Err(failure) if failure.code == "not-found" && directory != "/" => directory = above(directory),
            latency => return Measured { directory: directory.into(), latency },
        }
    }
}

/// The directory above.
fn above(directory: &str) -> &str {
    match directory.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((above, _)) => above,
    }
}

/// Whether it was measured, and is as it should be.
pub fn is_fast(settings: &Settings, measured: &Measured) -> bool {
    measured.latency.as_ref().is_ok_and(|latency| latency.p99 <= microseconds(settings.max_latency_milliseconds))
}

fn microseconds(milliseconds: u32) -> u64 {
    u64::from(milliseconds) * 1000
}

/// Judges.
pub fn judge(settings: &Settings, measured: &Measured) -> Vec<Finding> {
    let directory = &measured.directory;
    let latency = match &measured.latency {
        Ok(latency) => latency,
        Err(failure) => {
            let what = format!("how fast the disk of {directory} is");
            return vec![Finding::cannot_tell("FsyncLatency", &what, failure)];
        }
    };
    let mut findings = Vec::new();
    let Latency { count, p50, p99, max, .. } = *latency;
    let (p50, p99, slowest) = (Time(p50), Time(p99), Time(max));
    if !is_fast(settings, measured) {
        let seen = format!(
            "99 of 100 writes to {directory} take up to {p99} until they are on disk (half of them {p50}, the slowest \
             {slowest}; {count} measured)"
        );
        let finding = Finding::error("FsyncLatency", seen);
        let finding = finding.expected(format!("at most {}", Time(microseconds(settings.max_latency_milliseconds))));
        let remedy = "give etcd a local SSD or NVMe disk; on a virtual machine ask for a faster class of disk, and see \
                      what else writes to this one";
        findings.push(finding.remedy(remedy).link(LINK));
    } else if max > microseconds(settings.max_stall_milliseconds) {
        // With a p99 that is too high this goes without saying.
        let seen = format!("a write to {directory} took {slowest} until it was on disk (99 of 100 take up to {p99})");
        let finding = Finding::warning("FsyncStall", seen);
        let finding = finding.expected(format!("at most {}", Time(microseconds(settings.max_stall_milliseconds))));
        let remedy = "see what else writes to the disk; members elect a new leader after a second of silence";
        findings.push(finding.remedy(remedy).link(LINK));
    }
    findings
}

/// Microseconds, shown as milliseconds.
struct Time(u64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = self.0.div_ceil(100);
        if tenths.is_multiple_of(10) {
            return write!(f, "{} ms", tenths / 10);
        }
        write!(f, "{}.{} ms", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(count: u32, p50: u64, p99: u64, max: u64) -> Latency {
        Latency { count, p50, p90: p99, p99, max }
    }

    fn judged(latency: Result<Latency, Failure>) -> Vec<(Severity, String)> {
        let measured = Measured { directory: "/var/lib".into(), latency };
        let findings = judge(&Settings::default(), &measured).into_iter();
        findings.map(|finding| (finding.severity, finding.id)).collect()
    }

    #[test]
    fn ten_milliseconds_are_the_limit() {
        assert_eq!(judged(Ok(latency(500, 900, 10_000, 20_000))), []);
        assert_eq!(judged(Ok(latency(500, 900, 10_001, 900_000))), [(Severity::Error, "FsyncLatency".into())]);
        assert_eq!(judged(Ok(latency(500, 900, 9_000, 500_001))), [(Severity::Warning, "FsyncStall".into())]);
        let rehearsed = Failure::unavailable("not in a rehearsal");
        assert_eq!(judged(Err(rehearsed)), [(Severity::Warning, "FsyncLatency".into())]);
        assert_eq!(judged(Err(Failure::new("denied", "no"))), [(Severity::Error, "FsyncLatency".into())]);
    }

    #[test]
    fn what_is_over_the_limit_is_not_rounded_to_it() {
        let shown = |time| Time(time).to_string();
        assert_eq!(
            [shown(10_000), shown(10_001), shown(850), shown(23_400)],
            ["10 ms", "10.1 ms", "0.9 ms", "23.4 ms"]
        );
    }

    #[test]
    fn the_way_up_ends_at_the_root() {
        assert_eq!([above("/var/lib/etcd"), above("/var"), above("/")], ["/var/lib", "/", "/"]);
    }
}
