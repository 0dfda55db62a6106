//! One page about a rehearsal, for people: how it went phase by phase, what was found, every file and object with its
//! difference, and who signed which certificate. Self-contained HTML that asks nobody for anything and reads well
//! without scripts. Pure: it is made from values. What is not literal markup here is escaped, by the types of [`html`].

mod certificates;
mod changes;
mod findings;
mod html;
mod overview;
mod recorder;
mod timeline;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use kubephase_engine::Event;
use kubephase_node::Change;
use kubephase_pki::Cert;

pub use recorder::{Moment, Recorder};

use html::Html;

const STYLE: &str = include_str!("report/style.css");
const SCRIPT: &str = include_str!("report/script.js");

/// A certificate of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file that holds it, on the node.
    pub path: String,
    /// What it says.
    pub cert: Cert,
}

/// An object that the cluster held at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// `ConfigMap`.
    pub kind: String,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Held {
    /// What an object says that it is.
    pub fn of(object: &serde_json::Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        Self {
            kind: text("/kind").to_owned(),
            namespace: text("/metadata/namespace").to_owned(),
            name: text("/metadata/name").to_owned(),
        }
    }
}

/// What the page is made from.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run, as typed: `kubephase rehearse init --config cluster.yaml`.
    pub command: String,
    /// When it ended.
    pub now: SystemTime,
    /// What the cluster is like, in rows of name and value.
    pub facts: Vec<(String, String)>,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// Certificates, authorities among them.
    pub certificates: Vec<Certificate>,
    /// What the cluster held at the end.
    pub objects: Vec<Held>,
    /// Commands that make sense next, with what they are for.
    pub next: Vec<(String, String)>,
    /// Texts that must not get into the page wherever they turn up: token secrets, certificate keys.
    pub secrets: Vec<String>,
}

/// Writes a page whole or not at all, for its owner alone: it shows files that the node keeps to itself.
pub fn write(path: &std::path::Path, page: &str) -> std::io::Result<()> {
    use std::io::Write as _;

    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut beside = tempfile::Builder::new()
        .prefix(".kubephase-report-")
        .tempfile_in(directory.unwrap_or_else(|| std::path::Path::new(".")))?;
    beside.write_all(page.as_bytes())?;
    beside.persist(path).map(drop).map_err(|error| error.error)
}

/// How the run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// All phases are done.
    Passed,
    /// A phase failed.
    Failed {
        /// Its path.
        path: &'a str,
        /// Why.
        error: &'a str,
        /// The causes, outermost first.
        causes: &'a [String],
        /// What to do.
        hint: Option<&'a str>,
    },
    /// It was ended from outside, or before it began.
    Unfinished,
}

impl Report {
    /// The page.
    pub fn html(&self) -> String {
        let mut page = Html::hiding(&self.secrets);
        page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>").text(self.title()).raw("</title>\n");
        page.raw("<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n");
        overview::header(&mut page, self);
        page.raw("<main>\n");
        overview::totals(&mut page, self);
        overview::cluster(&mut page, self);
        timeline::section(&mut page, self);
        findings::section(&mut page, self);
        certificates::section(&mut page, self);
        changes::section(&mut page, self);
        overview::objects(&mut page, self);
        overview::next(&mut page, self);
        page.raw("</main>\n");
        overview::footer(&mut page);
        page.raw("<script>\n").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
        page.finish()
    }

    /// How the run ended.
    pub fn outcome(&self) -> Outcome<'_> {
        let ended = self.moments.iter().rev().find_map(|moment| match &moment.event {
            Event::Ended { .. } => Some(Outcome::Passed),
            Event::Failed { path, error, causes, hint, .. } => {
                Some(Outcome::Failed { path, error, causes, hint: hint.as_deref() })
            }
            _ => None,
        });
        ended.unwrap_or(Outcome::Unfinished)
    }

    fn title(&self) -> String {
        let workflow = self.moments.iter().find_map(|moment| match &moment.event {
            Event::Began { workflow, .. } => Some(workflow.as_str()),
            _ => None,
        });
        format!("Rehearsal of {}", workflow.unwrap_or("nothing"))
    }

    /// What each phase did, in order; phases that did nothing are left out.
    fn done(&self) -> impl Iterator<Item = (&str, &[Change])> {
        self.moments.iter().filter_map(|moment| match &moment.event {
            Event::Finished { path, changes, .. } | Event::Failed { path, changes, .. } if !changes.is_empty() => {
                Some((path.as_str(), changes.as_slice()))
            }
            _ => None,
        })
    }
}

/// `12 ms`, `3.4 s`.
fn duration(millis: u64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{}.{} s", millis / 1000, millis % 1000 / 100) }
}

/// `2026-11-23 04:45:00 UTC`; empty beyond the year 9999.
fn moment(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-11-23`.
fn day(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d")
}

fn formatted(time: SystemTime, format: &str) -> String {
    jiff::Timestamp::try_from(time).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}
