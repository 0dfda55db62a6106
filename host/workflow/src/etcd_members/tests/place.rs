//! Where etcd is looked for, against an API server that has some answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use kubephase_model::File;
use serde_json::{Value, json};

use super::*;

/// Serves what its paths begin with, until the process ends.
fn serve(answers: Vec<(&'static str, Value)>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let found = answers.iter().find(|(begin, _)| path.starts_with(begin));
            let (code, text) = found
                .map_or((404, json!({ "kind": "Status", "code": 404 }).to_string()), |(_, answer)| {
                    (200, answer.to_string())
                });
            let length = text.len();
            let _ = write!(stream, "HTTP/1.1 {code} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
        }
    });
    url
}

/// What is heard, and the error, if nobody is there.
fn looked_for(answers: Vec<(&'static str, Value)>) -> (Vec<String>, MembersError) {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::at(root.path());
    let made = rcgen::generate_simple_self_signed(["etcd".to_owned()]).expect("a certificate");
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (file, text) in [("ca.crt", &cert), ("healthcheck-client.crt", &cert), ("healthcheck-client.key", &key)] {
        node.ensure(&File::secret(format!("/pki/etcd/{file}"), text.as_str())).expect("written");
    }
    let heard = Mutex::new(Vec::new());
    let tell = |_: Level, text: String| heard.lock().expect("no panic").push(text);
    let error = block_on(async {
        let api = node.api(&Endpoint { server: serve(answers), ..Endpoint::default() }).expect("an endpoint");
        let patience = Duration::from_millis(600);
        let connected = connect(&node, &api.within(Duration::from_secs(5)), "/pki", patience, &tell).await;
        connected.expect_err("nobody is there")
    });
    (heard.into_inner().expect("no panic"), error)
}

fn pods(pods: &[Value]) -> (&'static str, Value) {
    ("/api/v1/namespaces/kube-system/pods", json!({ "kind": "PodList", "metadata": {}, "items": pods }))
}

fn servers(addresses: &[&str]) -> (&'static str, Value) {
    let addresses: Vec<Value> = addresses.iter().map(|ip| json!({ "ip": ip })).collect();
    let endpoints = json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "kubernetes" }, "subsets": [{ "addresses": addresses }] });
    ("/api/v1/namespaces/default/endpoints/kubernetes", endpoints)
}

#[test]
fn before_its_pods_are_shown_etcd_is_asked_beside_the_api_servers() {
    let (heard, error) = looked_for(vec![pods(&[]), servers(&["127.0.0.1", "::1"])]);
    let asking =
        "there is no Pod of etcd in kube-system yet: asking etcd at https://127.0.0.1:2379, https://[::1]:2379";
    assert_eq!(heard, [asking], "{error:?}");
    assert!(matches!(error, MembersError::NoEndpoints { .. }), "{error:?}");
}

#[test]
fn pods_that_say_it_are_asked_beside_those_that_do_not_yet() {
    let url = json!({ "kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://127.0.0.2:2379" });
    let known = json!({ "metadata": { "name": "etcd-cp-1", "annotations": url } });
    let unknown = json!({ "metadata": { "name": "etcd-cp-2" } });
    let (heard, error) = looked_for(vec![pods(&[known, unknown]), servers(&["127.0.0.1", "127.0.0.2"])]);
    let asking = "Pod kube-system/etcd-cp-2 does not say where it is yet: asking etcd at https://127.0.0.1:2379, \
                  https://127.0.0.2:2379";
    assert_eq!(heard, [asking], "{error:?}");
}

#[test]
fn where_all_pods_say_it_nothing_else_is_asked() {
    let url = json!({ "kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://127.0.0.2:2379" });
    let known = json!({ "metadata": { "name": "etcd-cp-1", "annotations": url } });
    let (heard, error) = looked_for(vec![pods(&[known]), servers(&["127.0.0.1"])]);
    assert_eq!(heard, [""; 0]);
    assert!(matches!(error, MembersError::Etcd(_)) && error.to_string().contains("127.0.0.2"), "{error:?}");
}
