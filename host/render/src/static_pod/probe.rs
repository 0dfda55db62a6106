//! Probes, and where they knock.

use kubephase_model::cluster::{Cluster, arg_value};
use kubephase_model::config::v1beta4::Arg;
use kubephase_model::release::ProbePaths;
use serde_json::{Value, json};

/// Seconds that a probe may take.
const TIMEOUT: u64 = 15;
/// Seconds between liveness or startup probes.
const PERIOD: u64 = 10;

/// Where a component answers probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Empty for the pod's own address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) scheme: &'static str,
}

impl Endpoint {
    /// An HTTPS endpoint. An unspecified address cannot be dialled: the pod's own is used then.
    pub(super) fn https(address: &str, port: u16) -> Self {
        let host = if matches!(address, "0.0.0.0" | "::") { "" } else { address };
        Self { host: host.to_owned(), port, scheme: "HTTPS" }
    }

    /// The endpoint of a component that binds to loopback unless it is told otherwise.
    pub(super) fn bound(args: &[Arg], port: u16) -> Self {
        Self::https(arg_value(args, "bind-address").unwrap_or("127.0.0.1"), port)
    }
}

/// The container's probes by field name.
pub(super) fn probes(cluster: &Cluster, paths: &ProbePaths, endpoint: &Endpoint) -> Vec<(&'static str, Value)> {
    let delay = cluster.release.probes.liveness_delay;
    // Enough failures to cover the whole time that the control plane may take.
    let patience = cluster.deadlines().control_plane_components.as_millis().div_ceil(u128::from(PERIOD) * 1000);
    let patience = u64::try_from(patience).unwrap_or(u64::MAX);
    [
        ("livenessProbe", Some(paths.liveness), delay, 8, PERIOD),
        ("readinessProbe", paths.readiness, 0, 3, 1),
        ("startupProbe", paths.startup, PERIOD, patience, PERIOD),
    ]
    .into_iter()
    .filter_map(|(name, path, delay, failures, period)| {
        Some((name, http_get(cluster, endpoint, path?, delay, failures, period)))
    })
    .collect()
}

fn http_get(cluster: &Cluster, endpoint: &Endpoint, path: &str, delay: u64, failures: u64, period: u64) -> Value {
    let port = if cluster.release.probe_port_name { super::PROBE_PORT.into() } else { Value::from(endpoint.port) };
    let mut get = json!({ "path": path, "port": port, "scheme": endpoint.scheme });
    if !endpoint.host.is_empty() {
        get["host"] = endpoint.host.as_str().into();
    }
    let mut probe = json!({ "httpGet": get, "timeoutSeconds": TIMEOUT, "periodSeconds": period });
    for (name, value) in [("initialDelaySeconds", delay), ("failureThreshold", failures)] {
        if value > 0 {
            probe[name] = value.into();
        }
    }
    probe
}
