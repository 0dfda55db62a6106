//! Paths of the host that containers see, at the same place unless the user says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use kubephase_model::cluster::Cluster;
use kubephase_model::config::v1beta4::{ExternalEtcd, HostPathMount};
use serde_json::{Value, json};

const CA_CERTS_DIR: &str = "/etc/ssl/certs";

/// A volume and its mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) name: String,
    host_path: String,
    mount_path: String,
    read_only: bool,
    path_type: String,
}

impl Mount {
    pub(super) fn new(name: &str, path: &str, path_type: &str, read_only: bool) -> Self {
        Self {
            name: name.to_owned(),
            host_path: path.to_owned(),
            mount_path: path.to_owned(),
            read_only,
            path_type: path_type.to_owned(),
        }
    }

    /// A directory that the kubelet makes if it is missing.
    pub(super) fn directory(name: &str, path: &str, read_only: bool) -> Self {
        Self::new(name, path, "DirectoryOrCreate", read_only)
    }

    pub(super) fn volume(&self) -> Value {
        json!({ "name": self.name, "hostPath": { "path": self.host_path, "type": self.path_type } })
    }

    pub(super) fn volume_mount(&self) -> Value {
        let mut mount = json!({ "name": self.name, "mountPath": self.mount_path });
        if self.read_only {
            mount["readOnly"] = true.into();
        }
        mount
    }
}

/// Our mounts and the user's, which win by name, sorted by name.
pub(super) fn merge(ours: Vec<Mount>, user: &[HostPathMount]) -> Vec<Mount> {
    let user = user.iter().map(|mount| Mount {
        name: mount.name.0.clone(),
        host_path: mount.host_path.0.clone(),
        mount_path: mount.mount_path.0.clone(),
        read_only: mount.read_only,
        path_type: mount.path_type.clone(),
    });
    let merged: BTreeMap<String, Mount> =
        ours.into_iter().chain(user).map(|mount| (mount.name.clone(), mount)).collect();
    merged.into_values().collect()
}

/// What the API server and the controller manager share: our certificates and the host's CA certificates.
/// `/etc/ssl/certs` is full of links into the other directories, of which those that exist on this host are mounted.
pub(super) fn certificates(cluster: &Cluster) -> Vec<Mount> {
    let mut mounts =
        vec![Mount::directory("k8s-certs", cluster.pki(), true), Mount::directory("ca-certs", CA_CERTS_DIR, true)];
    for dir in cluster.release.ca_dirs.iter().filter(|dir| cluster.facts.ca_dirs.iter().any(|found| found == *dir)) {
        mounts.push(Mount::directory(&dir.trim_start_matches('/').replace('/', "-"), dir, true));
    }
    mounts
}

/// Directories with the certificates of an external etcd that are not mounted anyway: the topmost ones.
pub(super) fn external_etcd(cluster: &Cluster, etcd: &ExternalEtcd) -> Vec<Mount> {
    let mut dirs = BTreeSet::new();
    for file in [&etcd.ca_file, &etcd.cert_file, &etcd.key_file] {
        let dir = parent(&file.0);
        let mut mounted = cluster.release.ca_dirs.iter().copied().chain([CA_CERTS_DIR, cluster.pki()]);
        if dir == "." || mounted.any(|mounted| dir.starts_with(mounted)) {
            continue;
        }
        let covered = dirs.iter().any(|other: &String| dir.starts_with(other) && !other.starts_with(&dir));
        dirs.retain(|other| !other.starts_with(&dir));
        if !covered {
            dirs.insert(dir);
        }
    }
    let named = dirs.iter().enumerate();
    named.map(|(i, dir)| Mount::directory(&format!("etcd-certs-{i}"), dir, true)).collect()
}

/// The directory of a file; `.` if it is nameless.
fn parent(file: &str) -> String {
    match file.rfind('/') {
        Some(0) => "/".to_owned(),
        Some(end) => clean(&file[..end]),
        None => ".".to_owned(),
    }
}

/// The shortest path that means the same (Go's `filepath.Clean` for absolute paths).
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [("/a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/", "/"), ("/../a", "/a")] {
            assert_eq!(clean(path), cleaned);
        }
        for (file, dir) in [("/a/b/c", "/a/b"), ("/a", "/"), ("", "."), ("a", "."), ("/a//b", "/a")] {
            assert_eq!(parent(file), dir);
        }
    }
}
