//! What plugins that install a pod network have in common: subnets, and what must be so on a node before pods can get
//! addresses in them. A library, no plugin: pure functions over what the plugins have read.

mod configurations;
mod links;
mod programs;
mod subnet;

pub use configurations::earlier_configurations;
pub use links::{foreign_bridge_address, overlapping_links};
pub use programs::missing_programs;
pub use subnet::{Subnet, SubnetError};
