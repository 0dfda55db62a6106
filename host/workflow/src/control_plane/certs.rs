//! Certificates and keys of a control-plane node: what exists is judged and kept, the rest is made.

use kubephase_model::File;
use kubephase_pki::{
    CaDecision, CertSpec, Half, LeafDecision, Pair, PrivateKey, SaDecision, decide_ca, decide_leaf, decide_sa, issue,
    self_signed,
};

use crate::error::PhaseError;
use crate::work::Work;

/// Makes one certificate, or keeps the one that is there.
pub async fn make(cx: &mut Work, spec: &'static CertSpec) -> Result<(), PhaseError> {
    if spec.is_ca() { authority(cx, spec).await } else { leaf(cx, spec).await }
}

/// A run of ours that was killed leaves a key without its certificate; anybody else's is a mistake.
fn half(cx: &Work, spec: &CertSpec) -> Half {
    if cx.is_ours(&spec.key_path(&cx.cluster)) { Half::Complete } else { Half::Refuse }
}

async fn authority(cx: &mut Work, spec: &'static CertSpec) -> Result<(), PhaseError> {
    let (crt, key) = read(cx, spec)?;
    let path = spec.path(&cx.cluster);
    let verdict = decide_ca(Pair { path: &path, crt: crt.as_deref(), key: key.as_deref() }, half(cx, spec), cx.start)?;
    cx.warn(verdict.warnings);
    match verdict.decision {
        CaDecision::UseExisting { keyless, .. } => {
            keep(cx, &spec.crt_path(&cx.cluster), crt)?;
            if keyless {
                cx.notice(kubephase_engine::Level::Info, format!("{path}.crt is used without its key"));
                return Ok(());
            }
            keep(cx, &spec.key_path(&cx.cluster), key)
        }
        CaDecision::Generate { key } => {
            let key = match key {
                Some(key) => key,
                None => cx.key().await?,
            };
            let request = spec.request(&cx.cluster, None, cx.start, cx.random())?;
            let ca = self_signed(&request, key)?;
            write(cx, spec, ca.key(), ca.cert().pem()?)
        }
    }
}

async fn leaf(cx: &mut Work, spec: &'static CertSpec) -> Result<(), PhaseError> {
    let (crt, key) = read(cx, spec)?;
    let path = spec.path(&cx.cluster);
    let issuer = spec.issuer.unwrap_or(spec);
    let (ca_crt, ca_key) = read(cx, issuer)?;
    let ca_path = issuer.path(&cx.cluster);
    let verdict = decide_leaf(
        spec,
        Pair { path: &path, crt: crt.as_deref(), key: key.as_deref() },
        Pair { path: &ca_path, crt: ca_crt.as_deref(), key: ca_key.as_deref() },
        &(spec.names)(&cx.cluster),
        half(cx, spec),
        cx.start,
    )?;
    cx.warn(verdict.warnings);
    match verdict.decision {
        LeafDecision::UseExisting { .. } => {
            keep(cx, &spec.crt_path(&cx.cluster), crt)?;
            keep(cx, &spec.key_path(&cx.cluster), key)
        }
        LeafDecision::Generate { ca, key } => {
            let key = match key {
                Some(key) => key,
                None => cx.key().await?,
            };
            let request = spec.request(&cx.cluster, Some(ca.cert()), cx.start, cx.random())?;
            let cert = issue(&request, &key, &ca)?;
            write(cx, spec, &key, cert.pem()?)
        }
    }
}

/// Makes the key pair that signs service accounts' tokens, or keeps the one that is there.
pub async fn service_account(cx: &mut Work) -> Result<(), PhaseError> {
    let path = format!("{}/sa", cx.cluster.pki());
    let (key_path, pub_path) = (format!("{path}.key"), format!("{path}.pub"));
    let (key, public) = (cx.read(&key_path)?, cx.read(&pub_path)?);
    let verdict = decide_sa(&path, key.as_deref(), public.as_deref())?;
    cx.warn(verdict.warnings);
    let public = match verdict.decision {
        SaDecision::UseExisting { missing_public } => {
            keep(cx, &key_path, key)?;
            match missing_public {
                Some(public) => public,
                None => return keep(cx, &pub_path, public),
            }
        }
        SaDecision::Generate => {
            let key = cx.key().await?;
            let public = key.public_pem()?;
            let files = [File::secret(key_path, key.to_pem()?), public_key(pub_path, public)];
            cx.node.ensure_all(&files)?;
            return Ok(());
        }
    };
    cx.node.ensure(&public_key(pub_path, public))?;
    Ok(())
}

/// kubeadm gives the public key 0600 as well.
fn public_key(path: String, pem: String) -> File {
    File::private(path, pem)
}

type Found = (Option<Vec<u8>>, Option<Vec<u8>>);

fn read(cx: &Work, spec: &CertSpec) -> Result<Found, PhaseError> {
    Ok((cx.read(&spec.crt_path(&cx.cluster))?, cx.read(&spec.key_path(&cx.cluster))?))
}

/// What exists is wanted as it is, with the mode it has: it is told as unchanged, and a dry run's tree shows it.
fn keep(cx: &Work, path: &str, contents: Option<Vec<u8>>) -> Result<(), PhaseError> {
    let Some(contents) = contents else { return Ok(()) };
    let secret = path.ends_with(".key");
    let mode = cx.node.mode(path).unwrap_or(if secret { 0o600 } else { 0o644 });
    cx.node.ensure(&File { path: path.to_owned(), mode, contents, secret })?;
    Ok(())
}

/// The key first: a certificate without its key would look finished.
fn write(cx: &Work, spec: &CertSpec, key: &PrivateKey, pem: String) -> Result<(), PhaseError> {
    let files =
        [File::secret(spec.key_path(&cx.cluster), key.to_pem()?), File::public(spec.crt_path(&cx.cluster), pem)];
    cx.node.ensure_all(&files)?;
    Ok(())
}
