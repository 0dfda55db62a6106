//! The pipeline as a waterfall: one row per phase, its bar where it lay in the run.

use kubephase_engine::Event;

use super::html::Html;
use super::{Report, changes, duration};

/// A phase in the run.
struct Row<'a> {
    path: &'a str,
    about: &'a str,
    from: f64,
    to: f64,
    failed: bool,
    left_out: Option<&'a str>,
    did: String,
    /// When, since the phase began, in milliseconds, and what.
    progress: Vec<(f64, String)>,
}

/// The waterfall.
pub fn section(page: &mut Html, report: &Report) {
    let rows = rows(report);
    if rows.is_empty() {
        return;
    }
    let total = rows.iter().map(|row| row.to).fold(1.0, f64::max);
    page.raw("<section id=\"pipeline\">\n<h2>The pipeline</h2>\n<p class=\"lead\">Each bar stands where its phase lay in the run. What happened inside is below each row.</p>\n");
    page.raw("<div class=\"axis\" aria-hidden=\"true\"><span></span><div>");
    for step in 0..=4_u32 {
        let at = total * f64::from(step) / 4.0;
        page.raw("<i style=\"left:").number(f64::from(step) * 25.0).raw("%\">").text(millis(at)).raw("</i>");
    }
    page.raw("</div><span></span></div>\n<div class=\"pipeline\">\n");
    for row in &rows {
        one(page, row, total);
    }
    page.raw("</div>\n</section>\n");
}

fn one(page: &mut Html, row: &Row<'_>, total: f64) {
    if let Some(why) = row.left_out {
        page.raw("<div class=\"phase out\"><span class=\"name\">");
        name(page, row.path);
        page.raw("</span><span class=\"lane\"><em>left out: ")
            .text(why)
            .raw("</em></span><span class=\"took\"></span></div>\n");
        return;
    }
    let (left, width) = (row.from / total * 100.0, ((row.to - row.from) / total * 100.0).max(0.35));
    page.raw(if row.failed { "<details class=\"phase bad\"" } else { "<details class=\"phase\"" });
    page.raw("><summary title=\"").text(row.about).raw("\"><span class=\"name\">");
    name(page, row.path);
    page.raw("</span><span class=\"lane\"><i style=\"left:").number(left.min(99.5)).raw("%;width:");
    page.number(width.min(100.0 - left.min(99.5))).raw("%\"></i></span><span class=\"took\">");
    page.text(millis(row.to - row.from)).raw("</span></summary>\n<div class=\"inside\"><p>").text(row.about);
    if !row.did.is_empty() {
        page.raw(". <span class=\"dim\">").text(&row.did).raw("</span>");
    }
    page.raw("</p>\n");
    if !row.progress.is_empty() {
        page.raw("<ol class=\"steps\">");
        for (at, what) in &row.progress {
            page.raw("<li><b>+").text(millis(*at)).raw("</b> ").text(what).raw("</li>");
        }
        page.raw("</ol>\n");
    }
    page.raw("</div></details>\n");
}

/// Groups are dim, so that the phase stands out.
fn name(page: &mut Html, path: &str) {
    match path.rsplit_once('/') {
        Some((group, leaf)) => {
            page.raw("<span class=\"dim\">").text(group).raw("/</span>").text(leaf);
        }
        None => {
            page.text(path);
        }
    }
}

fn rows(report: &Report) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for moment in &report.moments {
        let at = moment.at.as_secs_f64() * 1000.0;
        match &moment.event {
            Event::Started { path, about, .. } => rows.push(Row {
                path,
                about,
                from: at,
                to: at,
                failed: false,
                left_out: None,
                did: String::new(),
                progress: Vec::new(),
            }),
            Event::Skipped { path, why } => rows.push(Row {
                path,
                about: "",
                from: at,
                to: at,
                failed: false,
                left_out: Some(why),
                did: String::new(),
                progress: Vec::new(),
            }),
            Event::Progress { path, item, message } => {
                if let Some(row) = rows.iter_mut().rev().find(|row| row.path == path) {
                    row.progress.push((at - row.from, format!("{item}: {message}")));
                }
            }
            Event::Finished { path, changes, .. } => close(&mut rows, path, at, false, changes::count(changes)),
            Event::Failed { path, changes, .. } => close(&mut rows, path, at, true, changes::count(changes)),
            Event::Began { .. } | Event::Notice { .. } | Event::Finding { .. } | Event::Ended { .. } => {}
        }
    }
    rows
}

fn close(rows: &mut [Row<'_>], path: &str, at: f64, failed: bool, did: String) {
    if let Some(row) = rows.iter_mut().rev().find(|row| row.path == path) {
        row.to = at;
        row.failed = failed;
        row.did = did;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of a run, never negative")]
fn millis(time: f64) -> String {
    duration(time.max(0.0).round() as u64)
}
