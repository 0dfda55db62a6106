//! Phase `etcd`: the static pod of a local etcd.

use kubephase_engine::Phase;
use kubephase_render::static_pod::{ETCD, PodContext};

use super::Init;
use crate::control_plane::manifests;

/// The phase.
pub fn phase() -> Phase<Init> {
    let local =
        Phase::run("local", "Generate the static Pod manifest of a local, single-node etcd", |cx: &mut Init| {
            Box::pin(async move {
                if let Some(etcd) = cx.cluster.local_etcd() {
                    cx.node.ensure_dir(&etcd.data_dir.0, 0o700)?;
                }
                manifests::write(cx, &ETCD, PodContext::default()).await
            })
        })
        .unless(|cx| cx.cluster.external_etcd().map(|_| "etcd is external".into()));
    Phase::group("etcd", "Generate the static Pod manifest of etcd", vec![local])
}
