//! What keeps the machine's clock right: what the kernel thinks of it, and who is there to correct it.

use std::io;

use kubephase_model::plugin::measured::Clock;
use nix::libc;

use super::MeasureError;
use crate::Node;
use crate::machine::Machine;

/// Programs that set the clock, by the name of their process, of which the kernel keeps 15 bytes.
const DAEMONS: [(&str, &str); 8] = [
    ("chronyd", "chronyd"),
    ("ntpd", "ntpd"),
    ("ntpsec", "ntpsec"),
    ("openntpd", "openntpd"),
    ("systemd-timesyn", "systemd-timesyncd"),
    ("ptp4l", "ptp4l"),
    ("phc2sys", "phc2sys"),
    ("ntpd-rs", "ntpd-rs"),
];

/// Nothing is changed. Fails on a pretended machine: the clock of the host says nothing about it.
pub fn clock_state(node: &Node) -> Result<Clock, MeasureError> {
    if !matches!(node.machine(), Machine::Live) {
        return Err(MeasureError::NotHere("the machine is pretended, and its clock is another's"));
    }
    let fail = |source| MeasureError::Io { what: "ask the kernel about its clock".to_owned(), source };
    Ok(Clock { daemons: daemons(node), ..read().map_err(fail).map(|(state, timex)| of(state, &timex))? })
}

/// As adjtimex(2) tells it.
fn of(state: i32, timex: &libc::timex) -> Clock {
    let has = |bit: i32| timex.status & bit != 0;
    // Only the kernel's own loop, which ntpd and timesyncd use, knows an offset: what is left to be added to the clock.
    let offset = has(libc::STA_PLL).then(|| {
        let left = if has(libc::STA_NANO) { timex.offset / 1000 } else { timex.offset };
        // Narrower on 32 bits.
        #[allow(clippy::useless_conversion, reason = "not useless on 32 bits")]
        i64::from(left).wrapping_neg()
    });
    Clock {
        synchronised: state != libc::TIME_ERROR && !has(libc::STA_UNSYNC),
        offset,
        maximum_error: u64::try_from(timex.maxerror).unwrap_or_default(),
        ..Clock::default()
    }
}

/// The one call of this crate that nobody has wrapped.
#[expect(unsafe_code, reason = "neither rustix nor nix has adjtimex(2)")]
fn read() -> io::Result<(i32, libc::timex)> {
    // SAFETY: all of its fields are numbers, for which all bits zero is a value. With `modes` zero nothing is set.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a whole `timex` that lives longer than the call, which only writes into it.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}

/// Those that run, sorted.
fn daemons(node: &Node) -> Vec<String> {
    let processes = node.list("/proc").unwrap_or_default();
    let numbers = processes.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let names = numbers.filter_map(|number| node.read_text(&format!("/proc/{number}/comm")).ok().flatten());
    let mut found: Vec<String> = names
        .filter_map(|name| DAEMONS.iter().find(|(process, _)| *process == name.trim()).map(|(_, daemon)| *daemon))
        .map(|daemon| if daemon == "ntpd" { which_ntpd(node) } else { daemon })
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Three programs have this name.
fn which_ntpd(node: &Node) -> &'static str {
    if node.in_path("ntpctl").is_some() {
        "openntpd"
    } else if node.is_dir("/etc/ntpsec") {
        "ntpsec"
    } else {
        "ntpd"
    }
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;

    use super::*;

    #[test]
    fn the_kernel_answers() {
        let (state, timex) = read().expect("everybody may ask");
        assert!(state >= 0 && timex.maxerror >= 0);
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        let (_, mut timex) = read().expect("everybody may ask");
        timex.status = libc::STA_PLL | libc::STA_NANO;
        timex.offset = -2_000_000;
        timex.maxerror = 500;
        let clock = of(libc::TIME_OK, &timex);
        assert_eq!((clock.synchronised, clock.offset, clock.maximum_error), (true, Some(2000), 500));
        timex.status = libc::STA_UNSYNC;
        let clock = of(libc::TIME_OK, &timex);
        assert_eq!((clock.synchronised, clock.offset), (false, None));
        timex.status = 0;
        assert!(!of(libc::TIME_ERROR, &timex).synchronised);
    }

    #[test]
    fn daemons_are_known_by_their_processes() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        for (number, name) in [("7", "systemd-timesyn"), ("8", "ntpd"), ("9", "bash"), ("x", "chronyd")] {
            node.ensure(&File::public(format!("/proc/{number}/comm"), format!("{name}\n"))).expect("written");
        }
        assert_eq!(daemons(&node), ["ntpd", "systemd-timesyncd"]);
        node.ensure_dir("/etc/ntpsec", 0o755).expect("made");
        assert_eq!(daemons(&node), ["ntpsec", "systemd-timesyncd"]);
    }
}
