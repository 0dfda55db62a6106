//! The kinds that the API server serves: one row each. Discovery, routes, schemas and printing are made from this table.

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Its version, such as `v1`.
    pub version: &'static str,
    /// Such as `ConfigMap`.
    pub kind: &'static str,
    /// Such as `configmaps`: the resource's name in paths.
    pub plural: &'static str,
    /// Such as `configmap`.
    pub singular: &'static str,
    /// Such as `cm`.
    pub short_names: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether there is a `status` subresource.
    pub status: bool,
}
