//! Phase `wait-control-plane`: the kubelet, then the API server, the controller manager and the scheduler at the same
//! time. While it waits, and when a deadline passes, it looks for the cause and says it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use kubephase_engine::Level;
use kubephase_model::cluster::Cluster;
use kubephase_model::layout;
use kubephase_node::http::{Client, Options, Tls};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use kubephase_render::static_pod::manifest_path;
use serde_json::Value;

use crate::diagnose::{Diagnosis, Scene, diagnose, gather};
use crate::error::{LastAnswers, PhaseError};
use crate::wait;
use crate::work::Work;

/// First look for a cause after this long, then every this long: a healthy start takes less.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Waits for the kubelet, then for the components.
pub async fn run(cx: &mut Work) -> Result<(), PhaseError> {
    kubelet(cx).await?;
    components(cx).await
}

fn limited(cx: &Work, limit: Duration) -> Duration {
    cx.options.patience.map_or(limit, |patience| limit.min(patience))
}

/// Waits for the kubelet to say that it is well.
pub async fn kubelet(cx: &mut Work) -> Result<(), PhaseError> {
    let limit = limited(cx, cx.cluster.deadlines().kubelet);
    if cx.node.is_dry_run() {
        cx.notice(Level::Info, "would wait for the kubelet");
        return Ok(());
    }
    let Some(url) = kubelet_url(cx)? else {
        cx.notice(Level::Info, "the kubelet's health endpoint is off (healthzPort 0): not waiting for it");
        return Ok(());
    };
    cx.progress("kubelet", format!("waiting for {url}, at most {}", seconds(limit)));
    let plain = client(cx, &Options { tls: Tls::Insecure, ..Options::default() })?;
    let waiting = wait::until_ok(&plain, &url, limit);
    let took = watched(cx, waiting).await;
    let took = fail(cx, "the kubelet", limit, took.map_err(|last| vec![last])).await?;
    cx.progress("kubelet", format!("healthy after {}", seconds(took)));
    Ok(())
}

/// Waits for the API server, the controller manager and the scheduler, at the same time.
pub async fn components(cx: &mut Work) -> Result<(), PhaseError> {
    let limit = limited(cx, cx.cluster.deadlines().control_plane_components);
    let components = found_components(cx)?;
    if cx.node.is_dry_run() {
        let names: Vec<&str> = components.iter().map(|component| component.name).collect();
        cx.notice(Level::Info, format!("would wait for {}", names.join(", ")));
        return Ok(());
    }
    for component in &components {
        cx.progress(component.name, format!("waiting for {}, at most {}", component.url, seconds(limit)));
    }
    let waiting = join_all(components.iter().map(|component| async {
        let took = wait::until_ok(&component.client, &component.url, limit).await;
        if let Ok(took) = took {
            cx.progress(component.name, format!("healthy after {}", seconds(took)));
        }
        took
    }));
    let results = watched(cx, waiting).await;
    let failed: Vec<(&str, String)> = components
        .iter()
        .zip(results)
        .filter_map(|(component, result)| result.err().map(|last| (component.name, last)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
    let answers = failed.iter().map(|(_, last)| last.clone()).collect();
    fail(cx, &names.join(", "), limit, Err(answers)).await.map(|_| ())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Turns a passed deadline into an error that names the cause.
async fn fail(
    cx: &Work,
    what: &str,
    deadline: Duration,
    result: Result<Duration, Vec<String>>,
) -> Result<Duration, PhaseError> {
    match result {
        Ok(took) => Ok(took),
        Err(answers) => Err(PhaseError::Unhealthy {
            what: what.to_owned(),
            waited_secs: deadline.as_secs(),
            diagnosis: look(cx).await.map(Box::new),
            last: LastAnswers(answers),
        }),
    }
}

/// Looks for the cause of what does not come up.
pub async fn look(cx: &Work) -> Option<Diagnosis> {
    // Logs from before this run show causes that may be mended by now.
    let scene = Scene { kubelet_healthz: kubelet_url(cx).ok()?, ..Scene::of(&cx.cluster, Some(cx.start)) };
    diagnose(&gather(&cx.node, &scene).await)
}

/// Waits, and meanwhile tells each suspected cause once. What only says that something failed, not why, is no news
/// before the deadline: components that start for the first time crash and come back.
async fn watched<T>(cx: &Work, waiting: impl Future<Output = T>) -> T {
    let mut waiting = std::pin::pin!(waiting);
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            done = &mut waiting => return done,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        tokio::select! {
            done = &mut waiting => return done,
            found = look(cx) => if let Some(found) = found && !found.fallback && told.insert(found.cause) {
                cx.notice(Level::Warning, format!("{}; {}; evidence: {}", found.first_line, found.fix, found.evidence_at));
            }
        }
    }
}

fn client(cx: &Work, options: &Options) -> Result<Client, PhaseError> {
    cx.node.http(options).map_err(PhaseError::Http)
}

/// The kubelet's health endpoint, from the configuration that was written: patches may have moved it.
fn kubelet_url(cx: &Work) -> Result<Option<String>, PhaseError> {
    let written = cx.read(layout::KUBELET_CONFIG)?.and_then(|text| serde_yaml::from_slice::<Value>(&text).ok());
    let config = written.as_ref().unwrap_or(&cx.cluster.kubelet);
    let port = config.get("healthzPort").and_then(Value::as_u64).unwrap_or(10248);
    let address = config.get("healthzBindAddress").and_then(Value::as_str).unwrap_or("127.0.0.1");
    Ok((port != 0).then(|| format!("http://{}/healthz", host_port(address, &port.to_string()))))
}

struct Component {
    name: &'static str,
    url: String,
    client: Client,
}

/// Where each component says how it is, read from its manifest as kubeadm does: patches may have moved it.
fn found_components(cx: &Work) -> Result<Vec<Component>, PhaseError> {
    let ports = [
        ("kube-apiserver", "--advertise-address", cx.cluster.advertise_address().to_string(), cx.cluster.bind_port()),
        ("kube-controller-manager", "--bind-address", "127.0.0.1".into(), layout::CONTROLLER_MANAGER_PORT),
        ("kube-scheduler", "--bind-address", "127.0.0.1".into(), layout::SCHEDULER_PORT),
    ];
    let mut components = Vec::new();
    for (name, address_flag, address, port) in ports {
        let command = command(cx, name)?;
        let address = flag(&command, address_flag).unwrap_or(address);
        let port = flag(&command, "--secure-port").unwrap_or_else(|| port.to_string());
        let url = format!("https://{}{}", host_port(&address, &port), path(&cx.cluster, name));
        let options = if name == "kube-apiserver" { api_server_options(cx)? } else { insecure() };
        components.push(Component { name, url, client: client(cx, &options)? });
    }
    Ok(components)
}

fn path(cluster: &Cluster, component: &str) -> &'static str {
    let probes = &cluster.release.probes;
    match component {
        "kube-apiserver" => probes.api_server.liveness,
        "kube-controller-manager" => probes.controller_manager.liveness,
        _ => probes.scheduler.liveness,
    }
}

fn insecure() -> Options {
    // Their certificates are made by themselves at every start: nothing could check them, and nothing secret is asked.
    Options { tls: Tls::Insecure, ..Options::default() }
}

/// As the administrator, trusting the cluster's authority alone; without its file as nobody.
fn api_server_options(cx: &Work) -> Result<Options, PhaseError> {
    let path = cx.kubeconfig_path("admin.conf");
    let Some(bytes) = cx.read(&path)? else { return Ok(insecure()) };
    let fail = |source| PhaseError::Kubeconfig { path: path.clone(), source };
    let admin = Kubeconfig::parse(&bytes).map_err(fail)?;
    let load = |material: Option<Material>| -> Result<Option<Vec<u8>>, PhaseError> {
        match material {
            Some(Material::Inline(bytes)) => Ok(Some(bytes)),
            Some(Material::Path(path)) => cx.read(&path),
            None => Ok(None),
        }
    };
    let roots = load(admin.ca().map_err(fail)?)?;
    let (cert, key) = (load(admin.client_certificate().map_err(fail)?)?, load(admin.client_key().map_err(fail)?)?);
    let identity = cert.zip(key).map(|(cert, key)| [cert, b"\n".to_vec(), key].concat());
    Ok(Options { tls: roots.map_or(Tls::Insecure, Tls::Roots), identity, ..Options::default() })
}

fn command(cx: &Work, component: &str) -> Result<Vec<String>, PhaseError> {
    let path = manifest_path(component);
    let fail = |why: &str| PhaseError::Manifest { path: path.clone(), why: why.to_owned() };
    let text = cx.read(&path)?.ok_or_else(|| fail("it does not exist"))?;
    let pod: Value = serde_yaml::from_slice(&text).map_err(|_| fail("it is no YAML"))?;
    let command = pod.pointer("/spec/containers/0/command").and_then(Value::as_array);
    let command = command.ok_or_else(|| fail("its first container has no command"))?;
    Ok(command.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
}

/// The last value of a flag, given as `--flag=value` or `--flag value`.
fn flag(command: &[String], name: &str) -> Option<String> {
    let mut value = None;
    for (i, word) in command.iter().enumerate() {
        match word.strip_prefix(name) {
            Some("") => value = command.get(i + 1).cloned(),
            Some(rest) => value = rest.strip_prefix('=').map(str::to_owned).or(value),
            None => {}
        }
    }
    // An address that means "all" is no address to connect to.
    value.filter(|value| !value.is_empty()).map(|value| match value.as_str() {
        "0.0.0.0" => "127.0.0.1".into(),
        "::" => "::1".into(),
        _ => value,
    })
}

fn host_port(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_flag_counts_in_both_spellings() {
        let command: Vec<String> = [
            "kube-scheduler",
            "--bind-address=10.0.0.1",
            "--secure-port",
            "1",
            "--bind-address",
            "::",
            "--secure-portx=9",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(flag(&command, "--bind-address").as_deref(), Some("::1"));
        assert_eq!(flag(&command, "--secure-port").as_deref(), Some("1"));
        assert_eq!(flag(&command, "--profiling"), None);
        assert_eq!(host_port("::1", "10259"), "[::1]:10259");
    }
}
