//! Phase `kubeconfig`: one child per row of the kubeconfig table.

use kubephase_engine::Phase;
use kubephase_pki::{KUBECONFIGS, KubeconfigSpec};

use super::Init;
use crate::control_plane::kubeconfig;

/// The phase.
pub fn phase() -> Phase<Init> {
    let children = KUBECONFIGS.iter().copied().map(file).collect();
    Phase::group("kubeconfig", "Generate all kubeconfig files for the control plane and the admin", children)
}

fn file(spec: &'static KubeconfigSpec) -> Phase<Init> {
    Phase::run(spec.name, format!("Generate the {}", spec.about), move |cx: &mut Init| {
        Box::pin(kubeconfig::make(cx, spec))
    })
    .unless(|cx| (!(spec.is_needed)(&cx.cluster)).then(|| format!("{} has no such file", cx.cluster.release.name())))
}
