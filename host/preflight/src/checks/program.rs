//! `FileExisting-<program>`: a program that the node's components call is in `PATH`.

use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, Severity, at_once};

/// The check. kubeadm: `InPathCheck`. kubeadm itself called `crictl` up to 1.30 and demanded it; we do not.
pub struct Program {
    /// The program.
    pub name: &'static str,
    /// How bad its absence is.
    pub severity: Severity,
}

impl Check for Program {
    fn name(&self) -> String {
        format!("FileExisting-{}", self.name)
    }

    fn about(&self) -> &'static str {
        "a program that the node needs is in PATH"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        at_once(node.in_path(self.name).is_none().then(|| {
            Finding::new(Check::name(self), self.severity, format!("`{}` is not in PATH", self.name))
                .expected(used_by(self.name))
                .remedy(format!("install {}", package(self.name)))
        }))
    }
}

fn used_by(program: &str) -> &'static str {
    match program {
        "conntrack" => "the program with which kube-proxy drops stale connections",
        "iptables" => "the program with which the kubelet and kube-proxy set up packet filtering",
        "losetup" => "the program with which the kubelet attaches block devices",
        "mount" => "the program with which the kubelet mounts volumes",
        "cp" => "the program with which component images install their files",
        "nsenter" => "the program with which the kubelet enters containers' namespaces",
        "socat" => "the program with which runtimes forward ports",
        _ => "a program that components of this Kubernetes release call",
    }
}

/// Debian's and Fedora's package names, where they agree.
fn package(program: &str) -> &'static str {
    match program {
        "conntrack" => "the package conntrack (Debian) or conntrack-tools (Fedora)",
        "ip" | "tc" => "the package iproute2 (Debian) or iproute (Fedora)",
        "iptables" => "the package iptables",
        "ebtables" => "the package ebtables",
        "ethtool" => "the package ethtool",
        "socat" => "the package socat",
        "cp" | "touch" => "the package coreutils",
        _ => "the package mount or util-linux",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn there_or_not() {
        let check = Program { name: "conntrack", severity: Severity::Error };
        assert_eq!(Machine::new().program("conntrack").run(&check).await, []);
        let finding = Machine::new().one(&check).await;
        assert_eq!((finding.check.as_str(), finding.severity), ("FileExisting-conntrack", Severity::Error));
        assert_eq!(finding.seen, "`conntrack` is not in PATH");
        let finding = Machine::new().one(&Program { name: "socat", severity: Severity::Warning }).await;
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[tokio::test]
    async fn a_plain_file_is_not_a_program() {
        let check = Program { name: "conntrack", severity: Severity::Error };
        assert_eq!(Machine::new().file("/usr/bin/conntrack", "data").run(&check).await.len(), 1);
    }
}
