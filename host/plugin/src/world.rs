//! Where answers to plugins' questions come from.

/// One machine and one cluster, real or given.
pub trait World: std::fmt::Debug + Send + Sync {
    /// The cluster can be asked from now on.
    fn connected(&self, _api: &kubephase_node::kube::Api) {}
}

/// Where nothing can be asked.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl World for Nowhere {}
