//! kubeadm's configuration API: reading, converting, defaulting, validating and writing it.

pub mod duration;
pub mod record;
pub mod v1beta4;
