//! Test cases of plugins: one YAML file says what a plugin is told and what it must answer. No cluster and no machine are
//! needed; the limits are those of a real run.

use std::sync::Arc;

use kubephase_model::plugin::{Grants, PluginEntry, Proposal};
use kubephase_workflow::extension::{ExtensionError, ExtensionFailure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::guest::ADVICE;
use crate::guest::Export;
use crate::told::Ear;
use crate::workbench::{Outcome, Question, Workbench};
use crate::world::Given;

/// A case as it stands in its file.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows: one line.
    pub about: String,
    question: Question,
    given: Given,
    expect: Value,
    /// The file up to the line `expect:`.
    head: String,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It answered as expected.
    Passed,
    /// It answered something else.
    Differs {
        /// What was expected, as YAML.
        expected: String,
        /// What it answered, as YAML.
        found: String,
    },
    /// It answered differently when it was asked again.
    Undecided {
        /// The first answer, as YAML.
        first: String,
        /// The second, as YAML.
        second: String,
    },
    /// It could not be asked, or broke.
    Broke(Box<ExtensionError>),
}

/// Keys of a case beside those of what is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    about: String,
    call: String,
    target: String,
    document: Value,
    settings: Value,
    grants: Option<Map<String, Value>>,
    limits: Limits,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            about: String::new(),
            call: String::new(),
            target: String::new(),
            document: Value::Null,
            settings: Value::Null,
            grants: None,
            limits: Limits::default(),
        }
    }
}

/// Limits of a case, if others than the usual ones are meant.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Limits {
    memory: String,
    output: String,
    fuel: Option<i32>,
}

const KEYS: [&str; 7] = ["about", "call", "target", "document", "settings", "grants", "limits"];
const EXPECT: &str = "expect";

/// A case that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CaseError(String);

impl CaseError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "the plugin author's guide shows what a case looks like"
    }
}

impl Case {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let fail = |why: String| CaseError(why);
        let whole: Value = serde_yaml::from_str(text).map_err(|error| fail(error.to_string()))?;
        let Value::Object(mut whole) = whole else { return Err(fail("a case is a mapping".into())) };
        let at = start_of_expect(text).ok_or_else(|| fail(format!("it has no line `{EXPECT}:`, which stands last")))?;
        let expect = whole.remove(EXPECT).unwrap_or_default();
        let known: Map<String, Value> =
            KEYS.iter().filter_map(|key| Some(((*key).to_owned(), whole.remove(*key)?))).collect();
        let head: Head = serde_json::from_value(Value::Object(known)).map_err(|error| fail(error.to_string()))?;
        let given = Given::parse(Value::Object(whole)).map_err(fail)?;
        let export = Export::ALL.into_iter().find(|export| export.name() == head.call).ok_or_else(|| {
            let known: Vec<&str> = Export::ALL.iter().map(|export| export.name()).collect();
            fail(format!("call: `{}` is none of {}", head.call, known.join(", ")))
        })?;
        if (export == Export::Mutate) == head.target.is_empty() {
            return Err(fail("target and document are for mutator.mutate, which needs both".into()));
        }
        let grants = head.grants.map(grants).transpose().map_err(fail)?;
        let mut entry = PluginEntry::default();
        entry.limits.memory = head.limits.memory;
        entry.limits.output = head.limits.output;
        entry.limits.fuel = head.limits.fuel;
        let question =
            Question { export, target: head.target, document: head.document, settings: head.settings, grants, entry };
        Ok(Self { about: head.about, question, given, expect, head: text[..at].to_owned() })
    }

    /// Asks the plugin, twice.
    pub async fn run(&self, bench: &Workbench, ear: Ear) -> Verdict {
        let first = match self.answer(bench, ear.clone()).await {
            Ok(answer) => answer,
            Err(error) => return Verdict::Broke(Box::new(error)),
        };
        let second = match self.answer(bench, ear).await {
            Ok(answer) => answer,
            Err(error) => return Verdict::Broke(Box::new(error)),
        };
        if first != second {
            return Verdict::Undecided { first: yaml(&first), second: yaml(&second) };
        }
        if first == normal(&self.expect) {
            return Verdict::Passed;
        }
        Verdict::Differs { expected: yaml(&normal(&self.expect)), found: yaml(&first) }
    }

    /// The file with what the plugin answers as what is expected; all before that line stays as it is.
    pub async fn updated(&self, bench: &Workbench, ear: Ear) -> Result<String, ExtensionError> {
        let answer = self.answer(bench, ear).await?;
        Ok(format!("{}{}", self.head, yaml(&json!({ EXPECT: answer }))))
    }

    /// What it answers, as it would stand in the file. Failures of its own are answers.
    async fn answer(&self, bench: &Workbench, ear: Ear) -> Result<Value, ExtensionError> {
        let world = Arc::new(self.given.clone());
        match bench.ask(&self.question, world, ear).await {
            Ok(Outcome { proposal, .. }) => Ok(serde_json::to_value(proposal).unwrap_or_default()),
            Err(error) if matches!(error.kind, ExtensionFailure::Failed | ExtensionFailure::Refused) => {
                let mut failure = Map::new();
                failure.extend(error.code.map(|code| ("code".to_owned(), Value::from(code))));
                failure.insert("message".into(), error.message.into());
                // What it answered, without our word before it.
                let remedy = error.hint.map(|hint| hint.strip_prefix(ADVICE).unwrap_or(&hint).to_owned());
                failure.extend(remedy.map(|remedy| ("remedy".to_owned(), Value::from(remedy))));
                let key = if error.kind == ExtensionFailure::Refused { "refused" } else { "failure" };
                Ok(json!({ key: failure }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Where the top-level line `expect:` begins.
fn start_of_expect(text: &str) -> Option<usize> {
    let mut at = 0;
    let mut found = None;
    for line in text.split_inclusive('\n') {
        if line.strip_prefix(EXPECT).is_some_and(|rest| rest.starts_with(':')) {
            found = Some(at);
        }
        at += line.len();
    }
    found
}

fn grants(given: Map<String, Value>) -> Result<Grants, String> {
    let mut grants = Grants::default();
    for (capability, scopes) in given {
        let list = grants.list_mut(&capability).ok_or_else(|| format!("grants: there is no `{capability}`"))?;
        *list = serde_json::from_value(scopes).map_err(|error| format!("grants.{capability}: {error}"))?;
    }
    Ok(grants)
}

/// What is expected, spelt as we spell answers: fields at their default are left out. What is none stays as it is, and
/// then differs.
fn normal(expect: &Value) -> Value {
    if expect.is_null() {
        return json!({});
    }
    match serde_json::from_value::<Proposal>(expect.clone()) {
        Ok(proposal) => serde_json::to_value(proposal).unwrap_or_default(),
        Err(_) => expect.clone(),
    }
}

fn yaml<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "# why\nabout: nothing is wrong\ncall: preflight.check\nfiles:\n  /a: expect\nexpect: {}\n";

    #[test]
    fn the_head_of_a_case_is_kept_as_it_is() {
        let case = Case::parse(CASE).expect("a case");
        assert_eq!(case.head, CASE.trim_end_matches("expect: {}\n"));
        assert_eq!(case.about, "nothing is wrong");
    }

    #[test]
    fn what_is_no_case_is_told() {
        for (text, why) in [
            ("call: preflight.check\n", "it has no line `expect:`"),
            ("call: preflight.look\nexpect: {}\n", "call: `preflight.look` is none of preflight.check"),
            ("call: mutator.mutate\nexpect: {}\n", "target and document"),
            ("call: preflight.check\ngrants: {file: []}\nexpect: {}\n", "grants: there is no `file`"),
            ("call: preflight.check\nfacs: {}\nexpect: {}\n", "facs"),
            ("- a\n", "a case is a mapping"),
        ] {
            let error = Case::parse(text).expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
