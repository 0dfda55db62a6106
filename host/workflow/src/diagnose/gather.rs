//! Collects [`Evidence`] from a node: bounded in time and size, never failing, changing nothing. What cannot be looked
//! at is noted. Secrets are taken out here, so that no later code can show them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubephase_model::names::join_host_port;
use kubephase_model::{Cluster, layout};
use kubephase_node::cri::{Container, ContainerState, POD_NAMESPACE_LABEL};
use kubephase_node::{Command, Cri, Node, http, probe};
use serde_json::Value;

use super::evidence::{COMPONENTS, ContainerEvidence, Disk, Evidence, SandboxEvidence};
use super::redact::redact;

/// For each question; all are asked at the same time.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Lines of the kubelet's log.
const KUBELET_LINES: usize = 400;
/// Of a component's log: its beginning, because a refused flag is followed by a long usage text, and its end.
const FIRST_LINES: usize = 20;
const LAST_LINES: usize = 200;
/// Bytes of a log file that are read at all.
const LOG_BYTES: u64 = 1 << 20;
/// Where the kubelet logs when it is not a systemd unit.
const KUBELET_LOGS: [&str; 4] =
    ["/var/log/kubelet/kubelet.log", "/var/log/kubelet.log", "/var/log/syslog", "/var/log/messages"];

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The CRI endpoint.
    pub cri_socket: String,
    /// URL of the kubelet's health endpoint; `None` if that is off.
    pub kubelet_healthz: Option<String>,
    /// etcd's data directory.
    pub etcd_data_dir: String,
    /// Lines of the kubelet's log from before this are of an earlier try.
    pub since: Option<SystemTime>,
}

impl Scene {
    /// The node that `cluster` describes. Patches may have moved the kubelet's health endpoint.
    pub fn of(cluster: &Cluster, since: Option<SystemTime>) -> Self {
        let etcd_data_dir = cluster.local_etcd().map(|etcd| etcd.data_dir.0.as_str());
        Self {
            cri_socket: cluster.node().cri_socket.clone(),
            kubelet_healthz: healthz_url(&cluster.kubelet),
            etcd_data_dir: etcd_data_dir.unwrap_or(layout::ETCD_DATA_DIR).to_owned(),
            since,
        }
    }
}

fn healthz_url(kubelet: &Value) -> Option<String> {
    let port = kubelet.get("healthzPort").and_then(Value::as_u64).unwrap_or(10248);
    let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
    let address = match kubelet.get("healthzBindAddress").and_then(Value::as_str) {
        None | Some("" | "0.0.0.0") => "127.0.0.1",
        Some("::") => "::1",
        Some(address) => address,
    };
    Some(format!("http://{}/healthz", join_host_port(address, port)))
}

/// Looks at the kubelet, the runtime, the components and the disks. Takes a few seconds at most.
pub async fn gather(node: &Node, scene: &Scene) -> Evidence {
    let ((kubelet_log, kubelet_log_at, no_log), kubelet_healthz, runtime) = tokio::join!(
        kubelet_log(node, scene.since),
        healthz(node, scene.kubelet_healthz.as_deref()),
        runtime(node, &scene.cri_socket)
    );
    let mut missing: Vec<String> = no_log.into_iter().collect();
    missing.extend(runtime.missing);
    Evidence {
        kubelet_log,
        kubelet_log_at,
        kubelet_healthz,
        cri_socket: scene.cri_socket.clone(),
        cri_error: runtime.error,
        containers: runtime.containers,
        sandboxes: runtime.sandboxes,
        disks: disks(node, &scene.etcd_data_dir),
        missing,
    }
}

async fn healthz(node: &Node, url: Option<&str>) -> Option<String> {
    let url = url?;
    let Ok(client) = node.http(&http::Options::default()) else { return None };
    Some(match client.get(url, TIMEOUT).await {
        Ok(response) if response.status == 200 => redact(&response.text()),
        Ok(response) => format!("status {}: {}", response.status, redact(&response.text())),
        Err(error) => error.reason(),
    })
}

/// The log, where it is, and what is missing.
async fn kubelet_log(node: &Node, since: Option<SystemTime>) -> (String, String, Option<String>) {
    let mut args: Vec<String> = ["-u", "kubelet", "--no-pager", "-q", "-n"].map(String::from).into();
    args.push(KUBELET_LINES.to_string());
    let mut at = "journalctl -u kubelet".to_owned();
    if let Some(since) = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok()) {
        let since = format!("--since=@{}", since.as_secs());
        at = format!("{at} {since}");
        args.push(since);
    }
    let journal = node.run_ok(&Command::look("journalctl", args).timeout(TIMEOUT)).await;
    let why = match journal {
        Ok(output) if !output.stdout.trim().is_empty() => {
            return (redact(&last(&output.stdout, KUBELET_LINES)), at, None);
        }
        Ok(_) => "the journal has nothing of the unit kubelet".to_owned(),
        Err(error) => error.to_string(),
    };
    for path in KUBELET_LOGS {
        let Ok(Some(bytes)) = node.read_end(path, LOG_BYTES) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        // A log of its own has no other program's lines; the system's log has the program's name in each.
        let own = path.contains("kubelet");
        let lines: Vec<&str> = text.lines().filter(|line| own || line.contains("kubelet[")).collect();
        if !lines.is_empty() {
            return (redact(&last(&lines.join("\n"), KUBELET_LINES)), path.to_owned(), None);
        }
    }
    (String::new(), at, Some(format!("the kubelet's log: {why}")))
}

#[derive(Default)]
struct Runtime {
    error: Option<String>,
    containers: Vec<ContainerEvidence>,
    sandboxes: Vec<SandboxEvidence>,
    missing: Vec<String>,
}

async fn runtime(node: &Node, cri_socket: &str) -> Runtime {
    let labels = [(POD_NAMESPACE_LABEL, "kube-system")];
    let failed = |error: kubephase_node::CriError| {
        let error = redact(&error.to_string());
        Runtime { missing: vec![format!("containers: {error}")], error: Some(error), ..Runtime::default() }
    };
    let cri = match node.cri(cri_socket, TIMEOUT).await {
        Ok(cri) => cri,
        Err(error) => return failed(error),
    };
    let (containers, sandboxes) = tokio::join!(cri.list_containers(&labels), cri.list_sandboxes(&labels));
    let containers = match containers {
        Ok(containers) => containers,
        Err(error) => return failed(error),
    };
    let mut found = Runtime::default();
    for component in COMPONENTS {
        // Newest first.
        let attempts: Vec<&Container> = containers.iter().filter(|container| container.name == component).collect();
        if let Some(evidence) = container(node, &cri, component, &attempts, &mut found.missing).await {
            found.containers.push(evidence);
        }
    }
    match sandboxes {
        Ok(sandboxes) => {
            for sandbox in sandboxes {
                if let Some(component) = COMPONENTS.into_iter().find(|name| sandbox.name.starts_with(name)) {
                    let state = if sandbox.ready { "ready" } else { "notready" };
                    found.sandboxes.push(SandboxEvidence { component: component.into(), state: state.into() });
                }
            }
        }
        Err(error) => found.missing.push(format!("sandboxes: {}", redact(&error.to_string()))),
    }
    found
}

/// The state is the newest container's. What it says is the last ended one's, if there is one: a container that was
/// started a moment ago does not know yet what will end it.
async fn container(
    node: &Node,
    cri: &Cri,
    component: &str,
    attempts: &[&Container],
    missing: &mut Vec<String>,
) -> Option<ContainerEvidence> {
    let newest = attempts.first()?;
    let telling = attempts.iter().find(|container| container.state == ContainerState::Exited).unwrap_or(newest);
    let mut evidence = ContainerEvidence {
        component: component.into(),
        id: telling.id.clone(),
        state: match newest.state {
            ContainerState::Created => "created",
            ContainerState::Running => "running",
            ContainerState::Exited => "exited",
            ContainerState::Unknown => "unknown",
        }
        .into(),
        restarts: newest.attempt,
        ..ContainerEvidence::default()
    };
    match cri.container_status(&telling.id).await {
        Ok(details) => {
            evidence.exit_code = (details.state == ContainerState::Exited).then_some(details.exit_code);
            evidence.reason = details.reason;
            evidence.message = redact(&details.message);
            evidence.log_path = details.log_path;
        }
        Err(error) => missing.push(format!("the state of {component}: {}", redact(&error.to_string()))),
    }
    if !evidence.log_path.is_empty() {
        match node.read_end(&evidence.log_path, LOG_BYTES) {
            Ok(Some(bytes)) => evidence.log_tail = redact(&ends(&String::from_utf8_lossy(&bytes))),
            Ok(None) => missing.push(format!("the log of {component}: {} does not exist", evidence.log_path)),
            Err(error) => missing.push(format!("the log of {component}: {error}")),
        }
    }
    Some(evidence)
}

fn disks(node: &Node, etcd_data_dir: &str) -> Vec<Disk> {
    [etcd_data_dir, layout::KUBELET_DIR, "/var/lib/containerd"]
        .into_iter()
        .filter_map(|path| Some(Disk { path: path.to_owned(), free: probe::disk(node, path)?.available }))
        .collect()
}

fn last(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn ends(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= FIRST_LINES + LAST_LINES {
        return lines.join("\n");
    }
    let (first, rest) = lines.split_at(FIRST_LINES);
    [first, &rest[rest.len() - LAST_LINES..]].concat().join("\n")
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;
    use kubephase_node::Ambient;

    use super::*;
    use crate::diagnose::diagnose;

    fn node() -> (tempfile::TempDir, Node) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let node = Node::fixed(root.path(), Ambient::default());
        (root, node)
    }

    async fn look(node: &Node) -> Evidence {
        let scene = Scene {
            cri_socket: "unix:///run/none.sock".into(),
            // Port 1 of the loopback: nobody listens there.
            kubelet_healthz: Some("http://127.0.0.1:1/healthz".into()),
            etcd_data_dir: "/var/lib/etcd".into(),
            since: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        };
        gather(node, &scene).await
    }

    fn script(node: &Node, name: &str, body: &str) {
        let file = File { mode: 0o755, ..File::public(format!("/usr/bin/{name}"), format!("#!/bin/sh\n{body}\n")) };
        node.ensure(&file).expect("a script");
    }

    #[tokio::test]
    async fn nothing_there_is_noted_and_no_failure() {
        let (_root, node) = node();
        let evidence = look(&node).await;
        assert_eq!(evidence.kubelet_log, "");
        assert!(!evidence.kubelet_is_healthy());
        assert!(evidence.missing[0].starts_with("the kubelet's log: "), "{:?}", evidence.missing);
        assert!(evidence.missing[1].starts_with("containers: "), "{:?}", evidence.missing);
        assert!(diagnose(&evidence).is_some());
    }

    #[tokio::test]
    async fn the_journal_since_the_given_time_without_secrets() {
        let (_root, node) = node();
        script(&node, "journalctl", r#"echo "kubelet[1]: args $*"; echo "kubelet[1]: token: abcdef.0123456789abcdef""#);
        let evidence = look(&node).await;
        assert!(evidence.kubelet_log.contains("-u kubelet"), "{}", evidence.kubelet_log);
        assert!(evidence.kubelet_log.contains("--since=@1700000000"));
        assert!(!evidence.kubelet_log.contains("0123456789abcdef"));
        assert_eq!(evidence.kubelet_log_at, "journalctl -u kubelet --since=@1700000000");
    }

    #[tokio::test]
    async fn without_systemd_a_log_file_is_read() {
        let (_root, node) = node();
        let syslog = "Jan  2 10:00:00 cp1 cron[1]: x\n\
            Jan  2 10:00:00 cp1 kubelet[991]: F0102 10:00:00.1 991 server.go:269] failed to run Kubelet: running with swap on is not supported, please disable swap! or set --fail-swap-on flag to false.\n";
        node.ensure(&File::public("/var/log/syslog", syslog)).expect("written");
        let evidence = look(&node).await;
        assert_eq!(evidence.kubelet_log_at, "/var/log/syslog");
        assert_eq!(evidence.kubelet_log.lines().count(), 1);
        assert_eq!(diagnose(&evidence).expect("a cause").cause, "swap-on");
    }

    #[test]
    fn health_endpoints() {
        use serde_json::json;

        for (kubelet, url) in [
            (json!({}), Some("http://127.0.0.1:10248/healthz")),
            (json!({"healthzBindAddress": "::", "healthzPort": 10348}), Some("http://[::1]:10348/healthz")),
            (json!({"healthzPort": 0}), None),
        ] {
            assert_eq!(healthz_url(&kubelet).as_deref(), url);
        }
    }

    #[test]
    fn both_ends_of_a_long_log_are_kept() {
        let log: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let kept = ends(&log);
        assert_eq!(kept.lines().count(), FIRST_LINES + LAST_LINES);
        assert!(kept.starts_with("line 0\n") && kept.ends_with("line 999"));
        assert_eq!(last(&log, 2), "line 998\nline 999");
    }
}
