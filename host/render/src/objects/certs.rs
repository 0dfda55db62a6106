//! The Secret `kubeadm-certs`: what control-plane nodes share, sealed with the certificate key, for two hours.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::v1beta4::BootstrapToken;
use serde_json::{Map, Value, json};

use super::rbac::{JOINING_NODES, reader};
use super::{KUBE_SYSTEM, bootstrap_token};

/// Its name.
pub const NAME: &str = "kubeadm-certs";
/// How long it lives.
pub const TTL: GoDuration = GoDuration::hours(2);

/// The Secret of a token that is good for nothing but to end: `kubeadm-certs` belongs to it and goes with it. `token`
/// is a new random one.
pub fn lifetime_token(token: &str, now: SystemTime) -> Value {
    let token = BootstrapToken {
        token: token.to_owned(),
        description: "Proxy for managing TTL for the kubeadm-certs secret".to_owned(),
        ttl: Some(TTL),
        ..BootstrapToken::default()
    };
    bootstrap_token::secret(&token, now)
}

/// The Secret. `sealed` are its values by key; `owner` is what the server made of [`lifetime_token`].
pub fn secret(sealed: &BTreeMap<String, Vec<u8>>, owner: &Value) -> Value {
    let data: Map<String, Value> =
        sealed.iter().map(|(key, bytes)| (key.clone(), STANDARD.encode(bytes).into())).collect();
    let owner = &owner["metadata"];
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": NAME,
            "namespace": KUBE_SYSTEM,
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "Secret",
                "name": owner["name"],
                "uid": owner["uid"],
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "data": data,
    })
}

/// Role and RoleBinding with which nodes that join read it.
pub fn access() -> [Value; 2] {
    reader(KUBE_SYSTEM, "kubeadm:kubeadm-certs", "secrets", NAME, &[JOINING_NODES])
}
