//! Where answers to plugins' questions come from.

/// One machine and one cluster, real or given.
pub trait World: std::fmt::Debug + Send + Sync {}

/// Where nothing can be asked.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl World for Nowhere {}
