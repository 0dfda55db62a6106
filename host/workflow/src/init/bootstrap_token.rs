//! Phase `bootstrap-token`: the tokens, what those who hold them may do, and the ConfigMap by which they find the
//! cluster.

use kubephase_engine::Phase;
use kubephase_render::kubeconfig::Kubeconfig;
use kubephase_render::objects::cluster_info::KUBECONFIG as KEY;
use kubephase_render::objects::{bootstrap_token, cluster_info};
use serde_json::Value;

use super::Init;
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    let mut phase = Phase::run(
        "bootstrap-token",
        "Create the bootstrap tokens, their rights and the ConfigMap cluster-info",
        |cx: &mut Init| Box::pin(run(cx)),
    );
    phase.aliases = &["bootstraptoken"];
    phase
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    let now = cx.node.now();
    let mut objects: Vec<Value> =
        cx.cluster.init.bootstrap_tokens.iter().map(|token| bootstrap_token::secret(token, now)).collect();
    objects.extend(bootstrap_token::rbac(&cx.cluster));
    api.create_or_update_all(&objects).await?;

    let path = cx.options.kubeconfig.clone().unwrap_or_else(|| cx.kubeconfig_path("admin.conf"));
    let bytes = cx.read(&path)?.ok_or_else(|| PhaseError::NoKubeconfig { path: path.clone() })?;
    let admin = Kubeconfig::parse(&bytes).map_err(|source| PhaseError::Kubeconfig { path: path.clone(), source })?;
    let read = |file: &str| cx.read(file).ok().flatten();
    let wanted = cluster_info::config_map(&cx.cluster, &admin, read)
        .map_err(|source| PhaseError::Kubeconfig { path, source })?;
    // The signatures beside it are the controller manager's.
    api.create_or_mutate(&wanted, &|found: &mut Value| found["data"][KEY] = wanted["data"][KEY].clone()).await?;
    api.create_or_update_all(&cluster_info::access()).await?;
    Ok(())
}
