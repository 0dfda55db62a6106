//! Namespaces: each gets its default ServiceAccount and the authority that pods should believe.

use serde_json::{Value, json};

use super::snapshot::{is_going, text};
use super::{View, Wish};
use crate::kinds::{CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT};

const ROOT_CA: &str = "kube-root-ca.crt";

/// See the module.
pub fn wish(view: &View<'_>) -> Vec<Wish> {
    view.objects
        .of(&NAMESPACE)
        .filter(|namespace| !is_going(namespace))
        .flat_map(|namespace| furnish(view, namespace))
        .collect()
}

fn furnish(view: &View<'_>, namespace: &Value) -> Vec<Wish> {
    let name = text(namespace, "/metadata/name");
    let mut wishes = Vec::new();
    if view.objects.get(&SERVICE_ACCOUNT, name, "default").is_none() {
        wishes.push(Wish::Create(json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": name },
        })));
    }
    match view.objects.get(&CONFIG_MAP, name, ROOT_CA) {
        None => wishes.push(Wish::Create(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CA,
                "namespace": name,
                "annotations": {
                    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver \
                        when using internal endpoints such as the internal service IP or kubernetes.default.svc. \
                        No other usage is guaranteed across distributions of Kubernetes clusters.",
                },
            },
            "data": { "ca.crt": view.setup.root_ca },
        }))),
        Some(map) if map["data"]["ca.crt"] != view.setup.root_ca.as_str() => {
            let mut map = map.clone();
            map["data"] = json!({ "ca.crt": view.setup.root_ca });
            wishes.push(Wish::Update(map));
        }
        Some(_) => {}
    }
    wishes
}
