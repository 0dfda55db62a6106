//! Phase `addon`: CoreDNS and kube-proxy.

use kubephase_engine::{Level, Phase};
use kubephase_model::component::Component;
use kubephase_model::object::{CONFIG_MAP, DEPLOYMENT, ObjectRef};
use kubephase_node::kube::{Api, Patch, Select};
use kubephase_render::corefile::{self, Plan};
use kubephase_render::objects::{KUBE_SYSTEM, coredns, kube_proxy};
use kubephase_render::patch::{COREDNS_DEPLOYMENT, KUBE_PROXY_DAEMON_SET};
use serde_json::Value;

use super::Init;
use crate::error::PhaseError;

/// What mutators call kube-proxy's configuration.
const KUBE_PROXY_CONFIGURATION: &str = "kubeproxyconfiguration";

/// The phase.
pub fn phase() -> Phase<Init> {
    let coredns = Phase::run("coredns", "Install CoreDNS", |cx: &mut Init| Box::pin(install_coredns(cx)))
        .unless(|cx| cx.cluster.config.dns.disabled.then(|| "dns.disabled".into()));
    let proxy = Phase::run("kube-proxy", "Install kube-proxy", |cx: &mut Init| Box::pin(install_kube_proxy(cx)))
        .unless(|cx| cx.cluster.config.proxy.disabled.then(|| "proxy.disabled".into()));
    Phase::group("addon", "Install what every cluster needs beside the control plane", vec![coredns, proxy])
}

async fn install_kube_proxy(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    let config = configured(cx).await?;
    let daemon_set = kube_proxy::plain_daemon_set(&cx.cluster);
    let daemon_set = cx.document(KUBE_PROXY_DAEMON_SET.name, daemon_set).await?;
    let daemon_set = kube_proxy::finished(&cx.cluster, &cx.patches, daemon_set)?;
    for origin in &daemon_set.applied {
        cx.notice(Level::Info, format!("applied {origin} to the DaemonSet of kube-proxy"));
    }
    let mut objects = vec![config, daemon_set.value, kube_proxy::account()];
    objects.extend(kube_proxy::access());
    api.create_or_update_all(&objects).await?;
    Ok(())
}

/// kube-proxy's configuration. One that plugins have changed counts as given: nobody is to generate it anew.
async fn configured(cx: &mut Init) -> Result<Value, PhaseError> {
    let plain = cx.cluster.kube_proxy.clone();
    let changed = cx.document(KUBE_PROXY_CONFIGURATION, plain.clone()).await?;
    if changed == plain {
        return Ok(kube_proxy::config_map(&cx.cluster));
    }
    let mut cluster = cx.cluster.clone();
    cluster.kube_proxy = changed;
    cluster.given.push(Component::KubeProxy);
    Ok(kube_proxy::config_map(&cluster))
}

async fn install_coredns(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    let found = deployment(&api).await?;
    let replicas = found.as_ref().and_then(|found| found.pointer("/spec/replicas")?.as_u64());
    let deployment = coredns::plain_deployment(&cx.cluster, replicas);
    let deployment = cx.document(COREDNS_DEPLOYMENT.name, deployment).await?;
    let deployment = coredns::finished(&cx.patches, deployment)?;
    for origin in &deployment.applied {
        cx.notice(Level::Info, format!("applied {origin} to the Deployment of CoreDNS"));
    }
    let (map, deployment) = keep(cx, &api, found.as_ref(), deployment.value).await?;
    let mut objects: Vec<Value> = map.into_iter().collect();
    objects.extend(coredns::access(&cx.cluster));
    objects.push(coredns::account());
    objects.extend(deployment);
    objects.push(coredns::service(&cx.cluster));
    api.create_or_update_all(&objects).await?;
    Ok(())
}

/// The Deployment that serves DNS now, if there is one.
async fn deployment(api: &Api) -> Result<Option<Value>, PhaseError> {
    let select = Select { labels: "k8s-app=kube-dns", ..Select::default() };
    let mut found = api.list(&DEPLOYMENT, Some(KUBE_SYSTEM), select).await?;
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().filter_map(|item| item.pointer("/metadata/name")?.as_str()).collect();
        return Err(PhaseError::Ambiguous {
            what: "updating CoreDNS",
            why: format!("several Deployments serve DNS (label k8s-app=kube-dns): {}; leave one", names.join(", ")),
        });
    }
    Ok(found.pop())
}

/// The ConfigMap and the Deployment beside an existing CoreDNS: its administrator's Corefile is kept as far as the new
/// release can read it.
async fn keep(
    cx: &Init,
    api: &Api,
    found: Option<&Value>,
    deployment: Value,
) -> Result<(Option<Value>, Option<Value>), PhaseError> {
    let map = api.get(&ObjectRef::new(&CONFIG_MAP, Some(KUBE_SYSTEM), coredns::NAME)).await?;
    let Some(current) = map.as_ref().and_then(|map| map["data"][coredns::COREFILE].as_str()) else {
        return Ok((Some(coredns::config_map(&cx.cluster)), Some(deployment)));
    };
    let tag = |deployment: &Value| {
        let image = deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
        image.and_then(|image| Some(image.rsplit_once(':')?.1.to_owned())).unwrap_or_default()
    };
    let next = tag(&deployment);
    // A Corefile that was put there before any CoreDNS is meant for this one.
    Ok(match corefile::plan(current, &found.map_or_else(|| next.clone(), tag), &next) {
        Plan::Overwrite => (Some(coredns::config_map(&cx.cluster)), Some(deployment)),
        Plan::Retain => (None, Some(deployment)),
        Plan::Migrate { corefile, changes } => {
            let message = format!(
                "the Corefile, which was changed by hand, is migrated ({}); what it was is kept as {}",
                changes.join("; "),
                coredns::COREFILE_BACKUP
            );
            cx.notice(Level::Info, message);
            // Pods of the old release must not read the new text.
            api.create_or_update(&coredns::migrated_config_map(&corefile, current)).await?;
            if let Some(name) = found.and_then(ObjectRef::of) {
                api.patch(&name, Patch::Strategic, &coredns::backup_patch(), None).await?;
            }
            (None, Some(deployment))
        }
        Plan::Failed(why) => {
            let message = format!("{why}; it was changed by hand, so CoreDNS stays as it is; {}", why.hint());
            cx.notice(Level::Warning, message);
            (None, None)
        }
    })
}
