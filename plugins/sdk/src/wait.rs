//! Builders of conditions that are waited for, each with the seconds that it may take at most: 1 to 3600.

use crate::Wait;

impl Wait {
    /// A Deployment, DaemonSet or StatefulSet has all its pods ready. `target` is
    /// `<apiVersion> <kind> <namespace>/<name>`, such as `apps/v1 Deployment kube-system/metrics-server`.
    pub fn rolled_out(target: impl Into<String>, seconds: u32) -> Self {
        Self::object(target, "rolled-out", seconds)
    }

    /// The object exists.
    pub fn exists(target: impl Into<String>, seconds: u32) -> Self {
        Self::object(target, "exists", seconds)
    }

    /// The object does not exist any more.
    pub fn gone(target: impl Into<String>, seconds: u32) -> Self {
        Self::object(target, "gone", seconds)
    }

    /// A condition of the object, such as `Available`, is `True`.
    pub fn condition(target: impl Into<String>, condition: impl Into<String>, seconds: u32) -> Self {
        Self::object(target, condition, seconds)
    }

    /// The URL answers with a status from 200 to 299.
    pub fn url(url: impl Into<String>, seconds: u32) -> Self {
        Self::new("url", url, "", seconds)
    }

    /// The Unix socket at that path accepts a connection.
    pub fn socket(path: impl Into<String>, seconds: u32) -> Self {
        Self::new("socket", path, "", seconds)
    }

    fn object(target: impl Into<String>, condition: impl Into<String>, seconds: u32) -> Self {
        Self::new("object", target, condition, seconds)
    }

    fn new(kind: &str, target: impl Into<String>, condition: impl Into<String>, seconds: u32) -> Self {
        Self {
            kind: kind.into(),
            target: target.into(),
            condition: condition.into(),
            timeout_seconds: seconds,
            attributes: Vec::new(),
        }
    }
}
