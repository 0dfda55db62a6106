//! Which phases run: all, one by its path, all but some. By exact path, as kubeadm has it; an unknown path is refused
//! with the known ones and a guess.

use std::collections::BTreeSet;

use crate::phase::{Context, Phase, Workflow};

/// What the user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Run only this phase (and what it groups).
    pub only: Option<String>,
    /// Leave these out (and what they group).
    pub skip: Vec<String>,
}

/// A leaf phase that was chosen, or left out.
pub struct Selected<'a, C: Context> {
    /// Its path.
    pub path: String,
    /// The phase.
    pub phase: &'a Phase<C>,
    /// `Some(why)` if the user left it out.
    pub left_out: Option<String>,
}

/// The user named phases that do not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no phase of `{workflow}` is called {}", list(.unknown))]
pub struct SelectError {
    /// The workflow.
    pub workflow: String,
    /// What was typed.
    pub unknown: Vec<String>,
    /// What exists.
    pub known: Vec<String>,
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl SelectError {
    /// A guess for each, and what exists.
    pub fn hint(&self) -> String {
        let mut guesses: Vec<String> = Vec::new();
        for name in &self.unknown {
            let typed = name.trim_matches('/').to_lowercase();
            let best = self
                .known
                .iter()
                .map(|path| {
                    let leaf = path.rsplit('/').next().unwrap_or(path);
                    let distance = strsim::damerau_levenshtein(&typed, path);
                    (distance.min(strsim::damerau_levenshtein(&typed, leaf)), path)
                })
                .min();
            if let Some((distance, path)) = best
                && distance <= 1 + path.len() / 4
            {
                guesses.push(format!("did you mean `{path}`? "));
            }
        }
        format!("{}known phases: {}", guesses.concat(), self.known.join(", "))
    }
}

impl<C: Context> Workflow<C> {
    /// The leaf phases in order, each with why it is left out. Of a single chosen phase only its own leaves are listed.
    pub fn select(&self, selection: &Selection) -> Result<Vec<Selected<'_, C>>, SelectError> {
        let known = self.paths();
        let named = selection.only.iter().chain(&selection.skip);
        let unknown: Vec<String> = named.filter(|name| !known.contains(name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(SelectError { workflow: self.name.to_owned(), unknown, known });
        }
        let skip: BTreeSet<&str> = selection.skip.iter().map(String::as_str).collect();
        let mut leaves = Vec::new();
        self.walk(&mut |path, _, phase| {
            let chosen = selection.only.as_deref().is_none_or(|only| is_within(path, only));
            if phase.children().is_empty() && chosen {
                let left_out = skip.iter().any(|skip| is_within(path, skip)).then(|| "left out by request".to_owned());
                leaves.push(Selected { path: path.to_owned(), phase, left_out });
            }
        });
        Ok(leaves)
    }
}

/// True if `path` is `ancestor` or below it.
fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
