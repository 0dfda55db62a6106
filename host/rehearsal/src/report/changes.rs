//! Every file and object, by phase, with its difference.

use kubephase_node::{Change, ChangeKind};

use super::Report;
use super::html::Html;

/// Longer differences are cut: the file is in the kept tree.
const LONGEST: usize = 1500;

/// True if it is an object of the cluster, not a file or a command.
pub fn is_object(change: &Change) -> bool {
    change.object.is_some()
}

/// How many of each kind, in words.
pub fn count(changes: &[Change]) -> String {
    let of = |kind: ChangeKind| changes.iter().filter(|change| change.kind == kind).count();
    [
        (of(ChangeKind::Created), "created"),
        (of(ChangeKind::Replaced), "replaced"),
        (of(ChangeKind::Removed), "removed"),
        (of(ChangeKind::Unchanged), "unchanged"),
        (of(ChangeKind::Ran), "done"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect::<Vec<_>>()
    .join(", ")
}

/// The list.
pub fn section(page: &mut Html, report: &Report) {
    page.raw("<section id=\"changes\">\n<h2>Files and objects</h2>\n<p class=\"lead\">In the order in which they were made. Secrets are named, not shown.</p>\n");
    page.raw("<p class=\"tools\" hidden><input type=\"search\" placeholder=\"Filter by path or name\" aria-label=\"Filter\"> <button type=\"button\" data-open=\"1\">Open all</button> <button type=\"button\" data-open=\"\">Close all</button></p>\n");
    let mut any = false;
    for (path, changes) in report.done() {
        any = true;
        page.raw("<section class=\"did\"><h3>").text(path).raw(" <span class=\"count\">").text(count(changes));
        page.raw("</span></h3>\n");
        changes.iter().for_each(|change| one(page, change));
        page.raw("</section>\n");
    }
    if !any {
        page.raw("<p>Nothing was changed.</p>\n");
    }
    page.raw("</section>\n");
}

fn one(page: &mut Html, change: &Change) {
    let diff = change.diff.as_deref().filter(|_| !change.secret);
    page.raw(match diff {
        Some(_) => "<details class=\"change\"><summary>",
        None => "<div class=\"change\">",
    });
    page.raw(badge(change.kind));
    page.raw(if is_object(change) { " <span class=\"kind\">object</span> " } else { " " });
    page.raw("<code>").text(&change.path).raw("</code>");
    if change.secret {
        page.raw(" <span class=\"badge secret\">secret, not shown</span>");
    }
    let Some(diff) = diff else {
        page.raw("</div>\n");
        return;
    };
    let body = || diff.lines().filter(|line| !line.starts_with("+++") && !line.starts_with("---"));
    let (added, gone) = (body().filter(|l| l.starts_with('+')).count(), body().filter(|l| l.starts_with('-')).count());
    page.raw(" <span class=\"size\">");
    if added > 0 {
        page.raw("<ins>+").text(added).raw("</ins> ");
    }
    if gone > 0 {
        page.raw("<del>−").text(gone).raw("</del>");
    }
    page.raw("</span></summary><pre>");
    for line in diff.lines().take(LONGEST) {
        let (open, close) = match line.as_bytes().first() {
            Some(b'+') if !line.starts_with("+++") => ("<ins>", "</ins>"),
            Some(b'-') if !line.starts_with("---") => ("<del>", "</del>"),
            Some(b'@' | b'+' | b'-') => ("<i>", "</i>"),
            _ => ("", ""),
        };
        page.raw(open).text(line).raw(close).raw("\n");
    }
    let more = diff.lines().count().saturating_sub(LONGEST);
    if more > 0 {
        page.raw("<i>… and ").text(more).raw(" more lines</i>\n");
    }
    page.raw("</pre></details>\n");
}

fn badge(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Created => "<span class=\"badge good\">created</span>",
        ChangeKind::Replaced => "<span class=\"badge warn\">replaced</span>",
        ChangeKind::Unchanged => "<span class=\"badge\">unchanged</span>",
        ChangeKind::Removed => "<span class=\"badge bad\">removed</span>",
        ChangeKind::Ran => "<span class=\"badge act\">done</span>",
    }
}
