//! Reading the configuration that a cluster has stored, from a server that answers as an API server does.

#![expect(clippy::disallowed_methods, reason = "tests prepare files")]

use std::time::Duration;

use kubephase_node::Node;
use kubephase_workflow::cluster::{connect, stored};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every request with one object; says what was asked for.
async fn serve(status: &'static str, object: Value) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (asked, answer) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let line = String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
            let _ = asked.send(line);
            let body = object.to_string();
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
            let _ = stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes()).await;
        }
    });
    (port, answer)
}

/// A node with a kubeconfig file for that server.
fn node(port: u16) -> (tempfile::TempDir, Node) {
    let root = tempfile::tempdir().expect("a directory");
    let ca = include_str!("../../../tests/fixtures/golden/v1.36/live/cp1/etc/kubernetes/pki/ca.crt");
    std::fs::write(root.path().join("ca.crt"), ca).expect("written");
    let kubeconfig = json!({
        "clusters": [{ "name": "x", "cluster": { "server": format!("http://127.0.0.1:{port}"), "certificate-authority": "/ca.crt" } }],
        "contexts": [{ "name": "x", "context": { "cluster": "x", "user": "x" } }],
        "current-context": "x",
        "users": [{ "name": "x", "user": { "token": "t" } }],
    });
    std::fs::write(root.path().join("admin.conf"), kubeconfig.to_string()).expect("written");
    let node = Node::at(root.path());
    (root, node)
}

async fn read(status: &'static str, object: Value) -> Result<String, stored::StoredError> {
    let (port, mut asked) = serve(status, object).await;
    let (_root, node) = node(port);
    let api = connect(&node, "/admin.conf").expect("a usable file").within(Duration::from_millis(700));
    let documents = stored::documents(&api).await;
    let asked = asked.recv().await.expect("a request");
    assert_eq!(asked, "GET /api/v1/namespaces/kube-system/configmaps/kubeadm-config HTTP/1.1");
    documents.map(|documents| documents.cluster.expect("a ClusterConfiguration").networking.service_subnet)
}

#[tokio::test]
async fn what_kubeadm_has_stored_is_read() {
    let recorded = include_str!("../../../tests/fixtures/golden/v1.36/live/api/kubeadm-config.yaml");
    let object: Value = serde_yaml::from_str(recorded).expect("YAML");
    assert_eq!(read("200 OK", object).await.expect("readable"), "10.96.0.0/12");
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let missing =
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404 });
    let error = read("404 Not Found", missing).await.expect_err("there is none");
    assert!(matches!(error, stored::StoredError::Missing), "{error}");
    let other = json!({ "kind": "ConfigMap", "apiVersion": "v1", "data": { "ClusterStatus": "" } });
    let error = read("200 OK", other).await.expect_err("another key");
    assert!(matches!(error, stored::StoredError::NoKey), "{error}");
    let forbidden = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403 });
    let error = read("403 Forbidden", forbidden).await.expect_err("not for us");
    assert!(matches!(error, stored::StoredError::Api(_)), "{error}");
}
