//! Findings that pretend.

use kubephase_sdk::prelude::*;

use super::Attack;
use super::output::ESCAPES;

pub const ATTACKS: &[(&str, Attack)] = &[
    // Names of kubephase's own checks, and of another plugin's.
    ("finding-native", |_| named(&["NumCPU", "Swap", "IsPrivilegedUser", "all"])),
    ("finding-foreign", |_| named(&["hardening/AnonymousAuth", "../Swap", "hardening:x"])),
    ("finding-id", |_| named(&["", " ", "a b", "ä", "x,all", "a\nb", "a\u{1b}[31m"])),
    ("finding-twice", |_| named(&["Twice", "Twice"])),
    ("finding-escapes", |_| {
        let finding = |(i, text): (usize, &&str)| {
            Finding::warning(format!("Escapes{i}"), *text).expected(*text).remedy(*text).link(*text)
        };
        Ok(Proposal::new().findings(ESCAPES.iter().enumerate().map(finding)))
    }),
    ("finding-link", |_| {
        let finding = |(i, url): (usize, &&str)| Finding::info(format!("Link{i}"), "see there").link(*url);
        let urls = ["javascript:alert(1)", "file:///etc/shadow", "https://user:password@example.org/", "no url"];
        Ok(Proposal::new().findings(urls.iter().enumerate().map(finding)))
    }),
    ("finding-long", |_| {
        let finding = Finding::error("Long", "x".repeat(1 << 20)).expected("y".repeat(1 << 20));
        Ok(Proposal::new().finding(finding))
    }),
    ("finding-many", |_| {
        let finding = |i| Finding::error(format!("Many{i}"), "one of very many");
        Ok(Proposal::new().findings((0..15_000).map(finding)))
    }),
];

fn named(ids: &[&str]) -> Result<Proposal, Failure> {
    Ok(Proposal::new().findings(ids.iter().map(|id| Finding::error(*id, "this is not what it says"))))
}
