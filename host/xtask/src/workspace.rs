//! Where things are: this repository, what cargo builds, and what is kept between runs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// The repository and its places.
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// cargo's target directory, wherever `CARGO_TARGET_DIR` and the user's configuration put it.
    pub target: PathBuf,
    /// Programs that tasks installed for themselves.
    pub tools: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        // cargo says it again when it runs us: two clones may share a target directory, and with it this program.
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let manifest = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).join("../../Cargo.toml");
        let mut metadata = shell::cargo();
        metadata.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(manifest);
        let text = shell::capture(&mut metadata)?;
        let metadata: Value = serde_json::from_str(&text).context("could not read cargo's metadata")?;
        let path = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).with_context(|| format!("cargo's metadata has no {key}"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, tools: tools() })
    }

    /// The program, built now.
    pub fn program(&self, release: bool) -> Result<PathBuf> {
        let mut build = shell::cargo();
        build.current_dir(&self.root).args(["build", "--quiet", "--package", "kubephase", "--bin", "kubephase"]);
        let profile = if release {
            build.arg("--release");
            "release"
        } else {
            // With the features that xtask itself asks for, nothing that it needed is built a second time.
            build.args(["--package", "xtask"]);
            "debug"
        };
        shell::run(&mut build)?;
        Ok(self.target.join(profile).join("kubephase"))
    }
}

/// `kubephase/tools` in the user's cache directory.
fn tools() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    cache.unwrap_or_else(home).join("kubephase/tools")
}
