//! The mark of ConfigMaps whose contents nobody wrote by hand: kubeadm takes a component's configuration that carries
//! it, and still fits it, for its own, and makes it anew when the cluster is upgraded.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

/// The annotation.
const ANNOTATION: &str = "kubeadm.kubernetes.io/component-config.hash";

/// Signs a ConfigMap: SHA-256 over the values of `data`, in the order of their keys (`SignConfigMap` in kubeadm; ours
/// have no `binaryData`).
pub(super) fn sign(config_map: &mut Value) {
    let mut context = Context::new(&SHA256);
    let data = config_map.get("data").and_then(Value::as_object);
    let mut entries: Vec<_> = data.into_iter().flatten().collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    for (_, value) in entries {
        context.update(value.as_str().unwrap_or_default().as_bytes());
    }
    let digest = context.finish();
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    config_map["metadata"]["annotations"][ANNOTATION] = format!("sha256:{hex}").into();
}
