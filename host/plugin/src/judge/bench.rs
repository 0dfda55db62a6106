//! Where refusals are collected, with what is being judged and for whom.

use std::collections::BTreeSet;
use std::fmt::Display;

use kubephase_model::plugin::Grants;
use kubephase_model::plugin::grants::line_for;
use serde_json::Value;

use super::Refusal;
use crate::told::one_line;

/// More refusals than this of one answer are counted, not told: nobody reads them, and each is compared with all others.
const MOST: usize = 50;

/// Collects.
pub(super) struct Bench<'a> {
    pub grants: &'a Grants,
    /// What privileges are asked for.
    target: String,
    /// What is being judged, such as `files[2]`.
    what: String,
    /// Service accounts, Secrets and roles that the same proposal brings: `<kind> <namespace>/<name>`.
    pub own: BTreeSet<String>,
    found: Vec<Refusal>,
    more: usize,
}

impl<'a> Bench<'a> {
    pub fn new(grants: &'a Grants) -> Self {
        Self { grants, target: "objects".into(), what: String::new(), own: BTreeSet::new(), found: Vec::new(), more: 0 }
    }

    /// What follows is about this.
    pub fn at(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    /// What follows needs privileges for this.
    pub fn target(&mut self, target: &str) {
        target.clone_into(&mut self.target);
    }

    /// Something that no grant allows.
    pub fn never(&mut self, pointer: &str, why: impl Display) {
        self.push(pointer, &why, None);
    }

    /// Something that a grant would allow.
    pub fn ungranted(&mut self, pointer: &str, capability: &str, scope: &str, why: impl Display) {
        self.push(pointer, &why, Some(line_for(capability, scope)));
    }

    /// Something that needs a privilege; nothing if it is there.
    pub fn needs(&mut self, privilege: &str, pointer: &str, why: impl Display) {
        if !self.grants.has_privilege(privilege, &self.target) {
            let scope = format!("{}:{privilege}", self.target);
            self.push(
                pointer,
                &format!("{why}: that takes the privilege `{privilege}`"),
                Some(line_for("privileges", &scope)),
            );
        }
    }

    fn push(&mut self, pointer: &str, why: &dyn Display, grant: Option<String>) {
        if self.found.len() == MOST {
            self.more += 1;
            return;
        }
        let place = match (self.what.is_empty(), pointer.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!("{}: ", shown(pointer)),
            (false, true) => format!("{}: ", self.what),
            (false, false) => format!("{}: {}: ", self.what, shown(pointer)),
        };
        let refusal = Refusal { what: one_line(&format!("{place}{why}"), 1000), grant };
        if !self.found.contains(&refusal) {
            self.found.push(refusal);
        }
    }

    /// Goes on for a part of what another one judges, with pointers of its own.
    pub fn follow(&mut self, other: &Self, part: &str) {
        self.target.clone_from(&other.target);
        self.what = format!("{}: {part}", other.what);
    }

    /// Takes over what another one has found.
    pub fn take(&mut self, other: Self) {
        let room = MOST.saturating_sub(self.found.len());
        self.more += other.more + other.found.len().saturating_sub(room);
        self.found.extend(other.found.into_iter().take(room));
    }

    pub fn has_refusals(&self) -> bool {
        !self.found.is_empty()
    }

    pub fn refusals(mut self) -> Vec<Refusal> {
        if self.more > 0 {
            self.found.push(Refusal { what: format!("and {} more", self.more), grant: None });
        }
        self.found
    }
}

/// Text from a plugin, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    one_line(text, 120)
}

/// A field that is there and not null.
pub(super) fn field<'v>(value: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    value.and_then(|value| value.get(name)).filter(|value| !value.is_null())
}

/// A text; empty if there is none.
pub(super) fn text<'v>(value: Option<&'v Value>, name: &str) -> &'v str {
    field(value, name).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list; none if it is none.
pub(super) fn items<'v>(value: Option<&'v Value>, name: &str) -> &'v [Value] {
    field(value, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a switch is on. What is no switch at all counts as on: let somebody else say that it is wrong.
pub(super) fn is_on(value: Option<&Value>, name: &str) -> bool {
    field(value, name).is_some_and(|value| *value != Value::Bool(false))
}

/// Texts of a list.
pub(super) fn texts(value: Option<&Value>, name: &str) -> Vec<String> {
    items(value, name).iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
}

/// A name as it stands in a JSON pointer.
pub(super) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
