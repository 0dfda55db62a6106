//! `ExternalEtcdClientCertificates`: the files with which we shall talk to an external etcd exist.

use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `FileExistingCheck` with the label `ExternalEtcdClientCertificates`; one for each of CA,
/// certificate and key, all under this name.
pub struct EtcdClientFile {
    /// The configuration field that names it: `etcd.external.caFile`.
    pub field: &'static str,
    /// The file.
    pub path: String,
}

const NAME: &str = "ExternalEtcdClientCertificates";

impl Check for EtcdClientFile {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the external etcd's CA and client certificate exist"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        at_once((!node.exists(&self.path)).then(|| {
            Finding::error(NAME, format!("{} does not exist", self.path))
                .expected(format!("the file that {} names", self.field))
                .remedy("copy it from the external etcd's machines, or correct the field")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn there_or_not() {
        let check = EtcdClientFile { field: "etcd.external.caFile", path: "/etc/etcd/ca.crt".into() };
        assert_eq!(Machine::new().file("/etc/etcd/ca.crt", "x").run(&check).await, []);
        let finding = Machine::new().one(&check).await;
        assert_eq!(
            finding.to_string(),
            "/etc/etcd/ca.crt does not exist; expected: the file that etcd.external.caFile names"
        );
    }
}
