//! Static pods of a control-plane node: rendering one, patching it, writing its manifest.

use kubephase_engine::Level;
use kubephase_model::layout;
use kubephase_render::static_pod::{Component, PodContext, manifest};

use crate::error::PhaseError;
use crate::rootless;
use crate::work::Work;

/// Renders, patches and writes a manifest.
/// `context` says what only the caller knows of it; whose the authority is and who runs components is filled in.
pub async fn write(cx: &mut Work, component: &'static Component, context: PodContext) -> Result<(), PhaseError> {
    let rootless = cx.rootless().await?;
    let context = PodContext { external_ca: cx.external_ca, rootless, ..context };
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
