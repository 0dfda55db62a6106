//! What a recording owes to the machine that made it, and how to expect the same of another one.
//!
//! Four facts of the host reach files: its name and address (only where the configuration names none), the
//! directories with CA certificates that exist on it, whether systemd-resolved runs, and which IDs its users have. The proxy environment is
//! not among them: the program under test gets an environment of its own (see [`super::program`]).

use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::meaning::Meaning;

/// Facts that reach files.
#[derive(Clone, Debug)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Address of the default route.
    pub address: String,
    /// Directories with CA certificates beside `/etc/ssl/certs`.
    pub ca_dirs: Vec<&'static str>,
    /// True if the service systemd-resolved is active.
    pub resolved: bool,
    /// IDs that new system users get, in order.
    pub uids: Vec<u32>,
    /// IDs that new system groups get, in order.
    pub gids: Vec<u32>,
}

/// How many users and groups `RootlessControlPlane` makes.
const USERS: usize = 4;
const GROUPS: usize = 5;

/// Where kubeadm 1.36 looks for CA certificates.
const CA_DIRS: [&str; 5] = [
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

impl Host {
    /// The one that made the recordings of 1.36.
    pub fn recorded() -> Self {
        Self {
            name: "cp3".to_string(),
            address: "10.77.0.13".to_string(),
            ca_dirs: vec!["/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"],
            resolved: false,
            uids: (101..).take(USERS).collect(),
            gids: (102..).take(GROUPS).collect(),
        }
    }

    /// This one. Its address is the one that a packet to the world would leave from; None without a default route.
    pub fn here() -> Option<Self> {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_lowercase();
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?; // sends nothing
        let address = match socket.local_addr().ok()?.ip() {
            IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_unspecified() => v4.to_string(),
            _ => return None,
        };
        let resolved = Command::new("systemctl")
            .args(["is-active", "--quiet", "systemd-resolved"])
            .output()
            .is_ok_and(|output| output.status.success());
        let (uids, gids) = free_ids(Path::new("/"));
        Some(Self { name, address, ca_dirs: ca_dirs_below(Path::new("/")), resolved, uids, gids })
    }

    /// A root directory that was made for a test, on this machine.
    pub fn at(root: &Path, name: &str, address: &str) -> Self {
        let (uids, gids) = free_ids(root);
        let (name, address) = (name.to_string(), address.to_string());
        Self { name, address, ca_dirs: ca_dirs_below(root), resolved: false, uids, gids }
    }

    /// What was recorded on `recorded`, as it would be on this host.
    pub fn expect(&self, recorded: &Self, mut meaning: Meaning) -> Meaning {
        for (path, item) in &mut meaning {
            if self.name != recorded.name || self.address != recorded.address {
                strings(item, &mut |text| {
                    *text = rename(text, &recorded.name, &self.name).replace(&recorded.address, &self.address);
                });
                sort_dns_names(item);
            }
            if path.ends_with("manifests/kube-apiserver.yaml")
                || path.ends_with("manifests/kube-controller-manager.yaml")
            {
                self.mount_ca_dirs(&mut item["contents"]["spec"]);
            }
            if path.starts_with("etc/kubernetes/manifests/") {
                self.renumber(recorded, &mut item["contents"]["spec"]["securityContext"]);
            }
            if path == "var/lib/kubelet/config.yaml" && self.resolved {
                item["contents"]["resolvConf"] = json!("/run/systemd/resolve/resolv.conf");
            }
        }
        meaning
    }

    /// The users of `RootlessControlPlane` have the IDs that are free here.
    fn renumber(&self, recorded: &Self, context: &mut Value) {
        let map = |value: &mut Value, from: &[u32], to: &[u32]| {
            let at = from.iter().position(|id| *value == json!(id));
            *value = json!(to[at.unwrap_or_else(|| panic!("{value} was not among the free IDs"))]);
        };
        for (pointer, from, to) in [
            ("/runAsUser", &recorded.uids, &self.uids),
            ("/runAsGroup", &recorded.gids, &self.gids),
            ("/supplementalGroups/0", &recorded.gids, &self.gids),
        ] {
            if let Some(value) = context.pointer_mut(pointer) {
                map(value, from, to);
            }
        }
    }

    /// Volumes and mounts for exactly this host's directories; kubeadm sorts both by name.
    fn mount_ca_dirs(&self, spec: &mut Value) {
        let name = |dir: &str| dir.trim_start_matches('/').replace('/', "-");
        let is_ca_dir = |v: &Value| CA_DIRS.iter().any(|dir| v["name"] == name(dir));
        let mut replace = |pointer: &str, new: &dyn Fn(&str) -> Value| {
            let Some(list) = spec.pointer_mut(pointer).and_then(Value::as_array_mut) else { return };
            list.retain(|v| !is_ca_dir(v));
            list.extend(self.ca_dirs.iter().map(|dir| new(dir)));
            list.sort_by_key(|v| v["name"].as_str().unwrap_or_default().to_string());
        };
        replace("/containers/0/volumeMounts", &|dir| json!({ "mountPath": dir, "name": name(dir), "readOnly": true }));
        replace(
            "/volumes",
            &|dir| json!({ "hostPath": { "path": dir, "type": "DirectoryOrCreate" }, "name": name(dir) }),
        );
    }
}

fn ca_dirs_below(root: &Path) -> Vec<&'static str> {
    CA_DIRS.into_iter().filter(|dir| root.join(dir.trim_start_matches('/')).exists()).collect()
}

/// The lowest free IDs of the system range, for users and for groups. Assumes the usual range.
fn free_ids(root: &Path) -> (Vec<u32>, Vec<u32>) {
    let free = |file: &str, count: usize| -> Vec<u32> {
        let text = std::fs::read_to_string(root.join("etc").join(file)).unwrap_or_default();
        let taken: Vec<u32> = text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect();
        (100..1000).filter(|id| !taken.contains(id)).take(count).collect()
    };
    (free("passwd", USERS), free("group", GROUPS))
}

/// Replaces whole words only: `cp3` is not part of `cp30`.
fn rename(text: &str, from: &str, to: &str) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some(i) = rest.find(from) {
        let (before, after) = (&rest[..i], &rest[i + from.len()..]);
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
        let whole = !joins(before.chars().next_back()) && !joins(after.chars().next());
        result.push_str(before);
        result.push_str(if whole { to } else { from });
        rest = after;
    }
    result + rest
}

fn strings(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| strings(item, change)),
        Value::Object(map) => map.values_mut().for_each(|item| strings(item, change)),
        _ => {}
    }
}

/// kubeadm sorts the DNS names of a certificate, so that another host name may stand elsewhere among them.
fn sort_dns_names(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort_dns_names),
        Value::Object(map) => {
            if let Some(names) = map.get_mut("sans").and_then(|s| s.get_mut("is")).and_then(Value::as_array_mut) {
                let dns = names.iter().take_while(|n| n.as_str().is_some_and(|n| n.starts_with("DNS:"))).count();
                names[..dns].sort_by_key(|n| n.as_str().unwrap_or_default().to_string());
            }
            map.values_mut().for_each(sort_dns_names);
        }
        _ => {}
    }
}
