//! What is particular about each Kubernetes minor: one file per minor, asked by named questions, never compared at
//! the point of use.

/// A Kubernetes minor release as we deploy it.
#[derive(Debug)]
pub struct Release {
    /// 36 for v1.36.
    pub minor: u64,
}
