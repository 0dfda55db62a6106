//! One node at a time changes members, by a Lease in the cluster.

/// Where it is.
pub(super) const NAMESPACE: &str = "kube-system";
/// Name of the Lease that whoever changes members holds.
pub const LEASE_NAME: &str = "kubephase-etcd-members";
