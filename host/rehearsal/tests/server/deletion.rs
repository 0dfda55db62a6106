//! Finalizers, owners, namespaces.

use serde_json::{Value, json};

use crate::cluster::{CONFIG_MAPS, Caller, Cluster, config_map};

async fn create(admin: &Caller, object: &Value) -> Value {
    admin.post(CONFIG_MAPS, object).await.ok()
}

fn owned(name: &str, owner: &Value) -> Value {
    let mut object = config_map(name);
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true,
    }]);
    object
}

async fn is_there(admin: &Caller, name: &str) -> bool {
    admin.get(&format!("{CONFIG_MAPS}/{name}")).await.code == 200
}

#[tokio::test]
async fn finalizers_keep_an_object() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let mut object = config_map("x");
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    create(&admin, &object).await;
    let path = format!("{CONFIG_MAPS}/x");
    let marked = admin.delete(&path, &json!({})).await.ok();
    assert_eq!(marked["kind"], "ConfigMap");
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    assert!(is_there(&admin, "x").await);
    admin.patch(&path, "application/merge-patch+json", &json!({ "metadata": { "finalizers": null } })).await.ok();
    assert!(!is_there(&admin, "x").await);
}

#[tokio::test]
async fn what_is_owned_goes_with_its_owner() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    // As `kubeadm-certs` belongs to its token: Secrets in kube-system.
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bootstrap-token-abcdef" },
        "type": "bootstrap.kubernetes.io/token",
        "stringData": { "token-id": "abcdef", "token-secret": "0123456789abcdef" },
    });
    let token = admin.post(secrets, &token).await.ok();
    assert_eq!(token["data"]["token-id"], "YWJjZGVm");
    let mut certs = owned("kubeadm-certs", &token);
    certs["kind"] = json!("Secret");
    certs["data"] = json!({ "ca.crt": "YQ==" });
    admin.post(secrets, &certs).await.ok();
    admin.delete(&format!("{secrets}/bootstrap-token-abcdef"), &json!({})).await.ok();
    assert_eq!(admin.get(&format!("{secrets}/kubeadm-certs")).await.code, 404);
    // Owned by what is not there any more: gone at once.
    let stored = admin.post(secrets, &certs).await;
    assert_eq!(stored.code, 201);
    assert_eq!(admin.get(&format!("{secrets}/kubeadm-certs")).await.code, 404);
}

#[tokio::test]
async fn owners_are_several_and_chains_are_long() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let (a, b) = (create(&admin, &config_map("a")).await, create(&admin, &config_map("b")).await);
    let mut both = owned("both", &a);
    let other = owned("", &b)["metadata"]["ownerReferences"][0].clone();
    both["metadata"]["ownerReferences"].as_array_mut().expect("a list").push(other);
    let both = create(&admin, &both).await;
    create(&admin, &owned("leaf", &both)).await;
    admin.delete(&format!("{CONFIG_MAPS}/a"), &json!({})).await.ok();
    let left = admin.get(&format!("{CONFIG_MAPS}/both")).await.ok();
    assert_eq!(left["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
    admin.delete(&format!("{CONFIG_MAPS}/b"), &json!({})).await.ok();
    assert!(!is_there(&admin, "both").await && !is_there(&admin, "leaf").await);
}

#[tokio::test]
async fn propagation_is_as_asked() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let owner = create(&admin, &config_map("owner")).await;
    create(&admin, &owned("orphan", &owner)).await;
    admin.delete(&format!("{CONFIG_MAPS}/owner"), &json!({ "propagationPolicy": "Orphan" })).await.ok();
    let orphan = admin.get(&format!("{CONFIG_MAPS}/orphan")).await.ok();
    assert!(orphan["metadata"].get("ownerReferences").is_none(), "{orphan}");

    let owner = create(&admin, &config_map("owner")).await;
    let mut slow = owned("slow", &owner);
    slow["metadata"]["finalizers"] = json!(["example.com/wait"]);
    create(&admin, &slow).await;
    let path = format!("{CONFIG_MAPS}/owner");
    let waiting = admin.delete(&path, &json!({ "propagationPolicy": "Foreground" })).await.ok();
    assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(is_there(&admin, "owner").await);
    let none = json!({ "metadata": { "finalizers": null } });
    admin.patch(&format!("{CONFIG_MAPS}/slow"), "application/merge-patch+json", &none).await.ok();
    assert!(!is_there(&admin, "slow").await && !is_there(&admin, "owner").await);
}

#[tokio::test]
async fn preconditions_hold() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let created = create(&admin, &config_map("x")).await;
    let path = format!("{CONFIG_MAPS}/x");
    let message = admin.delete(&path, &json!({ "preconditions": { "uid": "other" } })).await.refused(409);
    assert!(message.contains("Precondition failed: UID in precondition: other"), "{message}");
    let stale = json!({ "preconditions": { "resourceVersion": "1" } });
    assert_eq!(admin.delete(&path, &stale).await.code, 409);
    let right = json!({ "preconditions": { "uid": created["metadata"]["uid"] } });
    admin.delete(&path, &right).await.ok();
}

#[tokio::test]
async fn a_namespace_takes_its_content_along() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" } });
    let created = admin.post("/api/v1/namespaces", &namespace).await.ok();
    assert_eq!(
        (&created["status"]["phase"], &created["spec"]["finalizers"]),
        (&json!("Active"), &json!(["kubernetes"]))
    );
    assert_eq!(created["metadata"]["labels"]["kubernetes.io/metadata.name"], "n");
    let all = "/api/v1/namespaces/n/configmaps";
    let mut slow = config_map("slow");
    slow["metadata"]["finalizers"] = json!(["example.com/wait"]);
    admin.post(all, &slow).await.ok();
    admin.post(all, &config_map("quick")).await.ok();

    let ending = admin.delete("/api/v1/namespaces/n", &json!({})).await.ok();
    assert_eq!(ending["status"]["phase"], "Terminating");
    assert_eq!(admin.get(&format!("{all}/quick")).await.code, 404);
    let message = admin.post(all, &config_map("late")).await.refused(403);
    assert!(
        message.ends_with("unable to create new content in namespace n because it is being terminated"),
        "{message}"
    );
    let none = json!({ "metadata": { "finalizers": null } });
    admin.patch(&format!("{all}/slow"), "application/merge-patch+json", &none).await.ok();
    assert_eq!(admin.get("/api/v1/namespaces/n").await.code, 404);
    let message = admin.delete("/api/v1/namespaces/kube-system", &json!({})).await.refused(403);
    assert_eq!(message, "namespaces \"kube-system\" is forbidden: this namespace may not be deleted");
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    for (name, label) in [("a", "1"), ("b", "1"), ("c", "2")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({ "l": label });
        create(&admin, &object).await;
    }
    admin.delete(&format!("{CONFIG_MAPS}?labelSelector=l%3D1"), &json!({})).await.ok();
    assert!(!is_there(&admin, "a").await && !is_there(&admin, "b").await && is_there(&admin, "c").await);
}
