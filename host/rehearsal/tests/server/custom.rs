//! Kinds that CustomResourceDefinitions declare.

use serde_json::{Value, json};

use crate::cluster::{Caller, Cluster, told};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POLICIES: &str = "/apis/example.com/v1/namespaces/default/networkpolicies";

/// It has the name of a kind that the server knows in another group.
fn definition() -> Value {
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "subresources": { "status": {} },
            "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            "additionalPrinterColumns": [
                { "name": "Size", "type": "integer", "jsonPath": ".spec.size" },
                { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
            ],
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "networkpolicies.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "networkpolicies", "kind": "NetworkPolicy", "shortNames": ["xnp"] },
            "versions": [version("v1beta1", false), version("v1", true)],
        },
    })
}

fn policy(version: &str) -> Value {
    json!({
        "apiVersion": format!("example.com/{version}"), "kind": "NetworkPolicy", "metadata": { "name": "p" },
        "spec": { "size": 3, "ingress": "no list here" }, "status": { "x": 1 },
    })
}

async fn declare(admin: &Caller) -> Value {
    admin.post(DEFINITIONS, &definition()).await.ok()
}

#[tokio::test]
async fn a_definition_is_established_and_completed() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let made = declare(&admin).await;
    let names = json!({
        "plural": "networkpolicies", "singular": "networkpolicy", "kind": "NetworkPolicy", "shortNames": ["xnp"],
        "listKind": "NetworkPolicyList",
    });
    assert_eq!((&made["spec"]["names"], &made["status"]["acceptedNames"]), (&names, &names));
    assert_eq!(made["spec"]["conversion"], json!({ "strategy": "None" }));
    assert_eq!(made["status"]["storedVersions"], json!(["v1"]));
    let conditions = made["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True"), "{made}");

    let mut bad = definition();
    bad["metadata"]["name"] = json!("other.example.com");
    bad["spec"]["versions"][0]["storage"] = json!(true);
    let message = admin.post(DEFINITIONS, &bad).await.refused(422);
    assert!(message.contains("must be spec.names.plural+\".\"+spec.group"), "{message}");
    assert!(message.contains("exactly one version marked as storage version"), "{message}");
}

#[tokio::test]
async fn declared_kinds_are_served() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    assert_eq!(admin.post(POLICIES, &policy("v1")).await.code, 404);
    declare(&admin).await;
    let list = admin.get("/apis/example.com/v1").await.ok();
    assert_eq!(list["resources"][0]["shortNames"], json!(["xnp"]));
    assert_eq!(list["resources"][1]["name"], "networkpolicies/status");
    assert_eq!(admin.get("/apis/example.com").await.ok()["versions"].as_array().map(Vec::len), Some(2));

    let made = admin.post(POLICIES, &policy("v1")).await.ok();
    assert_eq!(made["spec"], policy("v1")["spec"], "fields are kept, whatever another kind of the name says");
    assert_eq!((made.get("status"), &made["metadata"]["generation"]), (None, &json!(1)));
    let mut told_of = made.clone();
    told_of["status"] = json!({ "ready": true });
    admin.put(&format!("{POLICIES}/p/status"), &told_of).await.ok();
    let patch = json!({ "spec": { "size": 4 } });
    // In another version: the object is the same one.
    let other = POLICIES.replace("/v1/", "/v1beta1/");
    let patched = admin.patch(&format!("{other}/p"), "application/merge-patch+json", &patch).await.ok();
    assert_eq!((&patched["apiVersion"], &patched["spec"]["size"]), (&json!("example.com/v1beta1"), &json!(4)));
    assert_eq!((&patched["status"]["ready"], &patched["metadata"]["generation"]), (&json!(true), &json!(2)));
    let all = admin.get("/apis/example.com/v1/networkpolicies").await.ok();
    assert_eq!((&all["kind"], &all["items"][0]["apiVersion"]), (&json!("NetworkPolicyList"), &json!("example.com/v1")));
    let events = admin.watch("/apis/example.com/v1/networkpolicies?watch=1&resourceVersion=1&timeoutSeconds=1").await;
    assert_eq!(told(&events), ["ADDED p", "MODIFIED p", "MODIFIED p"]);
    assert_eq!(events[2]["object"]["apiVersion"], "example.com/v1");
    let strategic = admin.patch(&format!("{POLICIES}/p"), "application/strategic-merge-patch+json", &patch).await;
    assert_eq!(strategic.code, 415);
    let table = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let rows = admin.call(http::Method::GET, POLICIES, &[table], "").await.ok();
    let names = rows["columnDefinitions"].as_array().expect("columns").iter().map(|c| c["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["Name", "Size", "Age"]);
    assert_eq!(rows["rows"][0]["cells"][1], 4);

    admin.delete(&format!("{DEFINITIONS}/networkpolicies.example.com"), &json!({})).await.ok();
    assert_eq!(admin.get(POLICIES).await.code, 404);
    declare(&admin).await;
    assert_eq!(admin.get(POLICIES).await.ok()["items"], json!([]));
}
