//! Phase `control-plane-prepare`: all that a control-plane node needs before its kubelet starts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_engine::{Level, Phase};
use kubephase_model::object::{ObjectRef, SECRET};
use kubephase_model::{File, layout};
use kubephase_pki::{CERTS, CertSpec, CertificateKey, KUBECONFIGS, KubeconfigSpec, open, uploaded_files};
use kubephase_render::objects::{KUBE_SYSTEM, certs as uploaded};
use kubephase_render::static_pod::{KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, PodContext};

use super::readiness::NotReady;
use super::{Join, JoinError, only_control_plane, readiness};
use crate::control_plane::{certs, kubeconfig, manifests};
use crate::error::PhaseError;
use crate::work::JOINED_KUBECONFIGS;

/// The phase.
pub fn phase() -> Phase<Join> {
    let children = vec![
        Phase::run("download-certs", "Download the certificates that control-plane nodes share", |cx: &mut Join| {
            Box::pin(download(cx))
        })
        .unless(|cx| only_control_plane(cx).or_else(|| certificate_key(cx).is_none().then(|| NO_KEY.into()))),
        Phase::run("certs", "Generate the certificates of this control-plane node", |cx: &mut Join| {
            Box::pin(make_certs(cx))
        })
        .unless(only_control_plane),
        Phase::run("kubeconfig", "Generate the kubeconfig files of this control-plane node", |cx: &mut Join| {
            Box::pin(make_kubeconfigs(cx))
        })
        .unless(only_control_plane),
        Phase::run("control-plane", "Generate the static Pod manifests of the control plane", |cx: &mut Join| {
            Box::pin(make_manifests(cx))
        })
        .unless(only_control_plane),
    ];
    Phase::group("control-plane-prepare", "Prepare the machine for serving a control plane", children)
}

const NO_KEY: &str = "no certificate key was given: the certificates have been copied here";

fn certificate_key(cx: &Join) -> Option<&str> {
    let key = cx.config.control_plane.as_ref().map(|control_plane| control_plane.certificate_key.as_str());
    key.filter(|key| !key.is_empty())
}

/// Nothing is written before everything has been opened.
async fn download(cx: &mut Join) -> Result<(), PhaseError> {
    let Some(key) = certificate_key(cx) else { return Ok(()) };
    let key: CertificateKey = key.parse()?;
    let name = ObjectRef::new(&SECRET, Some(KUBE_SYSTEM), uploaded::NAME);
    let secret = cx.bootstrap.get(&name).await?.ok_or(JoinError::NothingUploaded)?;
    let mut files = Vec::new();
    for file in uploaded_files(&cx.cluster) {
        let missing = || JoinError::NotUploaded { name: file.name.clone() };
        let value = secret["data"][&file.name].as_str().ok_or_else(missing)?;
        let sealed = STANDARD.decode(value).map_err(|_| JoinError::Strange { name: file.name.clone() })?;
        if sealed.is_empty() {
            // Who uploaded it had none: an authority's key is kept elsewhere.
            continue;
        }
        let contents = open(&key, &sealed).map_err(|source| JoinError::Sealed { name: file.name.clone(), source })?;
        files.push(as_file(&file.name, file.path, contents)?);
    }
    cx.node.ensure_all(&files)?;
    Ok(())
}

/// Keys are for root alone.
fn as_file(name: &str, path: String, contents: Vec<u8>) -> Result<File, JoinError> {
    let text = String::from_utf8_lossy(&contents);
    let has = |what: &str| text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(what));
    if has("PRIVATE KEY-----") {
        Ok(File::secret(path, contents))
    } else if has("CERTIFICATE-----") || has("PUBLIC KEY-----") {
        Ok(File { path, mode: 0o644, contents, secret: false })
    } else {
        Err(JoinError::Strange { name: name.to_owned() })
    }
}

async fn make_certs(cx: &mut Join) -> Result<(), PhaseError> {
    // An authority that is made here is another cluster's. Whoever checks nothing is stopped here.
    match readiness::ready_for_control_plane(&cx.cluster, false, &cx.node, &|_, _| {}) {
        Err(NotReady::Lacks { no_certificates: false, .. }) | Ok(()) => {}
        Err(error) => return Err(error.into()),
    }
    cx.look_for_authorities()?;
    cx.begin_keys();
    let needed: Vec<&'static CertSpec> = CERTS.iter().copied().filter(|spec| spec.is_needed(&cx.cluster)).collect();
    for spec in needed {
        certs::make(cx, spec).await?;
    }
    if cx.external_ca { Ok(()) } else { certs::service_account(cx).await }
}

async fn make_kubeconfigs(cx: &mut Join) -> Result<(), PhaseError> {
    cx.look_for_authorities()?;
    let wanted = |spec: &&&KubeconfigSpec| JOINED_KUBECONFIGS.contains(&spec.name) && (spec.is_needed)(&cx.cluster);
    let specs: Vec<&'static KubeconfigSpec> = KUBECONFIGS.iter().filter(wanted).copied().collect();
    for spec in specs {
        kubeconfig::make(cx, spec).await?;
    }
    Ok(())
}

/// An API server that finds no etcd ends, and the kubelet starts it again only after a while that grows: with an etcd of
/// this node's own, in a whole run, the kubelet is given these when etcd has joined.
async fn make_manifests(cx: &mut Join) -> Result<(), PhaseError> {
    cx.look_for_authorities()?;
    let all = [&KUBE_APISERVER, &KUBE_CONTROLLER_MANAGER, &KUBE_SCHEDULER];
    let skipped = cx.config.skip_phases.iter().any(|skip| skip == super::etcd::JOIN);
    if cx.options.only.is_none() && !skipped && cx.cluster.external_etcd().is_none() && !cx.node.is_dry_run() {
        cx.notice(Level::Info, "their manifests are written when etcd has joined, which they need");
        cx.waiting = all.to_vec();
        // A kubelet that finds the directory when it starts hears of every file there. Of one that comes later it only
        // looks for files each 20 s.
        cx.node.ensure_dir(layout::MANIFESTS_DIR, 0o700)?;
        return Ok(());
    }
    for component in all {
        manifests::write(cx, component, PodContext::default()).await?;
    }
    Ok(())
}
