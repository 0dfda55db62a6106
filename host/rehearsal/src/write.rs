//! Writes as the server admits them: decoding, defaults, admission and rules, in the real server's order, around the
//! store. Who may write has been decided before; controllers come here as well, as users of their own.

mod admission;
mod definitions;
mod policy;
mod prepare;
mod services;

pub(crate) use self::prepare::has_scale;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::apply;
use crate::auth::User;
use crate::kinds::{Kind, NAMESPACE};
use crate::patch::{self, PatchType};
use crate::schema::{self, FieldProblem, Reason};
use crate::status::Failure;
use crate::store::{Preconditions, Propagation, Store, Transaction, metadata, text};

/// What happens about fields that a kind does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Nothing; they are dropped.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// Which object is to be written, by whom and how.
pub struct Request<'a> {
    /// Who writes.
    pub user: &'a User,
    /// The field manager: who owns the fields.
    pub manager: &'a str,
    /// Its kind.
    pub kind: &'static Kind,
    /// Its namespace.
    pub namespace: Option<&'a str>,
    /// Its name; may be empty when it is created.
    pub name: &'a str,
    /// Such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// Whether nothing is to be kept.
    pub dry: bool,
    /// What happens about unknown fields.
    pub validation: Validation,
    /// Networks of Services: the first is of the cluster's first IP family.
    pub service_cidrs: &'a [String],
}

/// A body as JSON: its text, if duplicate keys are to be found, and what it says.
pub struct Body {
    /// The text; empty if there is none.
    pub text: Vec<u8>,
    /// What it says.
    pub value: Value,
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self { text: Vec::new(), value }
    }
}

/// A write that was done.
#[derive(Debug)]
pub struct Outcome {
    /// The object as it is stored now.
    pub object: Arc<Value>,
    /// Whether it is new.
    pub created: bool,
    /// What the client should be warned of.
    pub warnings: Vec<String>,
}

/// A patch in one of its notations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// One that is told what to change.
    Of(PatchType),
    /// Server-side apply: told what should be; `force` takes fields from other managers.
    Apply {
        /// Takes fields from other managers.
        force: bool,
    },
}

impl<'a> Request<'a> {
    /// A controller's write to an object: no checks of unknown fields, and it owns what it writes by its user's name.
    pub fn by(user: &'a User, kind: &'static Kind, namespace: Option<&'a str>, name: &'a str) -> Self {
        let manager = user.name.strip_prefix("system:").unwrap_or(&user.name);
        let validation = Validation::Ignore;
        Self { user, manager, kind, namespace, name, subresource: "", dry: false, validation, service_cidrs: &[] }
    }

    /// The same for a subresource.
    #[must_use]
    pub fn on(self, subresource: &'a str) -> Self {
        Self { subresource, ..self }
    }

    /// Creates an object.
    pub fn create(&self, store: &Store, body: Body) -> Result<Outcome, Failure> {
        let (object, warnings) = self.decode(body)?;
        store.transact(self.dry, |transaction| {
            let object = self.insert(transaction, object, Some(self.manager))?;
            Ok(Outcome { object, created: true, warnings })
        })
    }

    /// Replaces an object or a subresource of it. Of some kinds it makes an object that is not there.
    pub fn update(&self, store: &Store, body: Body) -> Result<Outcome, Failure> {
        let (mut object, warnings) = self.decode(body)?;
        let name = text(object["metadata"].get("name"));
        if name != self.name {
            return Err(self.other_name(name));
        }
        let creates = self.subresource.is_empty() && policy::creates_on_update(self.kind);
        if creates && store.get(self.kind, self.namespace, self.name).is_none() {
            admission::may_create(self, store)?;
        }
        store.transact(self.dry, |transaction| {
            if creates && transaction.get(self.kind, self.namespace, self.name).is_none() {
                metadata(&mut object).remove("resourceVersion");
                let object = self.insert(transaction, object, Some(self.manager))?;
                return Ok(Outcome { object, created: true, warnings });
            }
            let old = self.current(transaction)?;
            let revision = text(object["metadata"].get("resourceVersion"));
            if matches!(revision, "" | "0") && !policy::allows_unconditional_update(self.kind) {
                return Err(Failure::unconditional(self.kind, self.name));
            }
            let object = self.replace(transaction, &old, object, Some(self.manager))?;
            Ok(Outcome { object, created: false, warnings })
        })
    }

    /// Sets how many replicas there are to be, for `scale`; `revision` is the one that the object must have, or empty.
    /// The new number is a change of the specification, and `scale` owns it if somebody did before.
    pub fn scale(&self, store: &Store, replicas: u64, revision: &str) -> Result<Arc<Value>, Failure> {
        let request = Request { subresource: "", ..*self };
        store.transact(self.dry, |transaction| {
            let old = self.current(transaction)?;
            let mut object = Value::clone(&old);
            object["spec"]["replicas"] = json!(replicas);
            metadata(&mut object).insert("resourceVersion".to_owned(), json!(revision));
            apply::track_scale(self.kind, &old, &mut object, self.manager);
            let mut object = schema::decode(self.kind, object).map_err(Failure::bad_request)?.object;
            self.place(&mut object)?;
            request.replace(transaction, &old, object, None)
        })
    }

    /// Patches an object or a subresource of it. Only server-side apply creates one that is not there.
    pub fn patch(&self, store: &Store, patch: Patch, body: Body) -> Result<Outcome, Failure> {
        store.transact(self.dry, |transaction| match patch {
            Patch::Of(notation) => {
                let old = self.current(transaction)?;
                let patched = patch::patch(self.kind, &old, notation, &body.value)?;
                let warnings = self.unknown_in_patched(&old, notation, &body.value)?;
                let (object, _) = Request { validation: Validation::Ignore, ..*self }.decode(patched.into())?;
                self.check_identity(&old, &object)?;
                let object = self.replace(transaction, &old, object, Some(self.manager))?;
                Ok(Outcome { object, created: false, warnings })
            }
            Patch::Apply { force } => {
                // As it is written: what decoding adds is not for the manager to own.
                let mut applied = body.value;
                self.check_kind(&applied)?;
                self.place(&mut applied)?;
                let warnings = Vec::new();
                let old = transaction.get(self.kind, self.namespace, self.name);
                let now = transaction.now().to_owned();
                let mut object =
                    apply::apply(self.kind, old.as_deref(), &applied, self.manager, self.subresource, force, &now)?;
                match old {
                    Some(old) => {
                        let object = self.replace(transaction, &old, object, None)?;
                        Ok(Outcome { object, created: false, warnings })
                    }
                    None if !self.subresource.is_empty() => Err(Failure::not_found(self.kind, self.name)),
                    None => {
                        if !text(metadata(&mut object).get("uid")).is_empty() {
                            return Err(Failure::conflict(
                                self.kind,
                                self.name,
                                "uid mismatch: the provided object specified uid, and no existing object was found",
                            ));
                        }
                        let object = self.insert(transaction, object, None)?;
                        Ok(Outcome { object, created: true, warnings })
                    }
                }
            }
        })
    }

    /// Deletes an object. The outcome's object is its last state; it is still there if something keeps it, which is the
    /// second value.
    pub fn delete(
        &self,
        store: &Store,
        preconditions: &Preconditions,
        propagation: Propagation,
    ) -> Result<(Arc<Value>, bool), Failure> {
        if *self.kind == NAMESPACE && ["default", "kube-system", "kube-public"].contains(&self.name) {
            return Err(Failure::forbidden("", "namespaces", self.name, "this namespace may not be deleted"));
        }
        store.transact(self.dry, |transaction| {
            definitions::empty(self.kind, self.name, transaction)?;
            let last = transaction.delete(self.kind, self.namespace, self.name, preconditions, propagation)?;
            let uid = |object: &Value| text(object["metadata"].get("uid")).to_owned();
            let left = transaction.get(self.kind, self.namespace, self.name);
            let stays = left.is_some_and(|left| uid(&left) == uid(&last));
            Ok((last, stays))
        })
    }

    /// Whether the user may decide about this object, beyond being allowed to write it.
    pub fn may_decide(&self, store: &Store) -> Result<(), Failure> {
        admission::may_decide(self, store)
    }

    /// Fields that a patch brings in and the kind does not have, as far as anybody wants to know.
    fn unknown_in_patched(&self, old: &Value, notation: PatchType, body: &Value) -> Result<Vec<String>, Failure> {
        if self.validation == Validation::Ignore {
            return Ok(Vec::new());
        }
        let raw = patch::patch_raw(self.kind, old, notation, body)?;
        let problems = schema::strict_problems(self.kind, raw.to_string().as_bytes());
        if self.validation == Validation::Strict && !problems.is_empty() {
            let cause = format!("strict decoding error: {}", problems.join(", "));
            return Err(patch::refused(notation, body, &raw, &cause));
        }
        Ok(problems)
    }

    /// A patch changes neither name nor uid.
    fn check_identity(&self, old: &Value, object: &Value) -> Result<(), Failure> {
        let name = text(object["metadata"].get("name"));
        if name != self.name {
            return Err(self.other_name(name));
        }
        let uid = text(object["metadata"].get("uid"));
        if uid != text(old["metadata"].get("uid")) {
            let message = format!("Invalid value: {uid:?}: field is immutable");
            let problem = FieldProblem { path: "metadata.uid".to_owned(), reason: Reason::Invalid, message };
            return Err(Failure::invalid(self.kind, self.name, &[problem]));
        }
        Ok(())
    }

    fn other_name(&self, name: &str) -> Failure {
        let wanted = self.name;
        Failure::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({wanted})"))
    }

    fn current(&self, transaction: &Transaction<'_>) -> Result<Arc<Value>, Failure> {
        let found = transaction.get(self.kind, self.namespace, self.name);
        let mut found = found.ok_or_else(|| Failure::not_found(self.kind, self.name))?;
        // It may have been written in another version.
        if self.kind.is_custom() && text(found.get("apiVersion")) != self.kind.group_version() {
            Arc::make_mut(&mut found)["apiVersion"] = json!(self.kind.group_version());
        }
        Ok(found)
    }

    /// What the body says, and warnings about it.
    fn decode(&self, body: Body) -> Result<(Value, Vec<String>), Failure> {
        let Body { text: raw, value } = body;
        self.check_kind(&value)?;
        let strict = match self.validation {
            Validation::Ignore => Vec::new(),
            _ if raw.is_empty() => schema::strict_problems(self.kind, value.to_string().as_bytes()),
            _ => schema::strict_problems(self.kind, &raw),
        };
        // A wrong type is told alone, whatever else there is.
        let mut object = schema::decode(self.kind, value).map_err(Failure::bad_request)?.object;
        if self.validation == Validation::Strict && !strict.is_empty() {
            return Err(Failure::bad_request(schema::strict_error(self.kind, &strict)));
        }
        self.place(&mut object)?;
        Ok((object, strict))
    }

    /// Puts the object into the namespace of the request.
    fn place(&self, object: &mut Value) -> Result<(), Failure> {
        let place = text(metadata(object).get("namespace")).to_owned();
        match self.namespace {
            Some(namespace) if !place.is_empty() && place != namespace => {
                return Err(Failure::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            Some(namespace) => {
                metadata(object).insert("namespace".to_owned(), json!(namespace));
            }
            None => {
                metadata(object).remove("namespace");
            }
        }
        Ok(())
    }

    fn check_kind(&self, value: &Value) -> Result<(), Failure> {
        let group_version = self.kind.group_version();
        for (field, label) in [("kind", "Kind"), ("apiVersion", "apiVersion")] {
            if text(value.get(field)).is_empty() {
                let message = format!("Object '{label}' is missing in '{value}'");
                return Err(Failure::bad_request(message));
            }
        }
        let (kind, version) = (text(value.get("kind")), text(value.get("apiVersion")));
        if version != group_version {
            let message = format!(
                "the API version in the data ({version}) does not match the expected API version ({group_version})"
            );
            return Err(Failure::bad_request(message));
        }
        if kind != self.kind.kind {
            let message = format!(
                "{kind} in version {:?} cannot be handled as a {}: converting ({kind}) to ({}): unknown conversion",
                self.kind.version, self.kind.kind, self.kind.kind
            );
            return Err(Failure::bad_request(message));
        }
        Ok(())
    }

    /// Stores a new object. `tracked` owns its fields, unless they have their owners already.
    fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        mut object: Value,
        tracked: Option<&str>,
    ) -> Result<Arc<Value>, Failure> {
        let meta = metadata(&mut object);
        // `0` is none: manifests have it so that they can be put as well.
        if !matches!(text(meta.get("resourceVersion")), "" | "0") {
            return Err(Failure::bad_request("resourceVersion should not be set on objects to be created"));
        }
        let prefix = text(meta.get("generateName")).to_owned();
        if text(meta.get("name")).is_empty() && !prefix.is_empty() {
            meta.insert("name".to_owned(), json!(crate::store::generated_name(&prefix)));
        }
        let name = text(meta.get("name")).to_owned();
        if !self.name.is_empty() && name != self.name {
            return Err(self.other_name(&name));
        }
        prepare::create(self, &mut object);
        schema::fill_defaults(self.kind, &mut object);
        definitions::complete(self.kind, self.subresource, None, &mut object, transaction.now());
        admission::namespace(self, transaction, &name)?;
        admission::create(self, &object)?;
        let mut problems = services::allocate(self, transaction, None, &mut object);
        if name.is_empty() {
            let message = "Required value: name or generateName is required".to_owned();
            problems.push(FieldProblem { path: "metadata.name".to_owned(), reason: Reason::Required, message });
        } else {
            problems.extend(schema::check(self.kind, &object));
            problems.extend(definitions::check(self.kind, &object));
        }
        if !problems.is_empty() {
            return Err(Failure::invalid(self.kind, &name, &problems));
        }
        if let Some(manager) = tracked {
            apply::track(self.kind, None, &mut object, manager, self.subresource, transaction.now());
        }
        transaction.create(self.kind, object)
    }

    /// Stores the new state of an object.
    fn replace(
        &self,
        transaction: &mut Transaction<'_>,
        old: &Arc<Value>,
        mut object: Value,
        tracked: Option<&str>,
    ) -> Result<Arc<Value>, Failure> {
        let revision = text(object["metadata"].get("resourceVersion"));
        if !matches!(revision, "" | "0") && revision != text(old["metadata"].get("resourceVersion")) {
            return Err(Failure::modified(self.kind, self.name));
        }
        prepare::update(self, old, &mut object);
        schema::fill_defaults(self.kind, &mut object);
        definitions::complete(self.kind, self.subresource, Some(old), &mut object, transaction.now());
        admission::update(self, transaction, old, &object)?;
        let mut problems = services::allocate(self, transaction, Some(old), &mut object);
        problems.extend(schema::check_update(self.kind, old, &object));
        problems.extend(definitions::check(self.kind, &object));
        if !problems.is_empty() {
            return Err(Failure::invalid(self.kind, self.name, &problems));
        }
        if let Some(manager) = tracked {
            apply::track(self.kind, Some(old), &mut object, manager, self.subresource, transaction.now());
        }
        transaction.update(self.kind, object)
    }
}
