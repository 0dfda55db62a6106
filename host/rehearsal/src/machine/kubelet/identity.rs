//! The kubelet's own certificates: the one that it begins with, kept where its rotation keeps them, and those that it
//! asks the cluster for.

use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::KeyAlgorithm;
use kubephase_pki::{AltNames, Cert, PrivateKey, generate_key, signing_request};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use serde_json::{Value, json};

use super::super::{Machine, digest};
use super::config::Settings;
use super::plane::Cluster;
use crate::clock::stamp;
use crate::kinds::CERTIFICATE_SIGNING_REQUEST;

const CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING: &str = "kubernetes.io/kubelet-serving";

/// Keeps the certificate of the kubeconfig where rotation keeps certificates, and asks for the next ones. Fails if the
/// kubeconfig is none that the cluster would accept.
pub async fn keep(
    machine: &Machine,
    settings: &Settings,
    cluster: &dyn Cluster,
    now: SystemTime,
) -> Result<(), String> {
    let path = &settings.kubeconfig;
    let text = std::fs::read(machine.place(path)).map_err(|error| format!("open {path}: {error}"))?;
    let kubeconfig = Kubeconfig::parse(&text).map_err(|error| format!("{path}: {error}"))?;
    let load = |material: Option<Material>| match material {
        Some(Material::Inline(bytes)) => Ok(bytes),
        Some(Material::Path(file)) => {
            std::fs::read(machine.place(&file)).map_err(|error| format!("open {file}: {error}"))
        }
        None => Err(format!("{path} has no client certificate")),
    };
    let cert = load(kubeconfig.client_certificate().map_err(|error| error.to_string())?)?;
    let key = load(kubeconfig.client_key().map_err(|error| error.to_string())?)?;
    let name = Cert::from_pem(path, &cert).map_err(|error| error.to_string())?.common_name;
    let wanted = format!("system:node:{}", settings.name);
    if name != wanted {
        return Err(format!("Unauthorized: {path} is {name}'s, this node is {wanted}"));
    }
    if !settings.rotates {
        return Ok(());
    }
    let current = Path::new(&settings.cert_dir).join("kubelet-client-current.pem");
    if !machine.place(&current).exists() {
        let both = if cert == key { cert } else { [cert, key].concat() };
        store(machine, settings, "kubelet-client", &both, now).map_err(|error| error.to_string())?;
        ask(machine, settings, cluster, CLIENT).await?;
    }
    if settings.serving {
        ask(machine, settings, cluster, SERVING).await?;
    }
    Ok(())
}

/// Takes what was signed meanwhile.
pub async fn renew(machine: &Machine, settings: &Settings, cluster: &dyn Cluster, now: SystemTime) {
    let asked = std::mem::take(&mut machine.state().lock().asked);
    for (name, file, key) in asked {
        let signed = cluster.get(&CERTIFICATE_SIGNING_REQUEST, "", &name).await;
        let certificate = signed.as_ref().and_then(|request| request["status"]["certificate"].as_str());
        match certificate.and_then(|text| STANDARD.decode(text).ok()) {
            Some(pem) => {
                let both = [pem, key.into_bytes()].concat();
                if let Err(error) = store(machine, settings, file, &both, now) {
                    machine.state().log(format!("\"Unable to store a certificate\" err={error:?}"));
                }
            }
            None => machine.state().lock().asked.push((name, file, key)),
        }
    }
}

async fn ask(
    machine: &Machine,
    settings: &Settings,
    cluster: &dyn Cluster,
    signer: &'static str,
) -> Result<(), String> {
    let key: PrivateKey = generate_key(KeyAlgorithm::EcdsaP256).map_err(|error| error.to_string())?;
    let (names, usage, file) = match signer {
        SERVING => (
            AltNames::new([settings.name.clone()], settings.addresses.iter().copied()),
            "server auth",
            "kubelet-server",
        ),
        _ => (AltNames::default(), "client auth", "kubelet-client"),
    };
    let user = format!("system:node:{}", settings.name);
    let request =
        signing_request(&user, &["system:nodes".to_owned()], &names, &key).map_err(|error| error.to_string())?;
    let object: Value = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        // The real one has its name made by the server.
        "metadata": { "name": format!("csr-{}", &digest(&request)[..5]) },
        "spec": {
            "request": STANDARD.encode(request),
            "signerName": signer,
            "usages": ["digital signature", usage],
        },
    });
    let made = cluster.create(&settings.name, &object).await?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let key = key.to_pem().map_err(|error| error.to_string())?;
    machine.state().lock().asked.push((name, file, key));
    Ok(())
}

/// Certificate and key in a file with the time in its name, and a link that leads to the newest.
/// Keeps a certificate where rotation keeps them.
pub fn store(machine: &Machine, settings: &Settings, name: &str, pem: &[u8], now: SystemTime) -> io::Result<()> {
    use std::io::Write as _;

    let directory = machine.place(&settings.cert_dir);
    std::fs::create_dir_all(&directory)?;
    let mut dated = format!("{name}-{}.pem", stamp(now).replace([':', 'T'], "-").replace('Z', ""));
    if directory.join(&dated).exists() {
        dated = format!("{}-2.pem", dated.trim_end_matches(".pem"));
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(directory.join(&dated))?;
    file.write_all(pem)?;
    let current = directory.join(format!("{name}-current.pem"));
    if current.symlink_metadata().is_ok() {
        std::fs::remove_file(&current)?;
    }
    // A path of the node, as the real one writes it.
    symlink(Path::new(&settings.cert_dir).join(dated), current)
}
