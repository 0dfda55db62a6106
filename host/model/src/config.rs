//! kubeadm's configuration API: reading, converting, defaulting, validating and writing it.

pub mod duration;
pub mod load;
pub mod record;
pub mod v1beta3;
pub mod v1beta4;
pub mod versions;
