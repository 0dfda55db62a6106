//! What must become of an attack.

use kubephase_model::plugin::Finding;
use kubephase_plugin::{Outcome, Told};
use kubephase_workflow::extension::ExtensionFailure;

use super::bench::Seen;

/// What the README's second column says, so that it can be checked.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// The plugin broke, in this way: exit code 3. Its message has this in it, and the hint says what to do.
    Fault(ExtensionFailure, &'static str),
    /// Nothing of what it proposes is taken. The message has all of the first in it, the hint just these lines of grants;
    /// without one it says that nothing can allow it.
    Refused(&'static [&'static str], &'static [&'static str]),
    /// It says itself that it failed, with that code. Its message begins so; its advice is told as its own.
    Failed(&'static str, &'static str),
    /// Every attempt was answered by a failure with one of the first codes, but for findings that say the second.
    /// `unavailable` and `other` are none of the codes: such answers come from where only what is granted gets.
    Nothing(&'static [&'static str], &'static [&'static str]),
    /// It succeeds, and this holds.
    Harmless(fn(&Outcome, &[Told]) -> bool),
}

impl Expect {
    /// What is otherwise; empty if it is as it must be. A fault's hint has `hint` in it.
    pub fn faults(&self, seen: &Seen, hint: &str) -> Vec<String> {
        match (self, &seen.result) {
            (Self::Fault(kind, says), Err(error)) => {
                let told = error.hint.as_deref().unwrap_or_default();
                let usual = ["set `", "tell its maker", "no patch of a manifest needs that"];
                let is_told =
                    if hint.is_empty() { usual.iter().any(|usual| told.contains(usual)) } else { told.contains(hint) };
                let mut faults = Vec::new();
                unless(&mut faults, error.kind == *kind && kind.is_fault(), || format!("is {:?}: {error}", error.kind));
                unless(&mut faults, error.message.contains(says), || format!("does not say `{says}`: {error}"));
                unless(&mut faults, is_told, || format!("does not say what to do: {told}"));
                faults
            }
            (Self::Refused(says, grants), Err(error)) => {
                let mut faults = Vec::new();
                let is_refused = error.kind == ExtensionFailure::Refused && !error.kind.is_fault();
                unless(&mut faults, is_refused, || format!("is {:?}: {error}", error.kind));
                for says in *says {
                    unless(&mut faults, error.message.contains(says), || format!("does not say `{says}`: {error}"));
                }
                let hint = error.hint.as_deref().unwrap_or_default();
                let expected = match grants {
                    [] => "nothing can allow this: tell the plugin's maker".to_owned(),
                    lines => format!("if that is what you want, add to `grants` of its entry: {}", lines.join("; ")),
                };
                unless(&mut faults, hint == expected, || format!("hint: {hint}"));
                faults
            }
            (Self::Failed(code, says), Err(error)) => {
                let is_so = error.kind == ExtensionFailure::Failed
                    && error.code.as_deref() == Some(code)
                    && error.message.starts_with(says)
                    && error.hint.as_deref().is_none_or(|hint| hint.starts_with("the plugin says: "));
                if is_so { Vec::new() } else { vec![format!("is {:?}, {:?}: {error}", error.kind, error.code)] }
            }
            (Self::Nothing(codes, but), Ok(outcome)) => {
                let findings = &outcome.proposal.findings;
                let is_refused = |finding: &Finding| {
                    let code = finding.message.rsplit_once(": ").map_or("", |(_, code)| code);
                    finding.id == "Refused" && codes.contains(&code)
                };
                let leaked =
                    findings.iter().filter(|finding| !is_refused(finding) && !but.contains(&&*finding.message));
                let mut faults: Vec<String> =
                    leaked.map(|finding| format!("{}: {}", finding.id, finding.message)).collect();
                unless(&mut faults, findings.len() >= 10, || format!("{} attempts only", findings.len()));
                faults
            }
            (Self::Harmless(holds), Ok(outcome)) => {
                if holds(outcome, &seen.told) {
                    Vec::new()
                } else {
                    vec!["is not cleaned".to_owned()]
                }
            }
            (_, Err(error)) => vec![format!("ended with {:?}: {error}", error.kind)],
            (_, Ok(outcome)) => {
                let proposal = format!("{:?}", outcome.proposal);
                vec![format!("was not stopped: {}", proposal.chars().take(500).collect::<String>())]
            }
        }
    }
}

fn unless(faults: &mut Vec<String>, holds: bool, why: impl FnOnce() -> String) {
    if !holds {
        faults.push(why());
    }
}
