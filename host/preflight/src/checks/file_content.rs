//! `FileContent--<path>`: a kernel setting is on.

use kubephase_node::Node;

use super::path_label;
use crate::check::{Check, Finding, Findings, at_once, chain};

/// The check. kubeadm: `FileContentCheck`: the file begins with `1`.
pub struct FileContent {
    /// The file below `/proc/sys`.
    pub path: &'static str,
    /// The kernel module that makes the setting exist, where it is not built in.
    pub module: Option<&'static str>,
}

/// IPv4 packets of pods are forwarded.
pub const IPV4_FORWARD: FileContent = FileContent { path: "/proc/sys/net/ipv4/ip_forward", module: None };
/// IPv6 packets of pods are forwarded.
pub const IPV6_FORWARD: FileContent = FileContent { path: "/proc/sys/net/ipv6/conf/default/forwarding", module: None };
/// Bridged IPv4 packets pass iptables: kube-proxy relied on it and kubeadm checked it up to 1.29.
pub const BRIDGE_NF_IPV4: FileContent =
    FileContent { path: "/proc/sys/net/bridge/bridge-nf-call-iptables", module: Some("br_netfilter") };
/// Bridged IPv6 packets pass ip6tables.
pub const BRIDGE_NF_IPV6: FileContent =
    FileContent { path: "/proc/sys/net/bridge/bridge-nf-call-ip6tables", module: Some("br_netfilter") };

impl FileContent {
    fn setting(&self) -> String {
        self.path.trim_start_matches("/proc/sys/").replace('/', ".")
    }

    fn remedy(&self) -> String {
        let setting = self.setting();
        let load = match self.module {
            Some(module) => {
                format!("run `modprobe {module}` (and name it in /etc/modules-load.d/kubernetes.conf), then ")
            }
            None => "run ".to_owned(),
        };
        format!("{load}`sysctl -w {setting}=1`, and put `{setting} = 1` into /etc/sysctl.d/kubernetes.conf")
    }
}

impl Check for FileContent {
    fn name(&self) -> String {
        format!("FileContent-{}", path_label(self.path))
    }

    fn about(&self) -> &'static str {
        "a kernel setting is 1"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        let seen = match node.read(self.path) {
            Ok(Some(bytes)) if bytes.first() == Some(&b'1') => return at_once(None),
            Ok(Some(bytes)) => format!("{} is {}", self.setting(), shown(&bytes)),
            Ok(None) => format!("{} does not exist", self.path),
            Err(error) => format!("cannot tell what {} is: {}", self.setting(), chain(&error)),
        };
        at_once([Finding::error(self.name(), seen).expected(format!("{} = 1", self.setting())).remedy(self.remedy())])
    }
}

fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).trim().chars().take(20).collect();
    if text.is_empty() { "empty".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn on_off_missing_unreadable() {
        let check = IPV4_FORWARD;
        assert_eq!(check.name(), "FileContent--proc-sys-net-ipv4-ip_forward");
        assert_eq!(Machine::new().file(check.path, "1\n").run(&check).await, []);
        let finding = Machine::new().file(check.path, "0\n").one(&check).await;
        assert_eq!(finding.to_string(), "net.ipv4.ip_forward is 0; expected: net.ipv4.ip_forward = 1");
        assert!(finding.remedy.expect("a remedy").contains("`sysctl -w net.ipv4.ip_forward=1`"));
        assert_eq!(Machine::new().one(&check).await.seen, "/proc/sys/net/ipv4/ip_forward does not exist");
        assert!(Machine::new().dir(check.path).one(&check).await.seen.starts_with("cannot tell what"));
    }

    #[tokio::test]
    async fn a_missing_module_is_named() {
        let finding = Machine::new().one(&BRIDGE_NF_IPV4).await;
        assert!(finding.remedy.expect("a remedy").starts_with("run `modprobe br_netfilter`"));
    }
}
