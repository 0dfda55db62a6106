//! All attacks by name.

mod findings;
mod memory;
mod objects;
mod output;
mod patches;
mod reach;
mod spin;
mod waits;
mod writes;

use kubephase_sdk::prelude::*;

use crate::settings::Settings;

/// What is known when an attack is made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The plugin's settings.
    pub settings: &'a Settings,
    /// The document that may be patched; empty if none is.
    pub target: &'a str,
    /// It.
    pub document: &'a Value,
}

impl<'a> Call<'a> {
    /// One without a document.
    pub fn new(settings: &'a Settings) -> Self {
        Self { settings, target: "", document: &Value::Null }
    }

    /// The test's paths, or these.
    fn paths<'b>(&'b self, own: &[&'b str]) -> Vec<&'b str> {
        choose(&self.settings.paths, own)
    }

    /// The test's URLs, or these.
    fn urls<'b>(&'b self, own: &[&'b str]) -> Vec<&'b str> {
        choose(&self.settings.urls, own)
    }
}

fn choose<'a>(given: &'a [String], own: &[&'a str]) -> Vec<&'a str> {
    if given.is_empty() { own.to_vec() } else { given.iter().map(String::as_str).collect() }
}

/// What an attack is.
pub type Attack = fn(&Call<'_>) -> Result<Proposal, Failure>;

/// Names and what they do, a table per module.
pub const ALL: &[&[(&str, Attack)]] = &[
    spin::ATTACKS,
    memory::ATTACKS,
    output::ATTACKS,
    findings::ATTACKS,
    reach::ATTACKS,
    writes::ATTACKS,
    patches::ATTACKS,
    objects::ATTACKS,
    waits::ATTACKS,
];

/// Makes the attack that the settings name.
///
/// # Errors
///
/// If there is none of that name, or if failing is the attack.
pub fn run(call: &Call<'_>) -> Result<Proposal, Failure> {
    let name = &*call.settings.attack;
    if name.is_empty() {
        return Ok(Proposal::new());
    }
    let attack = ALL.iter().copied().flatten().find(|(known, _)| *known == name);
    let (_, attack) = attack.ok_or_else(|| Failure::invalid(format!("there is no attack {name}")))?;
    attack(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_readme_know_every_attack() {
        let names: Vec<&str> = ALL.iter().copied().flatten().map(|(name, _)| *name).collect();
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("a schema");
        assert_eq!(schema["properties"]["attack"]["enum"], json!(names));
        let readme = include_str!("../README.md");
        let missing: Vec<&&str> = names.iter().filter(|name| !readme.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "the README does not say what must stop {missing:?}");
    }
}
