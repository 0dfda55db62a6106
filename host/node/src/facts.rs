//! The machine's facts, gathered once before anything changes. Each can be had alone, so that a command pays only for
//! what it asks. What they mean for a configuration is the model's business.

mod routes;

use std::io::ErrorKind;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kubephase_model::Facts;
use kubephase_model::layout::{CA_DIR_CANDIDATES, CRI_SOCKETS};

use crate::node::{Found, Node};
use crate::probe;

impl Node {
    /// Everything at once. Starts no program unless systemd-resolved has left traces.
    pub fn facts(&self) -> Facts {
        Facts {
            hostname: self.hostname(),
            default_route_addresses: self.default_route_addresses(),
            loopback_global_addresses: self.loopback_global_addresses(),
            proxy_env: self.proxy_env(),
            ca_dirs: self.ca_dirs(),
            cri_sockets: self.cri_sockets(),
            systemd_resolved: self.systemd_resolved(),
        }
    }

    /// The operating system's host name, as is.
    pub fn hostname(&self) -> String {
        self.machine().hostname()
    }

    /// Addresses of up interfaces that carry a default route, global unicast only: IPv4 routes first, routes in the
    /// kernel's order, and for each the interface's addresses of the route's family.
    pub fn default_route_addresses(&self) -> Vec<IpAddr> {
        let table = |path| self.read_text(path).ok().flatten().unwrap_or_default();
        let interfaces = self.machine().interfaces();
        let mut addresses = Vec::new();
        let v4 = routes::defaults_v4(&table("/proc/net/route")).into_iter().map(|name| (name, true));
        let v6 = routes::defaults_v6(&table("/proc/net/ipv6_route")).into_iter().map(|name| (name, false));
        for (name, is_v4) in v4.chain(v6) {
            for interface in interfaces.iter().filter(|i| i.name == name && i.up && i.address.is_ipv4() == is_v4) {
                if probe::is_global_unicast(interface.address) && !addresses.contains(&interface.address) {
                    addresses.push(interface.address);
                }
            }
        }
        addresses
    }

    /// Global unicast addresses on `lo`, where routed networks put a machine's own.
    pub fn loopback_global_addresses(&self) -> Vec<IpAddr> {
        let on_lo = self.machine().interfaces().into_iter().filter(|i| i.name == "lo" && i.up);
        on_lo.map(|i| i.address).filter(|address| probe::is_global_unicast(*address)).collect()
    }

    /// Environment variables whose lower-cased name ends in `_proxy` and whose value is not empty, sorted by name.
    pub fn proxy_env(&self) -> Vec<(String, String)> {
        let mut found = self.machine().env();
        found.retain(|(name, value)| name.to_lowercase().ends_with("_proxy") && !value.is_empty());
        found.sort();
        found
    }

    /// Directories with CA certificates that the node has.
    pub fn ca_dirs(&self) -> Vec<String> {
        CA_DIR_CANDIDATES.iter().filter(|dir| self.exists(dir)).map(|dir| (*dir).to_owned()).collect()
    }

    /// Known CRI sockets that accept a connection.
    pub fn cri_sockets(&self) -> Vec<String> {
        let accepts = |socket: &&&str| {
            let path = socket.strip_prefix("unix://").unwrap_or(**socket);
            std::os::unix::net::UnixStream::connect(self.host_path(path)).is_ok()
        };
        CRI_SOCKETS.iter().filter(accepts).map(|socket| (*socket).to_owned()).collect()
    }

    /// True if the service `systemd-resolved` is active. `systemctl` is asked only where systemd runs and resolved has
    /// left its directory (it keeps that when it stops).
    pub fn systemd_resolved(&self) -> bool {
        let traces = self.is_dir("/run/systemd/system") && self.is_dir("/run/systemd/resolve");
        traces && self.systemctl_says_active("systemd-resolved")
    }

    /// The one program that facts may start: short, so not worth making every fact asynchronous.
    fn systemctl_says_active(&self, service: &str) -> bool {
        let Some(path) = self.in_path("systemctl") else { return false };
        let Found::At(place) = self.find(&path.to_string_lossy()) else { return false };
        let mut command = std::process::Command::new(place);
        command.args(["is-active", service]).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut child = loop {
            match command.spawn() {
                Ok(child) => break child,
                // Installed a moment ago, and another thread's child still holds on to it.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return false,
            }
        };
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                // Killing and reaping cannot fail for a child that still runs; if it has just ended, that is fine too.
                let _ = child.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let Ok(output) = child.wait_with_output() else { return false };
        matches!(String::from_utf8_lossy(&output.stdout).trim(), "active" | "activating")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::tests::script;
    use crate::machine::{Ambient, Interface};
    use kubephase_model::File;

    fn interface(name: &str, address: &str) -> Interface {
        Interface { name: name.into(), up: true, address: address.parse().expect("an address") }
    }

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t00000000\t0102000A\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const ROUTES_V6: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    #[test]
    fn the_best_routes_addresses_come_first() {
        let root = tempfile::tempdir().expect("a root");
        let ambient = Ambient {
            hostname: "Node-1".into(),
            interfaces: vec![
                interface("lo", "127.0.0.1"),
                interface("lo", "192.0.2.77"),
                interface("eth0", "10.0.2.15"),
                interface("eth1", "169.254.7.7"),
                interface("eth1", "192.0.2.9"),
                Interface { up: false, ..interface("eth1", "192.0.2.10") },
                interface("docker0", "172.17.0.1"),
                interface("eth1", "fe80::9"),
                interface("eth1", "2001:db8::9"),
                interface("eth0", "2001:db8::15"),
            ],
            env: vec![
                ("no_proxy".into(), "10.0.0.0/8".into()),
                ("HTTPS_PROXY".into(), "http://proxy.example:3128".into()),
                ("FTP_PROXY".into(), String::new()),
                ("PROXY".into(), "x".into()),
            ],
            ..Ambient::default()
        };
        let writer = Node::at(root.path());
        writer.ensure(&File::public("/proc/net/route", ROUTES)).expect("written");
        writer.ensure(&File::public("/proc/net/ipv6_route", ROUTES_V6)).expect("written");
        writer.ensure_dir("/etc/ca-certificates", 0o755).expect("made");
        let facts = Node::fixed(root.path(), ambient).facts();
        let expected: Vec<IpAddr> =
            ["192.0.2.9", "10.0.2.15", "2001:db8::9"].iter().map(|a| a.parse().expect("an address")).collect();
        assert_eq!(facts.default_route_addresses, expected);
        assert_eq!(facts.loopback_global_addresses, ["192.0.2.77".parse::<IpAddr>().expect("an address")]);
        assert_eq!(facts.hostname, "Node-1");
        assert_eq!(facts.ca_dirs, ["/etc/ca-certificates"]);
        let names: Vec<_> = facts.proxy_env.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HTTPS_PROXY", "no_proxy"]);
        assert_eq!((facts.cri_sockets.len(), facts.systemd_resolved), (0, false));
    }

    #[test]
    fn a_socket_counts_if_it_accepts() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.ensure_dir("/var/run/crio", 0o755).expect("made");
        node.ensure(&File::public("/var/run/cri-dockerd.sock", "no socket")).expect("written");
        let _server =
            std::os::unix::net::UnixListener::bind(root.path().join("var/run/crio/crio.sock")).expect("bound");
        assert_eq!(node.cri_sockets(), ["unix:///var/run/crio/crio.sock"]);
    }

    #[test]
    fn resolved_is_what_systemctl_says() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "systemctl", "[ \"$*\" = 'is-active systemd-resolved' ] && echo active");
        assert!(!node.systemd_resolved(), "systemd does not run");
        node.ensure_dir("/run/systemd/system", 0o755).expect("made");
        node.ensure_dir("/run/systemd/resolve", 0o755).expect("made");
        assert!(node.systemd_resolved());
        script(&node, "systemctl", "echo inactive; exit 3");
        assert!(!node.systemd_resolved());
    }
}
