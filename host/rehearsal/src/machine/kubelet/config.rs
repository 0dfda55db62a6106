//! What the kubelet is told: its configuration file, its flags, its kubeconfig.

use std::net::IpAddr;

use kubephase_model::layout;
use serde_json::Value;

use super::super::Machine;

/// What follows from all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The node's name.
    pub name: String,
    /// The node's addresses.
    pub addresses: Vec<IpAddr>,
    /// Labels to register with.
    pub labels: Vec<(String, String)>,
    /// Taints to register with, as objects.
    pub taints: Vec<Value>,
    /// Where manifests of static pods are.
    pub static_pods: Option<String>,
    /// Where it says how it is, `127.0.0.1:10248`; `None` for nowhere.
    pub healthz: Option<String>,
    /// Whether it gets its client certificates renewed.
    pub rotates: bool,
    /// Whether it asks the cluster for its serving certificate.
    pub serving: bool,
    /// How many pods it runs at most.
    pub max_pods: i64,
    /// Where its certificates are.
    pub cert_dir: String,
    /// Its kubeconfig.
    pub kubeconfig: String,
}

impl Settings {
    /// Reads them as the real one does, and refuses what it would refuse: the text is what it would log.
    pub fn read(machine: &Machine) -> Result<Self, String> {
        let path = layout::KUBELET_CONFIG;
        let fail = |why: String| format!("failed to load kubelet config file, path: {path}, error: {why}");
        let text = std::fs::read_to_string(machine.place(path)).map_err(|_| {
            fail(format!("failed to read kubelet config file {path:?}, error: open {path}: no such file or directory"))
        })?;
        let config: Value = serde_yaml::from_str(&text).map_err(|error| fail(format!("failed to decode: {error}")))?;
        if config["apiVersion"] != "kubelet.config.k8s.io/v1beta1" || config["kind"] != "KubeletConfiguration" {
            let (version, kind) = (&config["apiVersion"], &config["kind"]);
            return Err(fail(format!("failed to decode: no kind {kind} is registered for version {version}")));
        }
        let flags = flags(&std::fs::read_to_string(machine.place(layout::KUBELET_FLAGS_ENV)).unwrap_or_default());
        let flag = |name: &str| flags.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let spec = machine.spec();
        let named =
            flag("node-ip").map(|list| list.split(',').filter_map(|ip| ip.parse().ok()).collect::<Vec<IpAddr>>());
        // Without a flag, the address of the default route: one of the first family.
        let addresses = named.unwrap_or_else(|| spec.addresses.iter().take(1).copied().collect());
        let port = config["healthzPort"].as_u64().unwrap_or(10248);
        let address = config["healthzBindAddress"].as_str().unwrap_or("127.0.0.1");
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let static_pods = config["staticPodPath"].as_str().filter(|path| !path.is_empty()).map(str::to_owned);
        Ok(Self {
            name: flag("hostname-override").unwrap_or(&spec.hostname).to_lowercase(),
            addresses,
            labels: flag("node-labels").map(pairs).unwrap_or_default(),
            taints: flag("register-with-taints").map(taints).unwrap_or_default(),
            static_pods,
            healthz: (port != 0).then(|| format!("{host}:{port}")),
            rotates: config["rotateCertificates"] == true,
            serving: config["serverTLSBootstrap"] == true,
            max_pods: config["maxPods"].as_i64().unwrap_or(110),
            cert_dir: flag("cert-dir").unwrap_or("/var/lib/kubelet/pki").to_owned(),
            kubeconfig: flag("kubeconfig").unwrap_or("/etc/kubernetes/kubelet.conf").to_owned(),
        })
    }
}

/// `KUBELET_KUBEADM_ARGS="--a=b --c=d"`.
fn flags(text: &str) -> Vec<(String, String)> {
    let line = text.lines().find_map(|line| line.strip_prefix("KUBELET_KUBEADM_ARGS=")).unwrap_or_default();
    let words = line.trim_matches('"').split_whitespace().filter_map(|word| word.strip_prefix("--"));
    words
        .map(|word| word.split_once('=').unwrap_or((word, "true")))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

fn pairs(list: &str) -> Vec<(String, String)> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `key=value:effect,…`
fn taints(list: &str) -> Vec<Value> {
    let taints = list.split(',').filter_map(|taint| taint.rsplit_once(':'));
    taints
        .map(|(key, effect)| match key.split_once('=') {
            Some((key, value)) if !value.is_empty() => {
                serde_json::json!({ "key": key, "value": value, "effect": effect })
            }
            _ => serde_json::json!({ "key": key.trim_end_matches('='), "effect": effect }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_taken_apart() {
        let flags = flags("KUBELET_KUBEADM_ARGS=\"--hostname-override=n1 --node-labels=a=b,c=d --x\"\n");
        assert_eq!(flags.len(), 3);
        assert_eq!(pairs(&flags[1].1), [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())]);
        assert_eq!(
            taints("a=b:NoSchedule,c:NoExecute"),
            [
                serde_json::json!({ "key": "a", "value": "b", "effect": "NoSchedule" }),
                serde_json::json!({ "key": "c", "effect": "NoExecute" })
            ]
        );
    }
}
