//! Certificate signing requests of a node: those that it has made itself, and those by which it has joined.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, ObjectRef};
use kubephase_node::kube::{Api, ApiError, Select};
use kubephase_pki::SigningRequest;
use serde_json::Value;

/// Deletes them. Whether there were any.
pub async fn remove(api: &Api, node: &str) -> Result<bool, ApiError> {
    let mut any = false;
    for request in api.list(&CERTIFICATE_SIGNING_REQUEST, None, Select::default()).await? {
        if let Some(name) = request.pointer("/metadata/name").and_then(Value::as_str).filter(|_| is_of(&request, node))
        {
            any |= api.delete(&ObjectRef::new(&CERTIFICATE_SIGNING_REQUEST, None, name)).await?;
        }
    }
    Ok(any)
}

fn is_of(request: &Value, node: &str) -> bool {
    let user = format!("system:node:{node}");
    let spec = &request["spec"];
    if spec["username"] == user.as_str() {
        return true;
    }
    let signer = spec["signerName"].as_str().unwrap_or_default();
    let pem = spec["request"].as_str().and_then(|text| STANDARD.decode(text).ok());
    signer == "kubernetes.io/kube-apiserver-client-kubelet"
        && pem.and_then(|pem| SigningRequest::from_pem(&pem).ok()).is_some_and(|asked| asked.common_names == [user])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn by_its_user_and_by_what_is_asked_for() {
        assert!(is_of(&json!({"spec": {"username": "system:node:a"}}), "a"));
        assert!(!is_of(&json!({"spec": {"username": "system:node:ab"}}), "a"));
        let joins = json!({"spec": {"username": "system:bootstrap:abcdef", "request": "bm8gUEVN",
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet"}});
        assert!(!is_of(&joins, "a"), "what cannot be read is nobody's");
    }
}
