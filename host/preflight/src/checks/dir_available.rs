//! `DirAvailable--<path>`: a directory that we are going to fill must not exist, or be empty.

use kubephase_node::Node;

use super::path_label;
use crate::check::{Check, Finding, Findings, at_once, chain};

/// The check. kubeadm: `DirAvailableCheck`.
pub struct DirAvailable {
    /// The directory.
    pub path: String,
}

impl Check for DirAvailable {
    fn name(&self) -> String {
        format!("DirAvailable-{}", path_label(&self.path))
    }

    fn about(&self) -> &'static str {
        "a directory that will be filled is empty"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        if !node.exists(&self.path) {
            return at_once(None);
        }
        if !node.is_dir(&self.path) {
            return at_once([Finding::error(self.name(), format!("{} is not a directory", self.path))
                .expected("an empty directory or none")
                .remedy("move it away")]);
        }
        at_once(match node.list(&self.path) {
            Ok(names) if names.is_empty() => None,
            Ok(names) => Some(
                Finding::error(self.name(), format!("{} is not empty ({})", self.path, some(&names)))
                    .expected("an empty directory or none")
                    .remedy(
                        "if it is left over from an earlier cluster, run `kubephase reset`; look before you remove it, it \
                         may hold the only copy of a cluster's data",
                    ),
            ),
            Err(error) => Some(
                Finding::error(self.name(), format!("cannot tell whether {} is empty: {}", self.path, chain(&error)))
                    .expected("an empty directory or none")
                    .remedy("make it readable, or remove it"),
            ),
        })
    }
}

fn some(names: &[String]) -> String {
    match names {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn missing_empty_full_and_not_a_directory() {
        let check = DirAvailable { path: "/var/lib/etcd".into() };
        assert_eq!(check.name(), "DirAvailable--var-lib-etcd");
        assert_eq!(Machine::new().run(&check).await, []);
        assert_eq!(Machine::new().dir("/var/lib/etcd").run(&check).await, []);
        let finding = Machine::new().dir("/var/lib/etcd/member").one(&check).await;
        assert_eq!(finding.seen, "/var/lib/etcd is not empty (member)");
        let finding = Machine::new().file("/var/lib/etcd", "x").one(&check).await;
        assert_eq!(finding.seen, "/var/lib/etcd is not a directory");
    }
}
