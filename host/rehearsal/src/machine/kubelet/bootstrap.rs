//! The kubelet's TLS bootstrap: with the token of its bootstrap kubeconfig it asks the cluster for a client certificate,
//! and writes its own kubeconfig when it has one. Over the network, with nothing but the rights of its bootstrap kubeconfig.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::KeyAlgorithm;
use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, ObjectRef};
use kubephase_node::Node;
use kubephase_node::kube::Endpoint;
use kubephase_pki::{AltNames, generate_key, signing_request};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use serde_json::{Value, json};

use super::super::{Machine, digest};
use super::config::Settings;
use super::identity;

const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// How often it is looked whether somebody has signed.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

/// Whether there is a certificate to be asked for.
pub fn is_wanted(machine: &Machine, settings: &Settings) -> bool {
    !machine.place(&settings.kubeconfig).exists() && machine.place(BOOTSTRAP).exists()
}

/// Asks, waits, and writes what it got. `node` is the machine, as programs on it see the network.
pub async fn run(machine: &Machine, settings: &Settings, node: &Node, now: SystemTime) -> Result<(), String> {
    let text = std::fs::read(machine.place(BOOTSTRAP)).map_err(|error| format!("open {BOOTSTRAP}: {error}"))?;
    let kubeconfig = Kubeconfig::parse(&text).map_err(|error| format!("{BOOTSTRAP}: {error}"))?;
    let odd = |error: kubephase_render::kubeconfig::KubeconfigError| format!("{BOOTSTRAP}: {error}");
    let ca = match kubeconfig.ca().map_err(odd)? {
        Some(Material::Inline(pem)) => pem,
        _ => return Err(format!("{BOOTSTRAP} has no authority in it")),
    };
    let server = kubeconfig.server().map_err(odd)?.to_owned();
    let token = kubeconfig.token().map_err(odd)?.map(str::to_owned);
    // Who joins a control plane for the second time may find the administrator's kubeconfig file, as with kubeadm.
    let inline = |material| match material {
        Some(Material::Inline(pem)) => Some(pem),
        _ => None,
    };
    let identity =
        inline(kubeconfig.client_certificate().map_err(odd)?).zip(inline(kubeconfig.client_key().map_err(odd)?));
    let endpoint = Endpoint { server: server.clone(), ca: Some(ca.clone()), token, identity, ..Endpoint::default() };
    let api = node.api(&endpoint).map_err(|error| error.to_string())?;

    let key = generate_key(KeyAlgorithm::EcdsaP256).map_err(|error| error.to_string())?;
    let key_pem = key.to_pem().map_err(|error| error.to_string())?;
    let user = format!("system:node:{}", settings.name);
    let request = signing_request(&user, &["system:nodes".to_owned()], &AltNames::default(), &key)
        .map_err(|error| error.to_string())?;
    let name = format!("node-csr-{}", &digest(&request)[..12]);
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": name },
        "spec": {
            "request": STANDARD.encode(&request),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    });
    api.create(&object).await.map_err(|error| format!("cannot create certificate signing request: {error}"))?;
    let name = ObjectRef::new(&CERTIFICATE_SIGNING_REQUEST, None, &name);
    let certificate = loop {
        let found = api.get(&name).await.map_err(|error| error.to_string())?;
        let signed = found.as_ref().and_then(|request| request.pointer("/status/certificate").and_then(Value::as_str));
        if let Some(pem) = signed.and_then(|text| STANDARD.decode(text).ok()) {
            break pem;
        }
        tokio::time::sleep(LOOK).await;
    };
    let both = [certificate, key_pem.as_bytes().to_vec()].concat();
    identity::store(machine, settings, "kubelet-client", &both, now).map_err(|error| error.to_string())?;
    let current = format!("{}/kubelet-client-current.pem", settings.cert_dir);
    let own = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "default-cluster",
            "cluster": { "certificate-authority-data": STANDARD.encode(ca), "server": server },
        }],
        "contexts": [{
            "name": "default-context",
            "context": { "cluster": "default-cluster", "namespace": "default", "user": "default-auth" },
        }],
        "current-context": "default-context",
        "users": [{ "name": "default-auth", "user": { "client-certificate": current, "client-key": current } }],
    });
    let text = serde_yaml::to_string(&own).map_err(|error| error.to_string())?;
    std::fs::write(machine.place(&settings.kubeconfig), text).map_err(|error| error.to_string())
}
