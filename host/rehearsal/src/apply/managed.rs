//! The entries of `managedFields`: who did what, when, through which version and subresource, and which fields are
//! theirs for it. Knows nothing of objects but where the entries are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fields::Fields;

/// What a manager did to come by fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

/// Whose entry it is. There is one entry for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    manager: String,
    operation: Operation,
    api_version: String,
    subresource: String,
}

impl Entry {
    pub(super) fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }

    /// As conflicts name it: `"kubectl-edit" using v1`.
    pub(super) fn shown(&self) -> String {
        let mut shown = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            shown.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            shown.push_str(&format!(" using {}", self.api_version));
        }
        shown
    }
}

/// All entries of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Managed {
    entries: BTreeMap<Entry, (Fields, Option<String>)>,
    /// When the entry was made that is taken out at the moment.
    taken: Option<String>,
}

impl Managed {
    /// The entries of an object; none if any of them cannot be read.
    pub(super) fn read(object: &Value) -> Self {
        let mut managed = Self::default();
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            let operation = match text("operation").as_str() {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return Self::default(),
            };
            let owner = Entry::new(&text("manager"), operation, &text("apiVersion"), &text("subresource"));
            let fields = Fields::from_json(&entry["fieldsV1"]);
            managed.entries.insert(owner, (fields, entry["time"].as_str().map(str::to_owned)));
        }
        managed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn set(&mut self, entry: Entry, fields: Fields, time: Option<&str>) {
        self.entries.insert(entry, (fields, time.map(str::to_owned)));
    }

    /// Takes an entry out; [`Self::restore`] remembers its time.
    pub(super) fn take(&mut self, entry: &Entry) -> Option<Fields> {
        let (fields, time) = self.entries.remove(entry)?;
        self.taken = time;
        Some(fields)
    }

    pub(super) fn take_with_time(&mut self, entry: &Entry) -> Option<(Fields, Option<String>)> {
        self.entries.remove(entry)
    }

    /// Puts in the entry that was taken out, with the time that it had unless there is a new one.
    pub(super) fn restore(&mut self, entry: Entry, fields: Fields, time: Option<&str>) {
        let time = time.map(str::to_owned).or_else(|| self.taken.take());
        if !fields.is_empty() {
            self.entries.insert(entry, (fields, time));
        }
    }

    /// What anybody owns.
    pub(super) fn union(&self) -> Fields {
        self.entries.values().fold(Fields::default(), |all, (fields, _)| all.union(fields))
    }

    /// Who owns which of these fields, in the order in which conflicts name them.
    pub(super) fn owners_of(&self, wanted: &Fields) -> Vec<(Entry, Fields)> {
        let owned = self.entries.iter().map(|(entry, (fields, _))| (entry.clone(), fields.intersection(wanted)));
        let mut owned: Vec<_> = owned.filter(|(_, fields)| !fields.is_empty()).collect();
        owned.sort_by_key(|(entry, _)| entry.shown());
        owned
    }

    /// Takes fields away from everybody.
    pub(super) fn subtract(&mut self, lost: &Fields) {
        for (fields, _) in self.entries.values_mut() {
            *fields = fields.difference(lost);
        }
        self.entries.retain(|_, (fields, _)| !fields.is_empty());
    }

    /// Writes the entries into an object: applies first, then by time and name.
    pub(super) fn write(&self, object: &mut Value) {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by(|(a, (_, at)), (b, (_, bt))| {
            let rest = |entry: &Entry| (entry.manager.clone(), entry.api_version.clone(), entry.subresource.clone());
            a.operation.cmp(&b.operation).then_with(|| at.cmp(bt)).then_with(|| rest(a).cmp(&rest(b)))
        });
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|(entry, (fields, time))| {
                let mut written = json!({
                    "manager": entry.manager,
                    "operation": if entry.operation == Operation::Apply { "Apply" } else { "Update" },
                    "apiVersion": entry.api_version,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": fields.to_json(),
                });
                if let Some(time) = time {
                    written["time"] = json!(time);
                }
                if !entry.subresource.is_empty() {
                    written["subresource"] = json!(entry.subresource);
                }
                written
            })
            .collect();
        if entries.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), Value::Array(entries));
        }
    }
}
