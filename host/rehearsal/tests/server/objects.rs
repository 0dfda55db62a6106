//! Creating, reading, changing.

use http::Method;
use kubephase_rehearsal::kinds::CONFIG_MAP;
use kubephase_rehearsal::store::Query;
use serde_json::json;

use crate::cluster::{CONFIG_MAPS, Cluster, config_map};

#[tokio::test]
async fn an_object_lives() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let created = admin.post(CONFIG_MAPS, &config_map("x")).await;
    assert_eq!(created.code, 201);
    let created = created.ok();
    let meta = &created["metadata"];
    assert_eq!(meta["namespace"], "default");
    assert_eq!(meta["uid"].as_str().map(str::len), Some(36));
    assert!(meta["creationTimestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{created}");
    assert!(meta["managedFields"].is_array(), "{created}");

    let path = format!("{CONFIG_MAPS}/x");
    assert_eq!(admin.get(&path).await.ok(), created);
    let again = admin.post(CONFIG_MAPS, &config_map("x")).await;
    assert_eq!(again.refused(409), "configmaps \"x\" already exists");

    let mut changed = created.clone();
    changed["data"]["a"] = json!("c");
    let updated = admin.put(&path, &changed).await.ok();
    assert_eq!(updated["data"]["a"], "c");
    assert_ne!(updated["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    assert_eq!(updated["metadata"]["uid"], created["metadata"]["uid"]);
    // The same once more changes nothing, not even the revision.
    assert_eq!(admin.put(&path, &updated).await.ok(), updated);
    let message = admin.put(&path, &changed).await.refused(409);
    assert!(message.contains("the object has been modified"), "{message}");

    let gone = admin.delete(&path, &json!({})).await.ok();
    assert_eq!((&gone["status"], &gone["details"]["uid"]), (&json!("Success"), &meta["uid"]));
    assert_eq!(admin.get(&path).await.refused(404), "configmaps \"x\" not found");
}

#[tokio::test]
async fn names_are_made_and_namespaces_must_be_there() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let mut object = config_map("");
    object["metadata"] = json!({ "generateName": "x-" });
    let (a, b) = (admin.post(CONFIG_MAPS, &object).await.ok(), admin.post(CONFIG_MAPS, &object).await.ok());
    let name = a["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("x-") && name.len() == 7 && b["metadata"]["name"] != name, "{a} {b}");
    object["metadata"] = json!({});
    let message = admin.post(CONFIG_MAPS, &object).await.refused(422);
    assert_eq!(message, "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required");
    let elsewhere = admin.post("/api/v1/namespaces/nosuch/configmaps", &config_map("x")).await;
    assert_eq!(elsewhere.refused(404), "namespaces \"nosuch\" not found");
    object["metadata"] = json!({ "name": "x", "namespace": "kube-system" });
    let message = admin.post(CONFIG_MAPS, &object).await.refused(400);
    assert_eq!(message, "the namespace of the provided object does not match the namespace sent on the request");
}

#[tokio::test]
async fn what_is_only_tried_is_not_kept() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let revision = cluster.server.store().revision();
    admin.post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("x")).await.ok();
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}/x")).await.code, 404);
    assert_eq!(cluster.server.store().revision(), revision);
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    admin.delete(&format!("{CONFIG_MAPS}/x"), &json!({ "dryRun": ["All"] })).await.ok();
    admin.get(&format!("{CONFIG_MAPS}/x")).await.ok();
}

#[tokio::test]
async fn unknown_fields_are_refused_told_or_dropped() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let mut object = config_map("x");
    object["foo"] = json!(1);
    let strict = admin.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &object).await.refused(400);
    let mut wrong = object.clone();
    wrong["data"] = json!({ "a": 1 });
    // A wrong type is told before fields that are not known, and alone.
    let told = admin.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &wrong).await.refused(400);
    assert_eq!(
        told,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct \
         field ConfigMap.data of type string"
    );
    assert!(strict.ends_with("strict decoding error: unknown field \"foo\""), "{strict}");
    let warned = admin.post(&format!("{CONFIG_MAPS}?dryRun=All"), &object).await;
    assert_eq!(warned.warnings, ["299 - \"unknown field \\\"foo\\\"\""]);
    let dropped = admin.post(&format!("{CONFIG_MAPS}?fieldValidation=Ignore"), &object).await;
    assert!(dropped.warnings.is_empty());
    assert!(dropped.ok().get("foo").is_none());
    // What a patch brings in as well.
    let path = format!("{CONFIG_MAPS}/x?fieldValidation=Strict");
    let message = admin.patch(&path, "application/merge-patch+json", &json!({ "bar": 1 })).await.refused(422);
    assert!(message.contains("unknown field \"bar\""), "{message}");
    let wrong = json!({ "bar": 1, "data": { "a": 1 } });
    let message = admin.patch(&path, "application/merge-patch+json", &wrong).await.refused(422);
    assert!(
        message.ends_with("cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        "{message}"
    );
}

#[tokio::test]
async fn patches_come_in_four_notations() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    admin.post(CONFIG_MAPS, &config_map("x")).await.ok();
    let path = format!("{CONFIG_MAPS}/x");
    let merged = admin.patch(&path, "application/merge-patch+json", &json!({ "data": { "a": null, "c": "d" } })).await;
    assert_eq!(merged.ok()["data"], json!({ "c": "d" }));
    let operations = json!([{ "op": "replace", "path": "/data/c", "value": "e" }]);
    assert_eq!(admin.patch(&path, "application/json-patch+json", &operations).await.ok()["data"]["c"], "e");
    let strategic = json!({ "metadata": { "labels": { "l": "m" } } });
    let patched = admin.patch(&path, "application/strategic-merge-patch+json", &strategic).await.ok();
    assert_eq!(patched["metadata"]["labels"]["l"], "m");
    assert_eq!(admin.patch(&path, "text/plain", &strategic).await.code, 415);
    let renamed = json!({ "metadata": { "name": "y" } });
    let message = admin.patch(&path, "application/merge-patch+json", &renamed).await.refused(400);
    assert_eq!(message, "the name of the object (y) does not match the name on the URL (x)");

    let applied = config_map("x");
    let apply = "application/apply-patch+yaml";
    let mut mine = config_map("x");
    mine["data"] = json!({ "c": "mine" });
    let message = admin.patch(&format!("{path}?fieldManager=me"), apply, &mine).await.refused(409);
    assert!(message.starts_with("Apply failed with 1 conflict"), "{message}");
    let path = format!("{CONFIG_MAPS}/new?fieldManager=me");
    let mut new = applied;
    new["metadata"]["name"] = json!("new");
    assert_eq!(admin.patch(&path, apply, &new).await.code, 201);
    assert_eq!(admin.patch(&path, apply, &new).await.code, 200);
}

#[tokio::test]
async fn subresources_change_their_part_only() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let all = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } },
        },
        "status": { "replicas": 7 },
    });
    let created = admin.post(all, &deployment).await.ok();
    assert_eq!((&created["spec"]["replicas"], &created["metadata"]["generation"]), (&json!(1), &json!(1)));
    assert!(created["status"].get("replicas").is_none(), "a status is not created: {created}");

    let mut status = created.clone();
    status["spec"]["replicas"] = json!(9);
    status["status"] = json!({ "replicas": 1 });
    let after = admin.put(&format!("{all}/d/status"), &status).await.ok();
    assert_eq!((&after["spec"]["replicas"], &after["status"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(after["metadata"]["generation"], 1);

    let three = json!({ "spec": { "replicas": 3 } });
    let scaled = admin.patch(&format!("{all}/d/scale"), "application/merge-patch+json", &three).await.ok();
    assert_eq!(scaled["spec"]["replicas"], 3);
    let after = admin.get(&format!("{all}/d")).await.ok();
    assert_eq!((&after["spec"]["replicas"], &after["metadata"]["generation"]), (&json!(3), &json!(2)));
    assert_eq!(after["status"]["replicas"], 1);
}

#[tokio::test]
async fn services_get_addresses() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let all = "/api/v1/namespaces/default/services";
    let service = |name: &str, spec: serde_json::Value| {
        let mut object = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": spec });
        object["spec"]["ports"] = json!([{ "port": 80 }]);
        object
    };
    let given = admin.post(all, &service("a", json!({ "clusterIP": "10.96.0.10" }))).await.ok();
    assert_eq!(given["spec"]["clusterIPs"], json!(["10.96.0.10"]));
    assert_eq!(given["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(given["spec"]["ipFamilyPolicy"], "SingleStack");
    let taken = admin.post(all, &service("b", json!({ "clusterIP": "10.96.0.10" }))).await.refused(422);
    assert_eq!(
        taken,
        "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: \
         provided IP is already allocated"
    );
    let outside = admin.post(all, &service("b", json!({ "clusterIP": "1.2.3.4" }))).await.refused(422);
    assert!(outside.ends_with("the provided network does not match the current range"), "{outside}");
    let free = admin.post(all, &service("c", json!({ "type": "NodePort" }))).await.ok();
    assert!(free["spec"]["clusterIP"].as_str().is_some_and(|address| address.starts_with("10.96.")), "{free}");
    assert!(free["spec"]["ports"][0]["nodePort"].as_u64().is_some_and(|port| port >= 30000), "{free}");
    let headless = admin.post(all, &service("d", json!({ "clusterIP": "None" }))).await.ok();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    // An update without an address keeps it.
    let mut changed = given.clone();
    for field in ["clusterIP", "clusterIPs"] {
        changed["spec"].as_object_mut().expect("a spec").remove(field);
    }
    assert_eq!(admin.put(&format!("{all}/a"), &changed).await.ok()["spec"], given["spec"]);
}

#[tokio::test]
async fn lists_are_selected_and_paged() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    for name in ["a", "b", "c", "d", "e"] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({ "odd": (["a", "c", "e"].contains(&name)).to_string() });
        admin.post(CONFIG_MAPS, &object).await.ok();
    }
    let names = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    let odd = admin.get(&format!("{CONFIG_MAPS}?labelSelector=odd%3Dtrue")).await.ok();
    assert_eq!((names(&odd), &odd["kind"]), (vec!["a".into(), "c".into(), "e".into()], &json!("ConfigMapList")));
    let one = admin.get("/api/v1/configmaps?fieldSelector=metadata.name%3Db").await.ok();
    assert_eq!(names(&one), ["b"]);

    let first = admin.get(&format!("{CONFIG_MAPS}?limit=2")).await.ok();
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a".into(), "b".into()], &json!(3)));
    // What happens between pages is not seen on the next one.
    admin.delete(&format!("{CONFIG_MAPS}/c"), &json!({})).await.ok();
    let token = first["metadata"]["continue"].as_str().expect("more").to_owned();
    let second = admin.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await.ok();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    cluster.server.store().compact();
    let message = admin.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await.refused(410);
    assert!(message.contains("continue parameter is too old"), "{message}");
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}?continue=nonsense")).await.code, 400);
    // Asked of the store itself: the client would try a 504 again for minutes.
    let query = Query { exactly: Some(999_999), ..Query::default() };
    let future = cluster.server.store().list(&CONFIG_MAP, &query, |_| true).err().expect("a refusal");
    assert_eq!((future.code(), future.retry_after()), (504, Some(1)));
    assert!(future.message().starts_with("Timeout: Too large resource version: 999999"), "{future}");
}

#[tokio::test]
async fn broken_requests_are_told_what_is_wrong() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let json = ("content-type", "application/json");
    let broken = admin.call(Method::POST, CONFIG_MAPS, &[json], "{").await;
    assert_eq!(broken.code, 400);
    let other = admin.post(CONFIG_MAPS, &json!({ "apiVersion": "v1", "kind": "Pod" })).await.refused(400);
    assert!(other.starts_with("Pod in version \"v1\" cannot be handled as a ConfigMap"), "{other}");
    assert_eq!(admin.call(Method::POST, CONFIG_MAPS, &[("content-type", "text/csv")], "a").await.code, 415);
    assert_eq!(admin.call(Method::GET, CONFIG_MAPS, &[("accept", "text/csv")], "").await.code, 406);
    assert_eq!(admin.call(Method::POST, &format!("{CONFIG_MAPS}/x"), &[json], "{}").await.code, 405);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20));
    assert_eq!(admin.call(Method::POST, CONFIG_MAPS, &[json], &large).await.code, 413);
    let message = admin.get("/api/v1/namespaces/default/nosuch").await.refused(404);
    assert_eq!(message, "the server could not find the requested resource");
}

#[tokio::test]
async fn a_put_creates_or_must_name_its_revision_as_the_kind_has_it() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": { "holderIdentity": "x" },
        "metadata": { "name": "l", "resourceVersion": "7" },
    });
    let created = admin.put(path, &lease).await;
    assert_eq!(created.code, 201);
    let revision = created.ok()["metadata"]["resourceVersion"].clone();
    let told = "leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified \
                for an update";
    for unset in [json!(null), json!("0")] {
        lease["metadata"]["resourceVersion"] = unset;
        assert_eq!(admin.put(path, &lease).await.refused(422), told);
    }
    lease["metadata"]["resourceVersion"] = revision;
    admin.put(path, &lease).await.ok();

    let role =
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "r" } });
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/r";
    assert_eq!(admin.put(path, &role).await.code, 201);
    assert_eq!(admin.put(path, &role).await.code, 200);
    assert_eq!(admin.put(&format!("{CONFIG_MAPS}/x"), &config_map("x")).await.code, 404);

    // To update is not to create.
    let mut rule = role.clone();
    rule["metadata"]["name"] = json!("update");
    rule["rules"] = json!([{ "verbs": ["update"], "apiGroups": ["*"], "resources": ["*"] }]);
    admin.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", &rule).await.ok();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "update" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "update" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u" }],
    });
    admin.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await.ok();
    let user = cluster.user("u", &[]).await;
    let mut other = role.clone();
    other["metadata"]["name"] = json!("s");
    let told = user.put("/apis/rbac.authorization.k8s.io/v1/clusterroles/s", &other).await.refused(403);
    assert!(told.contains("cannot create resource \"clusterroles\""), "{told}");
}

#[tokio::test]
async fn who_scales_owns_the_number_that_somebody_owned() {
    let cluster = Cluster::start().await;
    let admin = &cluster.admin().await;
    let all = "/apis/apps/v1/namespaces/default/deployments";
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "c", "image": "i" }] },
            },
        },
    });
    let apply = |object: serde_json::Value| async move {
        let path = format!("{all}/d?fieldManager=m&force=true");
        admin.patch(&path, "application/apply-patch+yaml", &object).await.ok()
    };
    let scale = |replicas: u64| async move {
        let patch = json!({ "spec": { "replicas": replicas } });
        let path = format!("{all}/d/scale?fieldManager=s");
        admin.patch(&path, "application/merge-patch+json", &patch).await.ok();
    };
    let owners = |object: &serde_json::Value| -> Vec<String> {
        let entries = object["metadata"]["managedFields"].as_array().expect("entries").iter();
        let text = |entry: &serde_json::Value, field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        let own = entries.filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some());
        own.map(|entry| format!("{} {}", text(entry, "manager"), text(entry, "subresource"))).collect()
    };
    apply(object.clone()).await;
    scale(3).await;
    let free = admin.get(&format!("{all}/d")).await.ok();
    assert_eq!((&free["spec"]["replicas"], owners(&free)), (&json!(3), vec![]));
    object["spec"]["replicas"] = json!(2);
    assert_eq!(owners(&apply(object).await), ["m -"]);
    scale(2).await;
    assert_eq!(owners(&admin.get(&format!("{all}/d")).await.ok()), ["m -"]);
    scale(4).await;
    assert_eq!(owners(&admin.get(&format!("{all}/d")).await.ok()), ["s scale"]);
}
