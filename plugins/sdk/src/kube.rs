//! Reading objects of the cluster. Granted by kind and namespace, as `kube`: `v1/ConfigMap/kube-system`,
//! `apps/v1/Deployment`. Before there is a cluster everything fails with `unavailable`.

use serde_json::Value;

use crate::Failure;
use crate::bindings::base::kubephase::plugin::kube as imported;
use crate::host::ask;

/// One object; nothing if it does not exist. `namespace` is none for kinds that have none.
///
/// # Errors
/// `denied`, `unavailable`, or `other` if the API server refuses.
pub fn get(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Failure> {
    let object = imported::ObjectName {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    let text: Option<String> = ask!(imported::get(&object))?;
    text.as_deref().map(parse).transpose()
}

/// Objects of a kind, in one namespace or in all, sorted by namespace and name. `labels` is a label selector such as
/// `app=web`; empty for all.
///
/// # Errors
/// As [`get`], and `too-large` for more than 500: select fewer.
pub fn list(api_version: &str, kind: &str, namespace: Option<&str>, labels: &str) -> Result<Vec<Value>, Failure> {
    let texts: Vec<String> = ask!(imported::list_objects(api_version, kind, namespace, labels))?;
    texts.iter().map(|text| parse(text)).collect()
}

fn parse(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::invalid(format!("an object of the cluster is not JSON: {error}")))
}
