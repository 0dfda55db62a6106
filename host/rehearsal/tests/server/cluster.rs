//! A server to test, with an authority of its own, and clients for it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kubephase_model::KeyAlgorithm;
use kubephase_pki::{AltNames, Ca, Serial, Usage, Validity, generate_key, issue, self_signed};
use kubephase_rehearsal::auth::User;
use kubephase_rehearsal::clock::Clock;
use kubephase_rehearsal::kinds::NAMESPACE;
use kubephase_rehearsal::server::{Server, ServerConfig};
use kubephase_rehearsal::store::Store;
use kubephase_rehearsal::write;
use serde_json::{Value, json};

pub struct Cluster {
    pub server: Server,
    ca: Ca,
    /// Seconds by which the server's clock is ahead.
    ahead: Arc<AtomicU64>,
}

/// What a client got.
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.code < 300, "{} {}", self.code, self.body);
        self.body
    }

    /// Code and message of a refusal.
    #[track_caller]
    pub fn refused(self, code: u16) -> String {
        assert_eq!(self.code, code, "{}", self.body);
        assert_eq!(self.body["code"], json!(code), "{}", self.body);
        self.body["message"].as_str().expect("a message").to_owned()
    }
}

fn request(common_name: &str, groups: &[&str], names: AltNames, from: SystemTime) -> kubephase_pki::Request {
    kubephase_pki::Request {
        common_name: common_name.to_owned(),
        organizations: groups.iter().map(|group| (*group).to_owned()).collect(),
        usages: vec![Usage::ClientAuth, Usage::ServerAuth],
        names,
        validity: Validity { not_before: from, not_after: from + Duration::from_secs(3600) },
        serial: Serial::from_random([7; 8]),
        marked: true,
    }
}

fn hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(1800)
}

/// An authority.
pub fn authority(name: &str) -> Ca {
    let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
    self_signed(&request(name, &[], AltNames::default(), hour_ago()), key).expect("an authority")
}

impl Cluster {
    /// One with the namespaces `default` and `kube-system`.
    pub async fn start() -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let offset = ahead.clone();
        let clock = Clock::new(move || SystemTime::now() + Duration::from_secs(offset.load(Ordering::Relaxed)));
        let store = Store::new(clock);
        let user = User::system("system:apiserver");
        for name in ["default", "kube-system"] {
            let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            let request = write::Request::by(&user, &NAMESPACE, None, name);
            request.create(&store, namespace.into()).expect("a namespace");
        }
        let ca = authority("kubernetes");
        let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
        let names = AltNames::new([], [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let certificate = issue(&request("kube-apiserver", &[], names, hour_ago()), &key, &ca).expect("a certificate");
        let config = ServerConfig {
            certificate: certificate.pem().expect("PEM").into_bytes(),
            key: key.to_pem().expect("PEM").into_bytes(),
            client_ca: ca.cert().pem().expect("PEM").into_bytes(),
            service_cidrs: vec!["10.96.0.0/12".to_owned()],
            version: "v1.36.2".to_owned(),
            port: 0,
            store,
        };
        Self { server: Server::start(config).await.expect("a server"), ca, ahead }
    }

    /// Moves the server's clock.
    pub fn later(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    fn kubeconfig_with(&self, user: Value) -> String {
        let authority = STANDARD.encode(self.ca.cert().pem().expect("PEM"));
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://{}", self.server.address()), "certificate-authority-data": authority,
            } }],
            "users": [{ "name": "test", "user": user }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        })
        .to_string()
    }

    /// A kubeconfig file for somebody with a certificate of `ca`.
    pub fn kubeconfig_by(&self, ca: &Ca, name: &str, groups: &[&str], from: SystemTime) -> String {
        let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
        let certificate = issue(&request(name, groups, AltNames::default(), from), &key, ca).expect("a certificate");
        self.kubeconfig_with(json!({
            "client-certificate-data": STANDARD.encode(certificate.pem().expect("PEM")),
            "client-key-data": STANDARD.encode(key.to_pem().expect("PEM")),
        }))
    }

    /// A kubeconfig file for a user of the cluster.
    pub fn kubeconfig(&self, name: &str, groups: &[&str]) -> String {
        self.kubeconfig_by(&self.ca, name, groups, hour_ago())
    }

    /// Somebody with a certificate.
    pub async fn user(&self, name: &str, groups: &[&str]) -> Caller {
        Caller::new(&self.kubeconfig(name, groups)).await
    }

    /// Somebody who may do everything.
    pub async fn admin(&self) -> Caller {
        self.user("admin", &["system:masters"]).await
    }

    /// Somebody with a token.
    pub async fn bearer(&self, token: &str) -> Caller {
        Caller::new(&self.kubeconfig_with(json!({ "token": token }))).await
    }

    /// Nobody in particular.
    pub async fn anonymous(&self) -> Caller {
        Caller::new(&self.kubeconfig_with(json!({}))).await
    }

    /// Somebody whose certificate is of another authority.
    pub async fn stranger(&self) -> Caller {
        let config = self.kubeconfig_by(&authority("kubernetes"), "admin", &["system:masters"], hour_ago());
        Caller::new(&config).await
    }

    /// Somebody whose certificate is over.
    pub async fn expired(&self) -> Caller {
        let from = SystemTime::now() - Duration::from_secs(7200);
        Caller::new(&self.kubeconfig_by(&self.ca, "admin", &["system:masters"], from)).await
    }
}

pub struct Caller(Client);

impl Caller {
    pub async fn new(kubeconfig: &str) -> Self {
        let config = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(config, &options).await.expect("a configuration");
        Self(Client::try_from(config).expect("a client"))
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.send(request.body(Body::from(body)).expect("a request")).await.expect("an answer")
    }

    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let response = self.send(method, path, headers, body.as_bytes().to_vec()).await;
        let code = response.status().as_u16();
        let warnings = response.headers().get_all("warning").iter();
        let warnings = warnings.map(|value| value.to_str().expect("text").to_owned()).collect();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { code, body, warnings }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn patch(&self, path: &str, ty: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, &[("content-type", ty)], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str, options: &Value) -> Answer {
        self.call(Method::DELETE, path, &[("content-type", "application/json")], &options.to_string()).await
    }

    /// The events of a watch that ends by itself.
    pub async fn watch(&self, path: &str) -> Vec<Value> {
        let response = self.send(Method::GET, path, &[], Vec::new()).await;
        assert_eq!(response.status(), 200);
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "a": "b" } })
}

/// Type and name of events, as `ADDED x`.
pub fn told(events: &[Value]) -> Vec<String> {
    let text = |event: &Value| {
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
        format!("{} {name}", event["type"].as_str().expect("a type"))
    };
    events.iter().map(text).collect()
}
