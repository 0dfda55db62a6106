//! What makes a node a control-plane node, whichever workflow does it: certificates, kubeconfig files, static pods, marks,
//! and waiting for all of it. Functions over [`crate::work::Work`]; where they stand in a tree is the workflows'.

pub mod certs;
pub mod healthy;
pub mod kubeconfig;
pub mod manifests;
pub mod mark;
