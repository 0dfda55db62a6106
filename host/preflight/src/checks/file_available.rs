//! `FileAvailable--<path>`: a file that we are going to write must not be there yet.

use kubephase_node::Node;

use super::path_label;
use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `FileAvailableCheck`.
pub struct FileAvailable {
    /// The file.
    pub path: String,
}

impl Check for FileAvailable {
    fn name(&self) -> String {
        format!("FileAvailable-{}", path_label(&self.path))
    }

    fn about(&self) -> &'static str {
        "a file that will be written does not exist yet"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        at_once(node.exists(&self.path).then(|| {
            Finding::error(self.name(), format!("{} already exists", self.path))
                .expected("no such file: this node belongs to no cluster yet")
                .remedy("if it is left over from an earlier cluster, run `kubephase reset` or remove it")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn there_or_not() {
        let check = FileAvailable { path: "/etc/kubernetes/manifests/etcd.yaml".into() };
        assert_eq!(check.name(), "FileAvailable--etc-kubernetes-manifests-etcd.yaml");
        assert_eq!(Machine::new().run(&check).await, []);
        let finding = Machine::new().file(&check.path, "x").one(&check).await;
        assert_eq!(finding.seen, "/etc/kubernetes/manifests/etcd.yaml already exists");
    }
}
