//! What there is: discovery, OpenAPI, health, version.

use std::collections::BTreeSet;

use http::Method;
use kubephase_rehearsal::kinds::KINDS;
use serde_json::Value;

use crate::cluster::Cluster;

fn names<'a>(list: &'a Value, field: &str) -> BTreeSet<&'a str> {
    list.as_array().expect("a list").iter().filter_map(|item| item[field].as_str()).collect()
}

#[tokio::test]
async fn old_and_new_discovery_agree() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let mut seen = 0;
    for (root, group_path) in [("/api", "/api"), ("/apis", "/apis/")] {
        let aggregated = admin.call(Method::GET, root, &[("accept", accept)], "").await.ok();
        assert_eq!(aggregated["kind"], "APIGroupDiscoveryList");
        for group in aggregated["items"].as_array().expect("groups") {
            for version in group["versions"].as_array().expect("versions") {
                let (group, number) = (group["metadata"]["name"].as_str().unwrap_or_default(), &version["version"]);
                let path = format!("{group_path}{group}/{}", number.as_str().expect("a version"));
                let old = admin.get(&path).await.ok();
                let whole: BTreeSet<&str> =
                    names(&old["resources"], "name").into_iter().filter(|name| !name.contains('/')).collect();
                assert_eq!(names(&version["resources"], "resource"), whole, "{path}");
                seen += whole.len();
            }
        }
    }
    assert!(seen > KINDS.len(), "{seen} resources for {} kinds and the reviews", KINDS.len());
}

#[tokio::test]
async fn each_kind_can_be_listed_and_described() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    for kind in KINDS {
        let root = if kind.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", kind.group_version()) };
        let path = format!("{root}/{}", kind.plural);
        let list = admin.get(&path).await.ok();
        assert_eq!(list["kind"], kind.list_kind(), "{path}");
        let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
        assert_eq!(admin.call(Method::GET, &path, &table, "").await.ok()["kind"], "Table", "{path}");
        let meta = [("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")];
        let list = admin.call(Method::GET, &path, &meta, "").await.ok();
        assert_eq!(list["kind"], "PartialObjectMetadataList", "{path}");
    }
    let index = admin.get("/openapi/v3").await.ok();
    let core = index["paths"]["api/v1"]["serverRelativeURL"].as_str().expect("a URL").to_owned();
    let document = admin.get(&core).await.ok();
    assert!(document["components"]["schemas"]["io.k8s.api.core.v1.ConfigMap"].is_object());
}

#[tokio::test]
async fn health_and_version_are_told() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin().await;
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(admin.get(path).await.ok(), "ok");
    }
    let verbose = admin.get("/readyz?verbose").await.ok();
    let text = verbose.as_str().expect("text");
    assert!(text.starts_with("[+]ping ok\n") && text.ends_with("readyz check passed\n"), "{text}");
    let version = admin.get("/version").await.ok();
    assert_eq!((version["gitVersion"].as_str(), version["minor"].as_str()), (Some("v1.36.2"), Some("36")));
    let yaml = [("accept", "application/yaml")];
    let text = admin.call(Method::GET, "/api/v1/namespaces/default", &yaml, "").await.ok();
    assert!(text.as_str().expect("YAML").contains("kind: Namespace"), "{text}");
    assert_eq!(admin.get("/nosuch").await.code, 404);
}
