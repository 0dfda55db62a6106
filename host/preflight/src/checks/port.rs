//! `Port-<port>`: nobody else listens where a component of ours will.

use std::net::IpAddr;

use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `PortOpenCheck`.
pub struct Port {
    /// The TCP port.
    pub port: u16,
    /// The address that will be bound; `None` for all addresses.
    pub address: Option<IpAddr>,
}

impl Check for Port {
    fn name(&self) -> String {
        format!("Port-{}", self.port)
    }

    fn about(&self) -> &'static str {
        "a port that a component will listen on is free"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        let port = self.port;
        let free = match self.address {
            Some(address) => probe::port_free_on(node, address, port),
            None => probe::port_free(node, port),
        };
        let Err(error) = free else { return at_once(None) };
        let who = belongs_to(port);
        at_once([match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                let (by, remedy) = match probe::listener(node, port) {
                    Some(process) => (
                        format!(" by {} (process {})", process.name, process.pid),
                        format!("stop {}; what an earlier cluster left goes with `kubephase reset`", process.name),
                    ),
                    None => (
                        String::new(),
                        format!(
                            "see who listens with `ss -ltnp 'sport = :{port}'` and stop it; what an earlier cluster left \
                             goes with `kubephase reset`"
                        ),
                    ),
                };
                Finding::error(self.name(), format!("port {port} is in use{by}"))
                    .expected(format!("a free port for {who}"))
                    .remedy(remedy)
            }
            std::io::ErrorKind::PermissionDenied => {
                Finding::error(self.name(), format!("cannot tell whether port {port} is free: permission denied"))
                    .expected(format!("a free port for {who}"))
                    .remedy("run it as root")
            }
            _ => Finding::error(self.name(), format!("port {port} cannot be listened on: {error}"))
                .expected(format!("a free port for {who}"))
                .remedy("see that the address belongs to this machine"),
        }])
    }
}

fn belongs_to(port: u16) -> &'static str {
    match port {
        10250 => "the kubelet",
        10257 => "kube-controller-manager",
        10259 => "kube-scheduler",
        2379 | 2380 => "etcd",
        _ => "kube-apiserver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test is the other process that has the port")]
    async fn taken_then_free() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        for address in [None, Some(IpAddr::from([127, 0, 0, 1]))] {
            let finding = Machine::new().one(&Port { port, address }).await;
            assert_eq!(finding.check, format!("Port-{port}"));
            assert_eq!(finding.seen, format!("port {port} is in use"));
        }
        drop(listener);
        assert_eq!(Machine::new().run(&Port { port, address: Some(IpAddr::from([127, 0, 0, 1])) }).await, []);
    }

    #[tokio::test]
    async fn an_address_of_another_machine() {
        let address = Some(IpAddr::from([192, 0, 2, 77]));
        let finding = Machine::new().one(&Port { port: 6443, address }).await;
        assert!(finding.seen.starts_with("port 6443 cannot be listened on"), "{}", finding.seen);
    }
}
