//! kubectl, Debian's own: the client that people use, and that knows nothing of this project.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::cache::Cache;
use super::debian::Suite;
use super::kubernetes::{Kubernetes, SUITE};

/// The suite with the newest one. It runs on older Debians too.
const NEWEST: &str = "sid";

/// The newest that Debian has.
pub fn newest(cache: &Cache) -> Result<PathBuf> {
    program(cache, NEWEST, "kubectl")
}

/// One that suits the release: its own if its programs came with one, otherwise from the suite of its age.
pub fn suiting(cache: &Cache, kubernetes: &Kubernetes) -> Result<PathBuf> {
    let own = kubernetes.bin_dir.join("kubectl");
    match kubernetes.minor {
        _ if own.exists() => Ok(own),
        // Made from the same source package as everything else.
        ..26 => program(cache, SUITE, "kubernetes-client"),
        _ => newest(cache),
    }
}

fn program(cache: &Cache, suite: &str, package: &str) -> Result<PathBuf> {
    let program = Suite::open(cache, suite)?.unpacked("kubectl", &[package])?.join("usr/bin/kubectl");
    if !program.exists() {
        bail!("{package} of {suite} has no {}", program.display());
    }
    Ok(program)
}
