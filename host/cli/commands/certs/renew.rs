//! `certs renew …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_node::Node;
use kubephase_workflow::certs::{self, Outcome as Became, Renewable, Renewal, readers};

use super::{failure, restart};
use crate::args::Global;
use crate::args::certs::RenewArgs;
use crate::failure::{Failure, Outcome};
use crate::printer::{err, out};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(Failure::Bug("`certs renew` without a name got through the grammar".into()));
    };
    let args = RenewArgs::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))?;
    let named = Renewable::find(name);
    let host = Node::real();
    let settings = super::cluster(&host, &args.cluster, global)?;
    let renewals = certs::renew(&host, &settings, named).map_err(failure)?;
    for renewal in &renewals {
        out(&format!("{}\n", line(renewal)));
    }
    for note in renewals.iter().flat_map(|renewal| &renewal.notes) {
        err(&format!("warning: {note}\n"));
    }
    let components = readers(&renewals);
    if args.restart {
        restart::all(&host, &settings, &components, global)?;
    }
    out(&advice(&renewals, &components, args.restart, named.is_none()));
    Ok(())
}

/// kubeadm's words.
fn line(renewal: &Renewal) -> String {
    let about = renewal.what.about();
    match renewal.outcome {
        Became::Renewed { .. } => format!("{about} renewed"),
        Became::Missing => format!("MISSING! {about}"),
        Became::External => format!("Detected external {}, {about} can't be renewed", renewal.what.issuer().base),
    }
}

/// What is left to do.
fn advice(renewals: &[Renewal], components: &[&str], restarted: bool, all: bool) -> String {
    let mut text = String::new();
    let any = renewals.iter().any(|renewal| matches!(renewal.outcome, Became::Renewed { .. }));
    if all {
        text.push_str(if any { "\nDone renewing certificates." } else { "\nNo certificate was renewed." });
    }
    if !restarted && !components.is_empty() {
        let first = if all { " " } else { "\n" };
        text.push_str(&format!(
            "{first}You must restart {}, so that {} can use the new certificates; `{}` does it, and `--restart` \
             along with renewing.",
            words(components),
            if components.len() == 1 { "it" } else { "they" },
            restart::command(components),
        ));
    }
    let copied = |renewal: &&Renewal| matches!(renewal.what.name(), "admin.conf" | "super-admin.conf");
    let renewed = renewals.iter().filter(|renewal| matches!(renewal.outcome, Became::Renewed { .. }));
    let copied: Vec<&str> = renewed.filter(copied).map(|renewal| renewal.what.name()).collect();
    if !copied.is_empty() {
        text.push_str(&format!(
            "\nCopies of {}, such as ~/.kube/config, still have the old certificate.",
            words(&copied)
        ));
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// `a`, `a and b`, `a, b and c`.
fn words(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
