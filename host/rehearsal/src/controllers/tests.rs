use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::KeyAlgorithm;
use kubephase_model::config::duration::GoDuration;
use kubephase_pki::{
    AltNames, Cert, Request, Serial, Validity, generate_key, self_signed, signing_request, verify_chain,
};
use serde_json::{Value, json};

use super::*;
use crate::auth::User;
use crate::clock::{Clock, stamp};
use crate::kinds::{
    CERTIFICATE_SIGNING_REQUEST, CONFIG_MAP, DAEMON_SET, DEPLOYMENT, ENDPOINT_SLICE, NODE, POD, SECRET, SERVICE_ACCOUNT,
};
use crate::store::{Preconditions, Propagation, Store};
use crate::write;

const START: u64 = 1_800_000_000;

/// A cluster whose clock we move.
struct Cluster {
    store: Store,
    setup: Setup,
    now: Arc<Mutex<u64>>,
}

impl Cluster {
    fn new() -> Self {
        let now = Arc::new(Mutex::new(START));
        let clock = now.clone();
        let clock = Clock::new(move || UNIX_EPOCH + Duration::from_secs(*clock.lock().expect("a lock")));
        let store = Store::new(clock);
        let request = Request {
            common_name: "kubernetes".into(),
            organizations: Vec::new(),
            usages: Vec::new(),
            names: AltNames::default(),
            validity: Validity::backdated(UNIX_EPOCH + Duration::from_secs(START), GoDuration::hours(87_600))
                .expect("a time"),
            serial: Serial::from_random([1; 8]),
            marked: true,
        };
        let signer =
            self_signed(&request, generate_key(KeyAlgorithm::EcdsaP256).expect("a key")).expect("an authority");
        let setup = Setup {
            signer: Some(signer),
            root_ca: "PEM".into(),
            pod_cidrs: vec!["10.244.0.0/16".into(), "fd00::/48".into()],
        };
        let server = bootstrap::Server {
            address: "192.0.2.10".parse().ok(),
            port: 6443,
            service_cidrs: vec!["10.96.0.0/12".into()],
            ..bootstrap::Server::default()
        };
        for object in bootstrap::objects(&server) {
            create(&store, &object).expect("created");
        }
        let cluster = Self { store, setup, now };
        cluster.settle();
        cluster
    }

    /// Until nobody wishes anything; and then nobody does.
    fn settle(&self) {
        settle(&self.store, &self.setup);
        assert_eq!(settle(&self.store, &self.setup), 0, "controllers do not come to rest");
    }

    fn create(&self, object: Value) -> Value {
        Value::clone(&create(&self.store, &object).expect("created").expect("a kind that is served"))
    }

    fn get(&self, kind: &'static crate::kinds::Kind, namespace: &str, name: &str) -> Value {
        let found = self.store.get(kind, Some(namespace), name);
        Value::clone(&found.unwrap_or_else(|| panic!("{} {namespace}/{name} is missing", kind.kind)))
    }

    fn node(&self, name: &str) {
        self.create(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": { "kubernetes.io/os": "linux" } },
            "spec": { "taints": [{ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" }] },
            "status": { "addresses": [{ "type": "InternalIP", "address": "192.0.2.10" }] },
        }));
        self.settle();
    }

    fn token(&self, id: &str, signing: bool, ends: Option<u64>) {
        let encode = |text: &str| STANDARD.encode(text);
        let mut data = json!({ "token-id": encode(id), "token-secret": encode("0123456789abcdef") });
        if signing {
            data["usage-bootstrap-signing"] = json!(encode("true"));
        }
        if let Some(ends) = ends {
            data["expiration"] = json!(encode(&stamp(UNIX_EPOCH + Duration::from_secs(ends))));
        }
        self.create(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": { "name": format!("bootstrap-token-{id}"), "namespace": "kube-system" }, "data": data,
        }));
    }
}

#[test]
fn every_namespace_is_furnished() {
    let cluster = Cluster::new();
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        cluster.get(&SERVICE_ACCOUNT, namespace, "default");
        assert_eq!(cluster.get(&CONFIG_MAP, namespace, "kube-root-ca.crt")["data"]["ca.crt"], "PEM");
    }
}

#[test]
fn tokens_vouch_for_cluster_info_until_they_end() {
    let cluster = Cluster::new();
    cluster.create(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "cluster-info", "namespace": "kube-public" }, "data": { "kubeconfig": "text" },
    }));
    cluster.token("abcdef", true, Some(START + 60));
    cluster.token("forjoi", false, None);
    cluster.settle();
    let info = cluster.get(&CONFIG_MAP, "kube-public", "cluster-info");
    assert_eq!(
        info["data"],
        json!({
            "kubeconfig": "text",
            "jws-kubeconfig-abcdef": kubephase_render::jws::sign("abcdef", "0123456789abcdef", "text"),
        })
    );
    *cluster.now.lock().expect("a lock") += 61;
    cluster.settle();
    let info = cluster.get(&CONFIG_MAP, "kube-public", "cluster-info");
    assert_eq!(info["data"], json!({ "kubeconfig": "text" }));
    assert_eq!(cluster.store.get(&SECRET, Some("kube-system"), "bootstrap-token-abcdef"), None);
    cluster.get(&SECRET, "kube-system", "bootstrap-token-forjoi");
}

fn asked(cluster: &Cluster, name: &str, user: &str, groups: &[&str], signer: &str, usage: &str) {
    let names = match signer {
        "kubernetes.io/kubelet-serving" => AltNames::new(["cp1".to_owned()], []),
        _ => AltNames::default(),
    };
    let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
    let pem = signing_request("system:node:cp1", &["system:nodes".to_owned()], &names, &key).expect("a request");
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": { "name": name },
        "spec": { "request": STANDARD.encode(pem), "signerName": signer, "usages": ["digital signature", usage] },
    });
    let user = User::new(user, groups.iter().map(|group| (*group).to_owned()));
    let by = write::Request::by(&user, &CERTIFICATE_SIGNING_REQUEST, None, name);
    by.create(&cluster.store, request.into()).expect("created");
}

#[test]
fn requests_of_those_who_may_are_approved_and_signed() {
    let cluster = Cluster::new();
    let client = "kubernetes.io/kube-apiserver-client-kubelet";
    cluster.create(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "kubeadm:node-autoapprove-certificate-rotation" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes" }],
    }));
    asked(&cluster, "own", "system:node:cp1", &["system:nodes"], client, "client auth");
    asked(&cluster, "another", "system:node:other", &["system:nodes"], client, "client auth");
    asked(&cluster, "server", "system:node:cp1", &["system:nodes"], "kubernetes.io/kubelet-serving", "server auth");
    cluster.settle();
    let get = |name: &str| cluster.get(&CERTIFICATE_SIGNING_REQUEST, "", name);
    let own = get("own");
    assert_eq!(
        own["status"]["conditions"][0]["message"],
        "Auto approving self kubelet client certificate after SubjectAccessReview."
    );
    let pem = STANDARD.decode(own["status"]["certificate"].as_str().expect("signed")).expect("base64");
    let cert = Cert::from_pem("", &pem).expect("a certificate");
    let signer = cluster.setup.signer.as_ref().expect("a signer").cert();
    verify_chain(&cert, &[], std::slice::from_ref(signer), UNIX_EPOCH + Duration::from_secs(START))
        .expect("signed by it");
    assert_eq!(
        (cert.common_name.as_str(), &cert.organizations[..]),
        ("system:node:cp1", &["system:nodes".to_owned()][..])
    );
    assert_eq!(
        get("another").get("status").and_then(|status| status.get("conditions")),
        None,
        "nobody may ask for others"
    );
    // Serving certificates are approved by people, and then signed.
    let mut server = get("server");
    assert_eq!(server.get("status").and_then(|status| status.get("certificate")), None);
    server["status"] = json!({ "conditions": [{ "type": "Approved", "status": "True" }] });
    cluster.store.update(&CERTIFICATE_SIGNING_REQUEST, server).expect("approved");
    cluster.settle();
    let pem = STANDARD.decode(get("server")["status"]["certificate"].as_str().expect("signed")).expect("base64");
    assert_eq!(Cert::from_pem("", &pem).expect("a certificate").dns, ["cp1"]);
}

fn pod_template(name: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": name } },
        "spec": {
            "tolerations": [{ "key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule" }],
            "containers": [{ "name": name, "image": "example.com/x:1", "ports": [{ "name": "dns", "containerPort": 53 }] }],
        },
    })
}

#[test]
fn deployments_become_available_once_there_is_a_node() {
    let cluster = Cluster::new();
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "dns", "namespace": "kube-system" },
        "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "dns" } }, "template": pod_template("dns") },
    }));
    cluster.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "dns", "namespace": "kube-system" },
        "spec": { "selector": { "app": "dns" }, "ports": [{ "name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP" }] },
    }));
    cluster.settle();
    let available = || {
        let deployment = cluster.get(&DEPLOYMENT, "kube-system", "dns");
        deployment["status"]["conditions"][0]["status"] == "True" && deployment["status"]["availableReplicas"] == 2
    };
    assert!(!available(), "there is no node");
    cluster.node("cp1");
    assert!(available());
    assert_eq!(cluster.get(&NODE, "", "cp1")["spec"]["podCIDRs"], json!(["10.244.0.0/24", "fd00::/64"]));
    let slice = cluster.get(&ENDPOINT_SLICE, "kube-system", "dns-slice");
    assert_eq!((slice["endpoints"].as_array().map(Vec::len), &slice["ports"][0]["port"]), (Some(2), &json!(53)));
    // Another template: new pods, and the old ones go.
    let mut deployment = cluster.get(&DEPLOYMENT, "kube-system", "dns");
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("example.com/x:2");
    cluster.store.update(&DEPLOYMENT, deployment).expect("updated");
    cluster.settle();
    let images: Vec<_> =
        cluster.store.all(&POD, None).iter().map(|pod| pod["spec"]["containers"][0]["image"].clone()).collect();
    assert_eq!(images, ["example.com/x:2", "example.com/x:2"]);
    assert!(available());
    // What owns goes, and with it what it owns.
    let none = Preconditions::default();
    cluster.store.delete(&DEPLOYMENT, Some("kube-system"), "dns", &none, Propagation::Background).expect("deleted");
    cluster.settle();
    assert_eq!(cluster.store.all(&POD, None).len(), 0);
}

#[test]
fn a_daemon_set_has_a_pod_on_every_node_that_it_tolerates() {
    let cluster = Cluster::new();
    cluster.node("cp1");
    cluster.node("cp2");
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "proxy", "namespace": "kube-system" },
        "spec": { "selector": { "matchLabels": { "app": "proxy" } }, "template": pod_template("proxy") },
    }));
    let mut intolerant = pod_template("x");
    intolerant["spec"]["tolerations"] = json!([]);
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "x", "namespace": "kube-system" },
        "spec": { "selector": { "matchLabels": { "app": "x" } }, "template": intolerant },
    }));
    cluster.settle();
    let status = cluster.get(&DAEMON_SET, "kube-system", "proxy")["status"].clone();
    assert_eq!((&status["numberReady"], &status["desiredNumberScheduled"]), (&json!(2), &json!(2)));
    assert_eq!(cluster.get(&DAEMON_SET, "kube-system", "x")["status"]["desiredNumberScheduled"], 0);
}

#[test]
fn what_is_registered_is_available_when_something_is_behind_it() {
    let cluster = Cluster::new();
    cluster.create(json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": "v1beta1.metrics.example.org" },
        "spec": {
            "group": "metrics.example.org", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": { "name": "agent", "namespace": "default" },
        },
    }));
    let seen = || {
        cluster.settle();
        let found = cluster.get(&crate::kinds::API_SERVICE, "", "v1beta1.metrics.example.org");
        let condition = &found["status"]["conditions"][0];
        format!("{} {}", condition["status"], condition["reason"]).replace('"', "")
    };
    assert_eq!(seen(), "False ServiceNotFound");
    cluster.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "agent", "namespace": "default" },
        "spec": { "selector": { "app": "agent" }, "ports": [{ "port": 443 }] },
    }));
    assert_eq!(seen(), "False MissingEndpoints");
    cluster.create(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a" }, "spec": {},
        "status": { "addresses": [{ "type": "InternalIP", "address": "192.0.2.10" }] },
    }));
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "agent", "namespace": "default" },
        "spec": {
            "serviceName": "agent", "replicas": 2, "selector": { "matchLabels": { "app": "agent" } },
            "template": {
                "metadata": { "labels": { "app": "agent" } },
                "spec": { "containers": [{ "name": "agent", "image": "agent:1" }] },
            },
        },
    }));
    assert_eq!(seen(), "True Passed");
    let set = cluster.get(&crate::kinds::STATEFUL_SET, "default", "agent");
    assert_eq!((&set["status"]["readyReplicas"], &set["status"]["updatedReplicas"]), (&json!(2), &json!(2)));
    assert_eq!(cluster.get(&POD, "default", "agent-1")["status"]["phase"], "Running");
}

#[test]
fn jobs_are_done_at_once() {
    let cluster = Cluster::new();
    cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "once", "namespace": "default" },
        "spec": { "template": { "spec": {
            "restartPolicy": "Never", "containers": [{ "name": "once", "image": "once:1" }],
        } } },
    }));
    cluster.settle();
    let job = cluster.get(&crate::kinds::JOB, "default", "once");
    assert_eq!(job["status"]["succeeded"], 1);
    assert_eq!(job["status"]["conditions"][1]["type"], "Complete");
}
