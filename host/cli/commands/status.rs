//! `status`: where this node stands.

use clap::{ArgMatches, FromArgMatches};
use kubephase_node::Node;
use kubephase_render::yaml;
use kubephase_workflow::status::{Drift, MadeBy, Status};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::args::status::StatusArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::{changes, out};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let args = StatusArgs::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))?;
    let status = Status::of(&Node::real()).map_err(|error| {
        let hint = error.hint().map(String::from);
        Failure::machine(error, hint)
    })?;
    match global.output {
        Output::Text => out(&text(&status, args.diff)),
        Output::Json => out(&format!("{:#}\n", value(&status, args.diff))),
        Output::Yaml => out(&yaml(&value(&status, args.diff))),
    }
    Ok(())
}

/// For programs: the same, with differences if they are wanted.
fn value(status: &Status, with_differences: bool) -> Value {
    let mut value = json!(status);
    for (index, drift) in status.drift.iter().enumerate() {
        let entry = &mut value["drift"][index];
        if let Some((was, is)) = drift.modes {
            entry["modes"] = json!([format!("{was:04o}"), format!("{is:04o}")]);
        }
        if let (true, Some(diff)) = (with_differences, difference(drift)) {
            entry["diff"] = diff.into();
        }
    }
    value
}

fn text(status: &Status, with_differences: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: &str| text.push_str(&format!("{name:12}{what}\n"));
    line("node:", status.role.unwrap_or("none"));
    line(
        "made by:",
        match status.made_by {
            MadeBy::Nobody => "nobody",
            MadeBy::Kubephase => "kubephase",
            MadeBy::Another => "kubeadm, or single phases: there is no journal",
        },
    );
    if let Some(workflow) = &status.workflow {
        let how = if status.complete { "complete" } else { "not complete" };
        line("workflow:", &format!("{workflow}, {how}, {} phases done", status.done.len()));
        if !status.skipped.is_empty() {
            line("left out:", &status.skipped.join(", "));
        }
    }
    if status.made_by == MadeBy::Kubephase {
        line("files:", &format!("{} are ours, {} not as they were written", status.files, status.drift.len()));
    }
    if !status.plugins.is_empty() {
        line("plugins:", &status.plugins.join(", "));
    }
    line("next:", &status.next);
    for drift in &status.drift {
        let what = match (drift.what, drift.modes) {
            ("missing", _) => "is missing".to_owned(),
            ("mode", Some((was, is))) => format!("had mode {was:04o} and has {is:04o}"),
            (_, Some((was, is))) => format!("has changed, and its mode from {was:04o} to {is:04o}"),
            _ => "has changed".to_owned(),
        };
        text.push_str(&format!("! {} {what}\n", drift.path));
        if with_differences {
            match difference(drift) {
                Some(diff) => diff.lines().for_each(|line| text.push_str(&format!("    {}\n", changes::plain(line)))),
                None if drift.what == "changed" => text.push_str("    what it was is a secret, or not kept\n"),
                None => {}
            }
        }
    }
    text
}

fn difference(drift: &Drift) -> Option<String> {
    let (was, is) = drift.texts.as_ref()?;
    Some(TextDiff::from_lines(was, is).unified_diff().header("written", &drift.path).to_string())
}
