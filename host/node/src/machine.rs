//! What is asked of the kernel rather than read from a file: names, users, memory, processors, interfaces, the
//! environment. Live, or fixed to given values so that a test sees the machine that it describes.

use std::net::IpAddr;
use std::time::SystemTime;

use kubephase_model::plugin::facts::NodeFacts;

/// One address of one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name, for example `eth0`.
    pub name: String,
    /// True if the administrator set it up (`IFF_UP`).
    pub up: bool,
    /// The address.
    pub address: IpAddr,
}

/// Everything about the machine that is not below its root directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ambient {
    /// Host name as uname gives it.
    pub hostname: String,
    /// Kernel name, `Linux`.
    pub sysname: String,
    /// Kernel release, for example `6.12.0-1-amd64`.
    pub kernel_release: String,
    /// Real user id.
    pub uid: u32,
    /// Processors that this process may run on.
    pub cpus: usize,
    /// Total memory in bytes.
    pub memory: u64,
    /// Interface addresses in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// The time; the machine's own if not given.
    pub now: Option<SystemTime>,
    /// What it is made of, where that is not read below its root.
    pub facts: NodeFacts,
}

#[derive(Clone, Debug)]
pub(crate) enum Machine {
    Live,
    Fixed(Box<Ambient>),
}

impl Machine {
    pub(crate) fn hostname(&self) -> String {
        match self {
            Self::Live => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            Self::Fixed(ambient) => ambient.hostname.clone(),
        }
    }

    pub(crate) fn sysname(&self) -> String {
        match self {
            Self::Live => rustix::system::uname().sysname().to_string_lossy().into_owned(),
            Self::Fixed(ambient) => ambient.sysname.clone(),
        }
    }

    pub(crate) fn kernel_release(&self) -> String {
        match self {
            Self::Live => rustix::system::uname().release().to_string_lossy().into_owned(),
            Self::Fixed(ambient) => ambient.kernel_release.clone(),
        }
    }

    pub(crate) fn uid(&self) -> u32 {
        match self {
            Self::Live => rustix::process::getuid().as_raw(),
            Self::Fixed(ambient) => ambient.uid,
        }
    }

    /// Like Go's `runtime.NumCPU`: the affinity mask counts, a cgroup's quota does not.
    pub(crate) fn cpus(&self) -> usize {
        match self {
            Self::Live => match rustix::thread::sched_getaffinity(None) {
                Ok(set) => set.count() as usize,
                // The mask of a machine with more than 1024 processors does not fit.
                Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
            },
            Self::Fixed(ambient) => ambient.cpus,
        }
    }

    pub(crate) fn memory(&self) -> u64 {
        match self {
            Self::Live => {
                let info = rustix::system::sysinfo();
                // The types differ between architectures.
                #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "not useless on 32 bits")]
                (info.totalram as u64).saturating_mul(u64::from(info.mem_unit.max(1)))
            }
            Self::Fixed(ambient) => ambient.memory,
        }
    }

    /// An unreadable list (no network at all in a sandbox) is an empty one.
    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        match self {
            Self::Live => live_interfaces(),
            Self::Fixed(ambient) => ambient.interfaces.clone(),
        }
    }

    /// Variables that are not UTF-8 are left out.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        match self {
            Self::Live => std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            Self::Fixed(ambient) => ambient.env.clone(),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        match self {
            Self::Fixed(ambient) if ambient.now.is_some() => ambient.now.unwrap_or_else(SystemTime::now),
            _ => SystemTime::now(),
        }
    }
}

fn live_interfaces() -> Vec<Interface> {
    use nix::net::if_::InterfaceFlags;

    let Ok(addresses) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    addresses
        .filter_map(|entry| {
            let storage = entry.address?;
            let address = match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
                (Some(v4), _) => IpAddr::V4(v4.ip()),
                (_, Some(v6)) => IpAddr::V6(v6.ip()),
                _ => return None,
            };
            let up = entry.flags.contains(InterfaceFlags::IFF_UP);
            Some(Interface { name: entry.interface_name, up, address })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_machine_answers_everything() {
        let live = Machine::Live;
        assert_eq!(live.sysname(), "Linux");
        assert!(!live.kernel_release().is_empty());
        assert!(live.cpus() >= 1);
        assert!(live.memory() > 64 << 20, "total memory in bytes");
        for interface in live.interfaces().iter().filter(|interface| interface.address.is_loopback()) {
            assert_eq!(interface.name, "lo");
        }
    }
}
