//! Phase `upload-certs`: what control-plane nodes share goes into a Secret, sealed with the certificate key. The Secret
//! is owned by that of a token without rights, which is cleaned away after two hours, and goes with it.

use std::collections::BTreeMap;

use kubephase_engine::{Level, Phase};
use kubephase_model::config::tokens;
use kubephase_pki::{CertificateKey, seal, uploaded_files};
use kubephase_render::objects::certs;

use super::Init;
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run(
        "upload-certs",
        "Upload what control-plane nodes share, sealed, to the Secret kubeadm-certs",
        |cx: &mut Init| Box::pin(run(cx)),
    )
    .unless(|cx| (!cx.sharing.upload_certs).then(|| "not asked for (--upload-certs)".into()))
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    if cx.external_ca {
        cx.notice(Level::Warning, "external certificate authority: a node that joins needs its key from elsewhere");
    }
    let api = cx.api().await?;
    let key = match cx.cluster.init.certificate_key.as_str() {
        "" => {
            let mut bytes = [0; CertificateKey::BYTES];
            cx.node.random(&mut bytes);
            CertificateKey::from_random(bytes)
        }
        given => given.parse()?,
    };
    let mut sealed = BTreeMap::new();
    for file in uploaded_files(&cx.cluster) {
        // An external etcd without TLS has no files.
        let found = if file.path.is_empty() { None } else { cx.read(&file.path)? };
        let value = match found {
            Some(contents) => {
                let mut nonce = [0; 12];
                cx.node.random(&mut nonce);
                seal(&key, nonce, &contents)
            }
            // As kubeadm: who downloads leaves out what is empty.
            None => Vec::new(),
        };
        sealed.insert(file.name, value);
    }
    let token = tokens::generate(&mut |bytes| cx.node.random(bytes));
    let owner = api.create(&certs::lifetime_token(&token, cx.node.now())).await?;
    api.create_or_update(&certs::secret(&sealed, &owner)).await?;
    api.create_or_update_all(&certs::access()).await?;
    cx.certificate_key = Some(key);
    Ok(())
}
