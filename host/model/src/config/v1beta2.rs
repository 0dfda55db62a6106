//! `kubeadm.k8s.io/v1beta2`: written by kubeadm 1.15 to 1.21. Nobody configures anything in it any more; written is
//! only what is stored in a cluster of such a release, so that its own kubeadm can read it.

use serde_json::{Value, json};

use super::record::Field;
use super::v1beta3;
use super::v1beta4::APIEndpoint;

/// `apiVersion` of this module.
pub const API_VERSION: &str = "kubeadm.k8s.io/v1beta2";

/// What [`v1beta3::ClusterConfiguration`] says, with the choice of a DNS server that there still was.
pub fn cluster_configuration(config: &v1beta3::ClusterConfiguration) -> Value {
    let mut value = config.write_always();
    value["dns"]["type"] = "CoreDNS".into();
    value
}

/// The ClusterStatus `status` with the address of `node`'s API server; a new one, if there is none yet.
pub fn cluster_status(status: Option<Value>, node: &str, endpoint: &APIEndpoint) -> Value {
    let mut status = status.filter(Value::is_object).unwrap_or_else(|| json!({}));
    status["apiVersion"] = API_VERSION.into();
    status["kind"] = "ClusterStatus".into();
    if !status["apiEndpoints"].is_object() {
        status["apiEndpoints"] = json!({});
    }
    status["apiEndpoints"][node] = endpoint.write_always();
    status
}
