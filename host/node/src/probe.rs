//! Raw looks at the machine, one file per look: what is seen, never whether it is good enough. All take the
//! [`Node`](crate::Node), so that a test can put the files they read under a root.

mod cgroups;
mod cpus;
mod disk;
mod hosts;
mod kernel;
mod kernel_config;
mod memory;
mod mounts;
mod names;
mod ports;
mod swap;
mod sysctl;

pub use cgroups::{CgroupVersion, Cgroups, cgroups};
pub use cpus::cpus;
pub use disk::{Disk, disk};
pub use hosts::{HostsEntry, hosts};
pub use kernel::{kernel_name, kernel_release, uid};
pub use kernel_config::{KernelConfig, KernelConfigError, kernel_config};
pub use memory::memory_mib;
pub(crate) use mounts::unescape;
pub use mounts::{Mount, mounts};
pub use names::{is_global_unicast, lookup};
pub use ports::{Listener, listener, port_free, port_free_on};
pub use swap::swap;
pub use sysctl::sysctl;
