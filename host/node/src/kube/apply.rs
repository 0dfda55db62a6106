//! Server-side apply (KEP-555): the server is told what should be, keeps who wants which field, and refuses what
//! somebody else has set to another value.

use std::sync::Arc;

use kubephase_model::object::{API_SERVICE, ObjectRef};
use serde_json::Value;

use super::retry::{Pauses, Request};
use super::{Api, ApiError};
use crate::node::lock;

/// An apply is a patch in YAML, of which JSON is a part.
const CONTENT_TYPE: &str = "application/apply-patch+yaml";

impl Api {
    /// Applies an object as `manager`. Fields that it applied before and are not in `object` any more go, unless somebody
    /// else wants them too. With `force` it takes fields from others; otherwise they are an [`ApiError::Conflict`].
    /// Returns what is there then. A dry run asks the server what it would make of it; where there is no server yet, or
    /// not what the object needs, it is made of what is known.
    pub async fn apply(&self, object: &Value, manager: &str, force: bool) -> Result<Value, ApiError> {
        let name = self.name(object).await?;
        if name.kind == &API_SERVICE && !self.applies_api_services().await? {
            return self.create_or_update(object).await;
        }
        let before = self.get(&name).await?;
        let path = format!("{}?fieldManager={manager}&force={force}", name.path());
        let request =
            |path: String| Request::new("PATCH", format!("apply {name}"), path).content_type(CONTENT_TYPE).body(object);
        if let Some(pretended) = &self.pretended {
            let known = lock(pretended).get(&name).is_some();
            let made = if known { None } else { self.look(request(format!("{path}&dryRun=All"))).await? };
            let made = made.unwrap_or_else(|| match &before {
                Some(before) => laid_over(before, object),
                None => object.clone(),
            });
            return Ok(self.pretend(&name, before.as_ref(), made));
        }
        let mut pauses = Pauses::new(self.deadline);
        loop {
            match self.within(pauses.left()).send(request(path.clone())).await {
                Ok(after) => {
                    self.record(&name, before.as_ref(), Some(&after));
                    return Ok(after);
                }
                // Its namespace or its kind has just been made, and the server will know of it in a moment.
                Err(error) if error.is_not_found() && pauses.pause_refused(self.grace).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the server can apply APIServices: before v1.20.6 it panics and hangs up, and knows no field managers of
    /// theirs (kubernetes/kubernetes#89264). One that is not there yet can.
    async fn applies_api_services(&self) -> Result<bool, ApiError> {
        let request = Request::new("GET", "ask for the version".into(), "/version".into());
        let version = self.look(request).await?.unwrap_or_default();
        Ok(version["gitVersion"].as_str().is_none_or(applies_api_services))
    }

    /// [`Api::apply`] of many objects that do not depend on each other, at the same time, told in the given order. Each
    /// result is its object's.
    pub async fn apply_all(&self, objects: &[Value], manager: &str, force: bool) -> Vec<Result<Value, ApiError>> {
        let calls = objects.iter().map(|object| async move {
            let aside = Arc::default();
            let api = Self { aside: Some(Arc::clone(&aside)), ..self.clone() };
            (api.apply(object, manager, force).await, aside)
        });
        let done = futures_util::future::join_all(calls).await;
        for (_, aside) in &done {
            lock(aside).drain(..).for_each(|change| self.node.record(change));
        }
        done.into_iter().map(|(result, _)| result).collect()
    }

    /// Takes back all that `manager` applied to an object, and leaves it with what others want of it. False if it does
    /// not exist.
    pub async fn release(&self, name: &ObjectRef, manager: &str) -> Result<bool, ApiError> {
        if self.get(name).await?.is_none() {
            return Ok(false);
        }
        let mut nothing = serde_json::json!({
            "apiVersion": name.kind.api_version, "kind": name.kind.kind, "metadata": { "name": name.name },
        });
        if let Some(namespace) = &name.namespace {
            nothing["metadata"]["namespace"] = namespace.as_str().into();
        }
        self.apply(&nothing, manager, false).await.map(|_| true)
    }
}

/// See [`Api::applies_api_services`].
fn applies_api_services(version: &str) -> bool {
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let numbers: Vec<u32> = version.trim_start_matches('v').splitn(3, '.').map_while(number).collect();
    numbers.len() < 3 || numbers >= vec![1, 20, 6]
}

/// `wanted` laid over `found`, field by field.
fn laid_over(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let mut merged = found.clone();
            for (key, value) in wanted {
                let value = found.get(key).map_or_else(|| value.clone(), |found| laid_over(found, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        _ => wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn old_servers_cannot_apply_api_services() {
        for (version, can) in [
            ("v1.20.2", false),
            ("v1.20.5+vendor.1", false),
            ("v1.19.16", false),
            ("v1.20.6", true),
            ("v1.36.2-rc.0", true),
            ("another", true),
        ] {
            assert_eq!(super::applies_api_services(version), can, "{version}");
        }
    }
}
