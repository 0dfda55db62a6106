//! kubeadm's configuration API: reading, converting, defaulting, validating and writing it.

mod address;
pub mod defaults;
pub mod differences;
pub mod duration;
pub mod flags;
pub mod load;
pub mod migrate;
pub mod print;
pub mod record;
pub mod reset;
pub mod resolve;
pub mod stored;
pub mod tokens;
pub mod v1beta2;
pub mod v1beta3;
pub mod v1beta4;
pub mod validate;
pub mod version;
pub mod versions;
