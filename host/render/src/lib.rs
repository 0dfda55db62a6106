//! Desired values, pure: what the files on a node should say. Turns a [`kubephase_model::Cluster`] into static pods,
//! kubeconfig files, the kubelet's files and the objects of the cluster, and applies the user's patches. Reads no file, no clock, no environment.

pub mod corefile;
pub mod jws;
pub mod kubeconfig;
pub mod kubelet;
pub mod objects;
pub mod patch;
pub mod static_pod;
mod yaml;

pub use yaml::yaml;

#[cfg(test)]
mod recorded;
