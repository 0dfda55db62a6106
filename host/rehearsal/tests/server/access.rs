//! Who is asking, and what they may do.

use http::Method;
use serde_json::{Value, json};

use crate::cluster::{CONFIG_MAPS, Caller, Cluster, config_map};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

async fn whoami(caller: &Caller) -> Value {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    caller.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await.ok()["status"]["userInfo"].clone()
}

/// Lets everybody, anonymous ones too, ask who they are.
async fn let_all_ask(admin: &Caller) {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "ask" },
        "rules": [{
            "verbs": ["create"], "apiGroups": ["authentication.k8s.io", "authorization.k8s.io"], "resources": ["*"],
        }],
    });
    admin.post(&format!("{RBAC}/clusterroles"), &role).await.ok();
    let groups = ["system:authenticated", "system:unauthenticated"];
    let subjects = groups.map(|name| json!({ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name }));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "ask" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "ask" }, "subjects": subjects,
    });
    admin.post(&format!("{RBAC}/clusterrolebindings"), &binding).await.ok();
}

#[tokio::test]
async fn certificates_name_users() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let_all_ask(&admin).await;
    let user = whoami(&cluster.user("u", &["g", "h"]).await).await;
    assert_eq!((&user["username"], &user["groups"]), (&json!("u"), &json!(["g", "h", "system:authenticated"])));
    let user = whoami(&cluster.anonymous().await).await;
    let expected = (json!("system:anonymous"), json!(["system:unauthenticated"]));
    assert_eq!((user["username"].clone(), user["groups"].clone()), expected);
    for caller in [cluster.stranger().await, cluster.expired().await] {
        assert_eq!(caller.get(CONFIG_MAPS).await.refused(401), "Unauthorized");
    }
    // One that is good now and over later.
    admin.get(CONFIG_MAPS).await.ok();
    cluster.later(7200);
    assert_eq!(admin.get(CONFIG_MAPS).await.refused(401), "Unauthorized");
}

#[tokio::test]
async fn bootstrap_tokens_are_users_while_they_last() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let_all_ask(&admin).await;
    let end = kubephase_rehearsal::clock::stamp(std::time::SystemTime::now() + std::time::Duration::from_secs(600));
    let path = "/api/v1/namespaces/kube-system/secrets";
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bootstrap-token-abcdef" },
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": "abcdef", "token-secret": "0123456789abcdef", "expiration": end,
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        },
    });
    admin.post(path, &token).await.ok();
    let bearer = cluster.bearer("abcdef.0123456789abcdef").await;
    let user = whoami(&bearer).await;
    assert_eq!(user["username"], "system:bootstrap:abcdef");
    let groups =
        json!(["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated",]);
    assert_eq!(user["groups"], groups);
    for wrong in ["abcdef.0123456789abcdee", "abcdeg.0123456789abcdef", "nonsense"] {
        assert_eq!(cluster.bearer(wrong).await.get(CONFIG_MAPS).await.code, 401, "{wrong}");
    }
    let secret = format!("{path}/bootstrap-token-abcdef");
    let off = json!({ "stringData": { "usage-bootstrap-authentication": "false" } });
    admin.patch(&secret, "application/merge-patch+json", &off).await.ok();
    assert_eq!(bearer.get(CONFIG_MAPS).await.code, 401);
    let on = json!({ "stringData": { "usage-bootstrap-authentication": "true" } });
    admin.patch(&secret, "application/merge-patch+json", &on).await.ok();
    whoami(&bearer).await;
    cluster.later(601);
    assert_eq!(bearer.get(CONFIG_MAPS).await.code, 401);
}

#[tokio::test]
async fn roles_decide() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let_all_ask(&admin).await;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "reader" },
        "rules": [
            { "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["x"] },
            { "verbs": ["list"], "apiGroups": [""], "resources": ["secrets"] },
        ],
    });
    admin.post(&format!("{RBAC}/namespaces/default/roles"), &role).await.ok();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
        "subjects": [
            { "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u" },
            { "kind": "ServiceAccount", "name": "s", "namespace": "default" },
        ],
    });
    admin.post(&format!("{RBAC}/namespaces/default/rolebindings"), &binding).await.ok();
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    for name in ["u", "system:serviceaccount:default:s"] {
        let user = cluster.user(name, &[]).await;
        user.get(&format!("{CONFIG_MAPS}/x")).await.ok();
        user.get("/api/v1/namespaces/default/secrets").await.ok();
        let denied = [
            (
                Method::GET,
                format!("{CONFIG_MAPS}/y"),
                format!(
                    "configmaps \"y\" is forbidden: User \"{name}\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"default\""
                ),
            ),
            (
                Method::GET,
                "/api/v1/secrets".to_owned(),
                format!(
                    "secrets is forbidden: User \"{name}\" cannot list resource \"secrets\" in API group \"\" at the cluster scope"
                ),
            ),
            (
                Method::GET,
                "/api/v1/namespaces/default/secrets?watch=1".to_owned(),
                format!(
                    "secrets is forbidden: User \"{name}\" cannot watch resource \"secrets\" in API group \"\" in the namespace \"default\""
                ),
            ),
            (
                Method::PATCH,
                "/api/v1/nodes/n/status".to_owned(),
                format!(
                    "nodes \"n\" is forbidden: User \"{name}\" cannot patch resource \"nodes/status\" in API group \"\" at the cluster scope"
                ),
            ),
            (Method::GET, "/version".to_owned(), format!("forbidden: User \"{name}\" cannot get path \"/version\"")),
        ];
        for (method, path, message) in denied {
            assert_eq!(user.call(method, &path, &[], "").await.refused(403), message);
        }
    }
    // A binding to a role that is not there is told.
    let mut broken = binding;
    broken["metadata"]["name"] = json!("broken");
    broken["roleRef"]["name"] = json!("nosuch");
    broken["subjects"][0]["name"] = json!("v");
    admin.post(&format!("{RBAC}/namespaces/default/rolebindings"), &broken).await.ok();
    let message = cluster.user("v", &[]).await.get(CONFIG_MAPS).await.refused(403);
    assert!(message.ends_with(": RBAC: role.rbac.authorization.k8s.io \"nosuch\" not found"), "{message}");
}

#[tokio::test]
async fn reviews_answer_as_the_server_would_decide() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let_all_ask(&admin).await;
    let wanted = json!({ "verb": "get", "resource": "pods", "namespace": "default" });
    let own = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": wanted },
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(admin.post(path, &own).await.ok()["status"]["allowed"], true);
    let user = cluster.user("u", &[]).await;
    assert_eq!(user.post(path, &own).await.ok()["status"]["allowed"], false);
    // Taken for somebody else, if one may.
    let headers = [("content-type", "application/json"), ("impersonate-user", "u")];
    let as_user = admin.call(Method::POST, path, &headers, &own.to_string()).await;
    assert_eq!(as_user.ok()["status"]["allowed"], false);
    let headers =
        [("content-type", "application/json"), ("impersonate-user", "admin"), ("impersonate-group", "system:masters")];
    assert_eq!(user.call(Method::POST, path, &headers, &own.to_string()).await.code, 403);

    let other = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": { "resourceAttributes": wanted, "user": "x", "groups": ["system:masters"] },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    assert_eq!(admin.post(path, &other).await.ok()["status"]["allowed"], true);
    let rules = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": "default" },
    });
    let status =
        user.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &rules).await.ok()["status"].clone();
    assert_eq!(status["resourceRules"][0]["verbs"], json!(["create"]), "{status}");
}

#[tokio::test]
async fn kubelets_write_their_own_node() {
    let cluster = Cluster::start().await;
    let kubelet = cluster.user("system:node:cp1", &["system:nodes"]).await;
    let node = |name: &str, label: &str| {
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name, (label): "" } },
        })
    };
    kubelet.post("/api/v1/nodes", &node("cp1", "a")).await.ok();
    let other = kubelet.post("/api/v1/nodes", &node("cp2", "a")).await.refused(403);
    assert!(other.ends_with("node \"cp1\" is not allowed to create node \"cp2\""), "{other}");
    let role = json!({ "metadata": { "labels": { "node-role.kubernetes.io/control-plane": "" } } });
    let merge = "application/merge-patch+json";
    assert_eq!(kubelet.patch("/api/v1/nodes/cp1", merge, &role).await.code, 403);
    let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    kubelet.patch("/api/v1/nodes/cp1/status", merge, &ready).await.ok();
    assert_eq!(kubelet.patch("/api/v1/nodes/cp2/status", merge, &ready).await.code, 403);
    assert_eq!(kubelet.post(CONFIG_MAPS, &config_map("x")).await.code, 403);
    kubelet.get(CONFIG_MAPS).await.ok();
}

/// PKCS #10 of `O=system:nodes, CN=system:node:cp1` with the DNS name `cp1`, in base64; its key is lost.
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQkREQ0J0QUlCQURBeE1SVXdFd1lEVlFRS0RBeHplWE4wWlcwNmJtOWtaWE\
    14R0RBV0JnTlZCQU1NRDNONQpjM1JsYlRwdWIyUmxPbU53TVRCWk1CTUdCeXFHU000OUFnRUdDQ3FHU000OUF3RUhBMElBQkc1ZzNNM29vS3hG\
    CnhSaStUSzJyOG9kNHkzMlpKdUVmbFJvUGhiT3o4TUFGdkhmVmJ2d0xWQXc5NnM4dzNZd0JaSmhJYldsVmF4TC8KVHFDY2EwRk1QeXlnSVRBZk\
    Jna3Foa2lHOXcwQkNRNHhFakFRTUE0R0ExVWRFUVFITUFXQ0EyTndNVEFLQmdncQpoa2pPUFFRREFnTkhBREJFQWlCQkhsNElJQlZhbW5CVWZt\
    QWRWK2RNRWhxMTVZUGRkUHM4aGN4T1lEa0lHUUlnClRUNFAwRHRTb2JlazB2ZmtoTDBzN3llaGRQcURKQ1JXdTFqajFkcWZoc3M9Ci0tLS0tRU\
    5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

fn signing_request() -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": { "name": "r" },
        "spec": {
            "request": REQUEST, "signerName": "kubernetes.io/kubelet-serving", "username": "somebody",
            "groups": ["system:masters"], "usages": ["digital signature", "server auth"],
        },
    })
}

fn approved(request: &Value) -> Value {
    let mut approved = request.clone();
    approved["status"]["conditions"] = json!([{ "type": "Approved", "status": "True", "reason": "x", "message": "y" }]);
    approved
}

#[tokio::test]
async fn signing_requests_say_who_made_them() {
    let cluster = Cluster::start().await;
    let kubelet = cluster.user("system:node:cp1", &["system:nodes"]).await;
    let admin = cluster.admin().await;
    let created = kubelet.post(REQUESTS, &signing_request()).await.ok();
    assert_eq!(created["spec"]["username"], "system:node:cp1");
    assert_eq!(created["spec"]["groups"], json!(["system:nodes", "system:authenticated"]));
    let mut decided = approved(&created);
    decided["spec"]["username"] = json!("somebody");
    decided["status"]["certificate"] = json!("YQ==");
    let path = format!("{REQUESTS}/r/approval");
    assert_eq!(kubelet.put(&path, &decided).await.code, 403);
    let after = admin.put(&path, &decided).await.ok();
    assert_eq!(after["spec"]["username"], "system:node:cp1");
    assert_eq!(after["status"]["conditions"][0]["type"], "Approved");
    assert!(after["status"].get("certificate").is_none(), "{after}");
}

#[tokio::test]
async fn who_approves_must_be_allowed_to_for_the_signer() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let rules = json!([
        { "verbs": ["*"], "apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval"] },
    ]);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "approver" },
        "rules": rules,
    });
    let role = admin.post(&format!("{RBAC}/clusterroles"), &role).await.ok();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "approver" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "approver" },
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u" }],
    });
    admin.post(&format!("{RBAC}/clusterrolebindings"), &binding).await.ok();
    let created = admin.post(REQUESTS, &signing_request()).await.ok();
    let (user, path) = (cluster.user("u", &[]).await, format!("{REQUESTS}/r/approval"));
    let message = user.put(&path, &approved(&created)).await.refused(403);
    let expected = "user not permitted to approve requests with signerName \"kubernetes.io/kubelet-serving\"";
    assert!(message.ends_with(expected), "{message}");
    let mut wider = role.clone();
    let signers = json!({
        "verbs": ["approve"], "apiGroups": ["certificates.k8s.io"], "resources": ["signers"],
        "resourceNames": ["kubernetes.io/*"],
    });
    wider["rules"].as_array_mut().expect("rules").push(signers);
    admin.put(&format!("{RBAC}/clusterroles/approver"), &wider).await.ok();
    user.put(&path, &approved(&created)).await.ok();
}
