//! Phase `certs`: one child per row of the certificate table, and the service account key pair.

use kubephase_engine::Phase;
use kubephase_pki::{CA, CERTS, CertSpec};

use super::{Init, head_start};
use crate::control_plane::certs;

/// The phase.
pub fn phase() -> Phase<Init> {
    let mut children: Vec<Phase<Init>> = CERTS.iter().copied().map(certificate).collect();
    children.push(
        Phase::run("sa", "Generate the key pair that signs service account tokens", |cx: &mut Init| {
            Box::pin(certs::service_account(cx))
        })
        .unless(|cx| cx.external_ca.then(|| "the certificate authority is external: using the keys that exist".into())),
    );
    Phase::group("certs", "Generate all certificates and keys", children)
}

fn certificate(spec: &'static CertSpec) -> Phase<Init> {
    Phase::run(spec.name, format!("Generate the {}", spec.about), move |cx: &mut Init| {
        Box::pin(async move {
            certs::make(cx, spec).await?;
            if spec.name == CA.name {
                head_start::give(cx).await;
            }
            Ok(())
        })
    })
    .unless(|cx| (!spec.is_needed(&cx.cluster)).then(|| "etcd is external".into()))
}
