//! `kube`: reading objects of the cluster. Granted by kind and namespace; Secrets by their full name only.

use kubephase_model::plugin::grants::object_scope;
use serde_json::Value;

use super::refusal::{denied, failure, invalid};
use crate::bindings::kubephase::plugin::kube::{Host, ObjectName};
use crate::bindings::kubephase::plugin::types::Failure;
use crate::sandbox::State;
use crate::world::Asked;

/// The most objects of one list.
const OBJECTS: usize = 500;
/// The most bytes of one answer.
const BYTES: usize = 4 << 20;
/// A selector is not longer.
const LONGEST_SELECTOR: usize = 1024;

impl State {
    fn may_ask(&self, asked: Asked<'_>, name: Option<&str>) -> Result<(), Failure> {
        let Asked { api_version, kind, namespace } = asked;
        if self.grants.allows_kube(api_version, kind, namespace, name) {
            return Ok(());
        }
        let scope = object_scope(api_version, kind, namespace, name);
        // What a grant would have to say; a Secret without a name cannot be granted at all.
        let what = format!("reading {} is not granted", scope.escape_debug());
        if kind.eq_ignore_ascii_case("secret") && name.is_none() {
            let remedy = "ask for each Secret by its name: that can be granted".to_owned();
            return Err(Failure { remedy: Some(remedy), ..failure("denied", what) });
        }
        Err(denied("kube", &scope, what))
    }

    async fn object(&mut self, asked: Asked<'_>, name: &str) -> Result<Option<String>, Failure> {
        self.may_ask(asked, Some(name))?;
        Ok(self.world.get(asked, name).await?.map(|object| object.to_string()))
    }

    async fn objects(&mut self, asked: Asked<'_>, labels: &str) -> Result<Vec<String>, Failure> {
        self.may_ask(asked, None)?;
        let is_known = |c: char| c.is_ascii_alphanumeric() || " -_./=!,()".contains(c);
        if labels.len() > LONGEST_SELECTOR || !labels.chars().all(is_known) {
            return Err(invalid("the label selector is none"));
        }
        let mut found = self.world.list(asked, labels, OBJECTS).await?;
        let name = |object: &Value| {
            let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
            (part("namespace"), part("name"))
        };
        found.sort_by_cached_key(name);
        let texts: Vec<String> = found.iter().map(Value::to_string).collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        if texts.len() > OBJECTS || bytes > BYTES {
            let message =
                format!("there are {} objects with {bytes} bytes: more than {OBJECTS}, or {BYTES} bytes", texts.len());
            return Err(Failure { remedy: Some("select fewer".into()), ..failure("too-large", message) });
        }
        Ok(texts)
    }
}

impl Host for State {
    async fn get(&mut self, object: ObjectName) -> wasmtime::Result<Result<Option<String>, Failure>> {
        let ObjectName { api_version, kind, namespace, name } = &object;
        Ok(self.object(Asked { api_version, kind, namespace: namespace.as_deref() }, name).await)
    }

    async fn list_objects(
        &mut self,
        api_version: String,
        kind: String,
        namespace: Option<String>,
        labels: String,
    ) -> wasmtime::Result<Result<Vec<String>, Failure>> {
        let asked = Asked { api_version: &api_version, kind: &kind, namespace: namespace.as_deref() };
        Ok(self.objects(asked, &labels).await)
    }
}

#[cfg(test)]
mod tests;
