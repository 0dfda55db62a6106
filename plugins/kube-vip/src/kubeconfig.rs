//! Which kubeconfig the pod uses.

use kubephase_sdk::facts::{ClusterFacts, attribute};
use kubephase_sdk::prelude::*;

use crate::manifest;

/// What it keeps: its user's rights come from a ClusterRoleBinding, which `init` makes after the API server is up.
pub const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// What is let in before that, on the node of `init`, from Kubernetes 1.29 on.
pub const SUPER_ADMIN: &str = "/etc/kubernetes/super-admin.conf";

/// The one that works at this moment. Once an earlier run has changed to `admin.conf`, the binding is there, and the pod
/// stays as it is.
pub fn now(cluster: &ClusterFacts) -> Result<String, Failure> {
    let able = attribute(&cluster.attributes, "admin-kubeconfig").unwrap_or(ADMIN);
    if able == ADMIN {
        return Ok(ADMIN.into());
    }
    let earlier = match files::read_text_if_there(manifest::PATH) {
        Ok(earlier) => earlier.unwrap_or_default(),
        // Not granted: the pod changes twice in every run, which works.
        Err(failure) if failure.code == "denied" => String::new(),
        Err(failure) => return Err(failure.context(format!("reading {}", manifest::PATH))),
    };
    Ok(if uses(&earlier, ADMIN) { ADMIN.into() } else { able.into() })
}

/// Whether a manifest of ours mounts that file of the node.
fn uses(manifest: &str, path: &str) -> bool {
    manifest.lines().any(|line| line.trim().strip_prefix("path: ") == Some(&*manifest::quoted(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mounted_file_is_found_in_our_manifest() {
        let text = "  volumes:\n  - hostPath:\n      path: \"/etc/kubernetes/admin.conf\"\n      type: File\n";
        assert!(uses(text, ADMIN));
        assert!(!uses(&text.replace("admin", "super-admin"), ADMIN));
        // The path inside is always the same, and says nothing.
        assert!(!uses("    - mountPath: \"/etc/kubernetes/admin.conf\"\n", ADMIN));
    }
}
