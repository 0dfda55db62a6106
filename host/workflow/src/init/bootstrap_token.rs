//! Phase `bootstrap-token`: the tokens, what those who hold them may do, and the ConfigMap by which they find the
//! cluster.

use std::time::SystemTime;

use kubephase_engine::Phase;
use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::v1beta4::BootstrapToken;
use kubephase_model::time::parse_rfc3339;
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
    for token in &cx.cluster.init.bootstrap_tokens {
        let wanted = bootstrap_token::secret(token, now);
        let renew = |found: &mut Value| {
            if !is_young(found, token, now) {
                found["data"] = wanted["data"].clone();
            }
        };
        api.create_or_mutate(&wanted, &renew).await?;
    }
    api.create_or_update_all(&bootstrap_token::rbac(&cx.cluster)).await?;

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

/// Whether the Secret is of the same token and has more than half of its time left: it is not renewed then, so that
/// running `init` again changes nothing.
fn is_young(found: &Value, token: &BootstrapToken, now: SystemTime) -> bool {
    let Ok(found) = bootstrap_token::read(found) else { return false };
    let same = found.token == token.token
        && found.description == token.description
        && found.groups == token.groups
        && sorted(&found.usages) == sorted(&token.usages);
    let end = |token: &BootstrapToken| token.expires.as_deref().map(parse_rfc3339);
    match (end(&found), end(token), token.ttl) {
        _ if !same => false,
        (found, Some(wanted), _) => found == Some(wanted),
        (Some(Some(end)), None, Some(ttl)) => end.duration_since(now).is_ok_and(|left| left > ttl.as_std() / 2),
        (found, None, ttl) => found.is_none() && ttl.is_none_or(|ttl| ttl == GoDuration::seconds(0)),
    }
}

fn sorted(usages: &[String]) -> Vec<&String> {
    let mut usages: Vec<&String> = usages.iter().collect();
    usages.sort();
    usages
}
