//! Kubeconfig files of a control-plane node, one per row of their table: what exists is checked and kept, the rest is
//! made.

use kubephase_engine::Level;
use kubephase_model::File;
use kubephase_pki::{CA, Ca, Cert, KubeconfigSpec, PrivateKey, issue};
use kubephase_render::kubeconfig::{Auth, Kubeconfig};

use crate::error::PhaseError;
use crate::work::Work;

/// Makes one file, or keeps the one that is there.
pub async fn make(cx: &mut Work, spec: &KubeconfigSpec) -> Result<(), PhaseError> {
    let path = cx.kubeconfig_path(spec.file);
    let server = (spec.endpoint)(&cx.cluster).url(&cx.cluster);
    let existing = cx.read(&path)?;
    if let (true, Some(contents)) = (cx.external_ca, &existing) {
        cx.notice(Level::Info, format!("external certificate authority: using {path} as it is"));
        return keep(cx, path, contents.clone());
    }
    let ca_path = CA.crt_path(&cx.cluster);
    let ca_pem = cx.read(&ca_path)?.ok_or(PhaseError::MissingCa { path: ca_path.clone() })?;
    let key_path = CA.key_path(&cx.cluster);
    let key_pem = cx.read(&key_path)?.ok_or(PhaseError::MissingCa { path: key_path.clone() })?;
    if let Some(contents) = existing {
        cx.check_kubeconfig(&path, &contents, &server, &ca_pem)?;
        return keep(cx, path, contents);
    }
    let ca_cert = Cert::from_pem(&ca_path, &ca_pem)?;
    let ca = Ca::new(&CA.path(&cx.cluster), ca_cert, PrivateKey::from_pem(&key_path, &key_pem)?)?;
    let request = spec.request(&cx.cluster, ca.cert(), cx.start, cx.random())?;
    let key = cx.key().await?;
    let cert_pem = issue(&request, &key, &ca)?.pem()?;
    let auth = Auth::ClientCert { cert_pem: &cert_pem, key_pem: &key.to_pem()? };
    let user = (spec.user)(&cx.cluster);
    let text =
        Kubeconfig::new(&server, &String::from_utf8_lossy(&ca_pem), &cx.cluster.config.cluster_name, &user, auth);
    let text = if cx.cluster.release.kubeconfig_preferences { text.with_preferences() } else { text };
    cx.node.ensure(&text.to_file(path))?;
    Ok(())
}

/// What exists is wanted as it is.
fn keep(cx: &Work, path: String, contents: Vec<u8>) -> Result<(), PhaseError> {
    let mode = cx.node.mode(&path).unwrap_or(0o600);
    cx.node.ensure(&File { mode, ..File::secret(path, contents) })?;
    Ok(())
}
