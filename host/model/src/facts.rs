//! What the machine is, read once before anything changes (by the node crate) and then a plain value.

use std::net::IpAddr;

/// Read-only look at the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The operating system's host name, as is.
    pub hostname: String,
    /// Addresses of up interfaces that carry a default route, best route first, global unicast only; each
    /// interface's addresses in the kernel's order.
    pub default_route_addresses: Vec<IpAddr>,
    /// Global unicast addresses on `lo`.
    pub loopback_global_addresses: Vec<IpAddr>,
    /// Environment variables whose lower-cased name ends in `_proxy` and whose value is not empty, sorted by name.
    pub proxy_env: Vec<(String, String)>,
    /// Which of [`crate::layout::CA_DIR_CANDIDATES`] exist on this host.
    pub ca_dirs: Vec<String>,
    /// CRI sockets that accepted a connection, of those in [`crate::layout::CRI_SOCKETS`].
    pub cri_sockets: Vec<String>,
    /// True if the service `systemd-resolved` is active.
    pub systemd_resolved: bool,
}
