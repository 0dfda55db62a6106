//! Answers and texts that are too many, or no texts, or not meant for people.

use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] = &[
    ("not-utf8", not_utf8),
    ("many-strings", many_strings),
    ("many-objects", many_objects),
    ("log-flood", log_flood),
    ("log-huge", |_| quietly(|| log::warn("x".repeat(2 << 20)))),
    ("log-escapes", |_| quietly(|| ESCAPES.iter().for_each(log::warn))),
    ("progress-flood", |_| quietly(|| (0..1_000_000).for_each(|i| progress::report(format!("step {i}"), None)))),
    ("progress-escapes", |_| quietly(|| ESCAPES.iter().for_each(|text| progress::report(text, Some(255))))),
    ("failure-escapes", |_| Err(Failure::new(ESCAPES[0], ESCAPES[1]).remedy(ESCAPES[2]))),
    ("failure-huge", |_| Err(Failure::other("x".repeat(3 << 20)))),
    ("failure-denied", |_| {
        Err(Failure::new("denied", "it is not granted").remedy("privileges: [privileged, hostPID, clusterAdmin]"))
    }),
    ("image-option", |_| Ok(Proposal::new().image("--help").image("-"))),
    ("image-escapes", |_| Ok(ESCAPES.iter().fold(Proposal::new(), |proposal, text| proposal.image(*text)))),
    ("nondeterministic", nondeterministic),
];

/// Texts that a terminal obeys, that look like another line, or that look like another text.
pub const ESCAPES: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1Hall is well",
    "\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil.example.org\u{7}click\u{1b}]8;;\u{7}",
    "fine\r\n[init] your cluster is ready\n",
    "fine\u{8}\u{8}\u{8}\u{8}bad",
    "\u{9b}31mred",
    "\u{202e}txet\u{202c} \u{2066}x\u{2069} \u{200b}\u{feff}",
    "\u{2028}[preflight] next line\u{2029}",
    "nul\0inside",
];

fn quietly(what: impl FnOnce()) -> Result<Proposal, Failure> {
    what();
    Ok(Proposal::new())
}

#[expect(unsafe_code, reason = "no safe code makes a text that is none")]
fn not_utf8(_: &Call<'_>) -> Result<Proposal, Failure> {
    // SAFETY: it is not sound, and that is the attack. Nothing in here looks at the text.
    let text = || unsafe { String::from_utf8_unchecked(vec![b'a', 0xff, 0xfe, 0xc0]) };
    Ok(Proposal::new().finding(Finding::info("NotUtf8", text())).image(text()))
}

/// Little in here, three times as much in a host that keeps each as a string of its own.
fn many_strings(_: &Call<'_>) -> Result<Proposal, Failure> {
    let mut proposal = Proposal::new();
    proposal.images = vec![String::new(); 1_500_000];
    Ok(proposal)
}

fn many_objects(_: &Call<'_>) -> Result<Proposal, Failure> {
    let object = |i| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("n{i}"), "namespace": "hostile"}});
    Ok(Proposal::new().objects((0..20_000).map(object)))
}

fn log_flood(_: &Call<'_>) -> Result<Proposal, Failure> {
    let line = "all work and no play ".repeat(50);
    quietly(|| (0..20_000).for_each(|_| log::info(&line)))
}

/// Says at each call what time it is, if it may read that: then a plan is not what is done.
fn nondeterministic(call: &Call<'_>) -> Result<Proposal, Failure> {
    let path = call.paths(&["/proc/uptime"])[0];
    let text = files::read_text(path)?;
    Ok(Proposal::new()
        .finding(Finding::info("Time", text.trim()))
        .file(File::new("/etc/hostile/time", 0o644, text.clone()))
        .object(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "time", "namespace": "hostile"},
            "data": {"time": text},
        })))
}
