//! What the phases `etcd` and `control-plane` share: rendering a static pod, patching it, writing its manifest.

use kubephase_engine::{Level, Phase};
use kubephase_model::layout;
use kubephase_render::static_pod::{Component, PodContext, manifest};

use super::Init;
use crate::error::PhaseError;
use crate::rootless;

/// The phase that writes one component's manifest.
pub fn component(component: &'static Component, about: &'static str) -> Phase<Init> {
    Phase::run(component.phase, about, move |cx: &mut Init| Box::pin(write(cx, component)))
}

/// Renders, patches and writes a manifest.
pub async fn write(cx: &mut Init, component: &'static Component) -> Result<(), PhaseError> {
    let rootless = cx.rootless().await?;
    let context = PodContext { external_ca: cx.external_ca, rootless, ..PodContext::default() };
    let pod = (component.render)(&cx.cluster, &context);
    let pod = cx.document(component.target.name, pod).await?;
    let patched = cx.patches.apply(component.target, pod)?;
    for origin in &patched.applied {
        cx.notice(Level::Info, format!("applied {origin} to {}", component.name));
    }
    for path in &patched.dropped {
        cx.notice(
            Level::Warning,
            format!("a patch sets `{path}` in {}, which has no such field: left out", component.name),
        );
    }
    if let Some(rootless) = &rootless {
        rootless::give(component, &cx.cluster, &cx.node, rootless, cx.external_ca)?;
    }
    cx.node.ensure_dir(layout::MANIFESTS_DIR, 0o700)?;
    cx.node.ensure(&manifest(&patched.value, component.name))?;
    Ok(())
}
