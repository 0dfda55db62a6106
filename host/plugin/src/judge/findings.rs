//! Findings: names that operators can write, texts that a terminal can show.

use kubephase_model::names::Url;
use kubephase_model::plugin::Finding;

use super::bench::{Bench, shown};
use crate::told::is_hidden;

/// The longest text, in bytes.
const LONGEST: usize = 2000;

pub(super) fn judge(findings: &[Finding], bench: &mut Bench<'_>) {
    for (i, finding) in findings.iter().enumerate() {
        bench.at(format!("findings[{i}]"));
        let id = &finding.id;
        if id.is_empty() || id.len() > 63 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            bench.never("", format!("`{}` is no name of a check: letters, digits and `-`, 63 at most", shown(id)));
        }
        if finding.message.trim().is_empty() {
            bench.never("", "it says nothing");
        }
        line("message", &finding.message, LONGEST, bench);
        line("expected", finding.expected.as_deref().unwrap_or_default(), LONGEST, bench);
        line("remedy", finding.remedy.as_deref().unwrap_or_default(), LONGEST, bench);
        if let Some(link) = &finding.link {
            line("link", link, LONGEST, bench);
            let authority = link.split(['/', '?', '#']).nth(2).unwrap_or_default();
            let is_page =
                Url::parse(link).is_ok_and(|url| matches!(&*url.scheme, "http" | "https")) && !authority.contains('@');
            if !is_page {
                bench.never("", format!("`{}` is no URL of a page", shown(link)));
            }
        }
    }
}

/// Judges a text that is shown in one line.
pub(super) fn line(name: &str, text: &str, longest: usize, bench: &mut Bench<'_>) {
    if text.len() > longest {
        bench.never("", format!("its {name} has {} bytes; {longest} are allowed", text.len()));
    }
    if text.contains(is_hidden) {
        bench.never("", format!("its {name} is not one line of plain text"));
    }
}
