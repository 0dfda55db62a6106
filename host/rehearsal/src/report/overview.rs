//! What a reader wants first and last: how it ended, how much it was, what the cluster is, what to do next.

use std::collections::BTreeMap;

use kubephase_engine::Event;
use kubephase_node::ChangeKind;

use super::html::Html;
use super::{Outcome, Report, changes, duration, findings, moment};

/// Title and verdict.
pub fn header(page: &mut Html, report: &Report) {
    page.raw("<header>\n<p class=\"kicker\">kubephase</p>\n<h1>").text(report.title()).raw("</h1>\n");
    match report.outcome() {
        Outcome::Passed => {
            page.raw(
                "<p class=\"verdict good\"><b>Passed.</b> Every phase did its work against this configuration.</p>\n",
            );
        }
        Outcome::Failed { path, error, causes, hint } => {
            page.raw("<div class=\"verdict bad\"><p><b>Failed</b> in phase <code>").text(path).raw("</code>: ");
            page.text(error).raw("</p>\n");
            if !causes.is_empty() {
                page.raw("<ul>");
                causes.iter().for_each(|cause| {
                    page.raw("<li>").text(cause).raw("</li>");
                });
                page.raw("</ul>\n");
            }
            if let Some(hint) = hint {
                page.raw("<p><b>What to do:</b> ").text(hint).raw("</p>\n");
            }
            page.raw("</div>\n");
        }
        Outcome::Unfinished => {
            page.raw("<p class=\"verdict bad\"><b>Not finished.</b> The run ended before its last phase.</p>\n");
        }
    }
    page.raw("<p class=\"meta\"><code>").text(&report.command).raw("</code> · ").text(moment(report.now));
    page.raw("</p>\n</header>\n");
}

/// The run in six numbers.
pub fn totals(page: &mut Html, report: &Report) {
    let (mut ran, mut skipped, mut images) = (0, 0, 0);
    for moment in &report.moments {
        match &moment.event {
            Event::Finished { .. } | Event::Failed { .. } => ran += 1,
            Event::Skipped { .. } => skipped += 1,
            Event::Progress { message, .. } if message.starts_with("pulled") || message.starts_with("present") => {
                images += 1;
            }
            _ => {}
        }
    }
    let (mut files, mut objects) = (0, 0);
    for change in report.done().flat_map(|(_, changes)| changes) {
        if matches!(change.kind, ChangeKind::Created | ChangeKind::Replaced) {
            *if changes::is_object(change) { &mut objects } else { &mut files } += 1;
        }
    }
    let total = report.moments.last().map_or(0, |last| u64::try_from(last.at.as_millis()).unwrap_or(u64::MAX));
    let phases = if skipped == 0 { format!("{ran}") } else { format!("{ran} + {skipped} left out") };
    let numbers: [(&'static str, String); 7] = [
        ("time", duration(total)),
        ("phases", phases),
        ("files written", files.to_string()),
        ("objects written", objects.to_string()),
        ("certificates", report.certificates.len().to_string()),
        ("images", images.to_string()),
        ("findings", findings::count(report).to_string()),
    ];
    page.raw("<section class=\"totals\" aria-label=\"Totals\">\n");
    for (name, number) in numbers {
        page.raw("<div><b>").text(number).raw("</b><span>").text(name).raw("</span></div>\n");
    }
    page.raw("</section>\n");
}

/// What the cluster is like.
pub fn cluster(page: &mut Html, report: &Report) {
    if report.facts.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>The cluster</h2>\n<dl class=\"facts\">\n");
    for (name, value) in &report.facts {
        page.raw("<div><dt>").text(name).raw("</dt><dd>").text(value).raw("</dd></div>\n");
    }
    page.raw("</dl>\n</section>\n");
}

/// What the API server held at the end, by kind.
pub fn objects(page: &mut Html, report: &Report) {
    if report.objects.is_empty() {
        return;
    }
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for held in &report.objects {
        let name = match held.namespace.as_str() {
            "" => held.name.clone(),
            namespace => format!("{namespace}/{}", held.name),
        };
        kinds.entry(&held.kind).or_default().push(name);
    }
    page.raw("<section id=\"objects\">\n<h2>What the cluster held at the end</h2>\n<p class=\"lead\">");
    page.text(report.objects.len()).raw(" objects of ").text(kinds.len());
    page.raw(" kinds, those of the API server and its controllers included.</p>\n<div class=\"kinds\">\n");
    for (kind, names) in kinds {
        page.raw("<details><summary>").text(kind).raw(" <span class=\"count\">").text(names.len());
        page.raw("</span></summary><ul>");
        for name in names {
            page.raw("<li><code>").text(name).raw("</code></li>");
        }
        page.raw("</ul></details>\n");
    }
    page.raw("</div>\n</section>\n");
}

/// Commands for afterwards.
pub fn next(page: &mut Html, report: &Report) {
    if report.next.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>Next</h2>\n<dl class=\"next\">\n");
    for (command, what) in &report.next {
        page.raw("<div><dt>").text(what).raw("</dt><dd><code>").text(command).raw("</code></dd></div>\n");
    }
    page.raw("</dl>\n</section>\n");
}

/// Who made the page, and what it is worth.
pub fn footer(page: &mut Html) {
    page.raw("<footer><p>Made by kubephase ").text(env!("CARGO_PKG_VERSION"));
    page.raw(
        ". The phases, certificates, files and objects are the real ones; the machine, its kubelet and its container \
         runtime were pretended. No secrets are in this page.</p></footer>\n",
    );
}
