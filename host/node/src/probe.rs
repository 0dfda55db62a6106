//! Raw looks at the machine and measurements on it, one file per look: what is seen, never whether it is good enough.
//! All take the [`Node`](crate::Node), so that a test can put the files they read under a root. What measures the network
//! or the clock fails on a pretended machine.

mod cgroups;
mod clock;
mod connect;
mod cpus;
mod disk;
mod error;
mod fdatasync;
mod hosts;
mod kernel;
mod kernel_config;
mod memory;
mod mounts;
mod names;
mod path_mtu;
mod ports;
mod sntp;
mod swap;
mod sysctl;

pub use cgroups::{CgroupVersion, Cgroups, cgroups};
pub use clock::clock_state;
pub use connect::connect;
pub use cpus::cpus;
pub use disk::{Disk, disk};
pub use error::MeasureError;
pub use fdatasync::fdatasync;
pub use hosts::{HostsEntry, hosts};
pub use kernel::{kernel_name, kernel_release, uid};
pub use kernel_config::{KernelConfig, KernelConfigError, kernel_config};
pub use memory::memory_mib;
pub(crate) use mounts::unescape;
pub use mounts::{Mount, mounts};
pub use names::{is_global_unicast, lookup};
pub use path_mtu::path_mtu;
pub use ports::{Listener, listener, port_free, port_free_on};
pub use sntp::clock_offset;
pub use swap::swap;
pub use sysctl::sysctl;
