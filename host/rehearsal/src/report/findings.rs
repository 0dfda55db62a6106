//! What checks found, and what the phases had to tell.

use kubephase_engine::{Event, Level};

use super::Report;
use super::html::Html;

/// How many things were found.
pub fn count(report: &Report) -> usize {
    report.moments.iter().filter(|moment| matches!(moment.event, Event::Finding { .. })).count()
}

/// Findings as a table, notices as a list.
pub fn section(page: &mut Html, report: &Report) {
    page.raw("<section id=\"findings\">\n<h2>Findings</h2>\n");
    if count(report) == 0 {
        page.raw("<p class=\"lead\">No check had anything to say.</p>\n");
    } else {
        page.raw("<div class=\"scroll\"><table>\n<thead><tr><th>Check</th><th>Seen</th><th>Expected</th><th>What to do</th></tr></thead>\n<tbody>\n");
        for moment in &report.moments {
            row(page, &moment.event);
        }
        page.raw("</tbody>\n</table></div>\n");
    }
    let notices: Vec<_> = report
        .moments
        .iter()
        .filter_map(|moment| match &moment.event {
            Event::Notice { path, level, message } => Some((path, *level, message)),
            _ => None,
        })
        .collect();
    if !notices.is_empty() {
        page.raw("<h3>Told on the way</h3>\n<ul class=\"notices\">\n");
        for (path, level, message) in notices {
            page.raw("<li>");
            if level == Level::Warning {
                page.raw("<span class=\"badge warn\">warning</span> ");
            }
            if !path.is_empty() {
                page.raw("<code>").text(path).raw("</code> ");
            }
            page.text(message).raw("</li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("</section>\n");
}

fn row(page: &mut Html, event: &Event<kubephase_node::Change>) {
    let Event::Finding { check, severity, ignored, seen, expected, remedy, .. } = event else { return };
    page.raw(if severity == "error" { "<tr class=\"bad\"><td>" } else { "<tr class=\"warn\"><td>" });
    page.raw("<b>").text(check).raw("</b><br><span class=\"dim\">").text(severity);
    if *ignored {
        page.raw(", an error ignored by request");
    }
    page.raw("</span></td><td>").text(seen).raw("</td><td>").text(expected.as_deref().unwrap_or("–"));
    page.raw("</td><td>").text(remedy.as_deref().unwrap_or("–")).raw("</td></tr>\n");
}
