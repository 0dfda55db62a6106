//! Guests in Rust: the packages of `plugins/Cargo.toml` that are made to be loaded.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Site;
use super::compiler::{Compiler, TARGET};
use super::component::Component;
use crate::shell;

/// Packages, by name.
pub struct Packages(Vec<String>);

impl Packages {
    /// Asks cargo.
    pub fn read(site: &Site) -> Result<Self> {
        let mut metadata = shell::cargo();
        metadata.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]);
        let text = shell::capture(metadata.arg(site.root.join("plugins/Cargo.toml")))?;
        let metadata: Value = serde_json::from_str(&text).context("could not read cargo's metadata")?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let is_guest = |package: &Value| {
            list(&package["targets"]).iter().any(|target| list(&target["crate_types"]).contains(&"cdylib".into()))
        };
        let packages = list(&metadata["packages"]);
        let names = packages.iter().filter(|it| is_guest(it)).filter_map(|it| it["name"].as_str().map(str::to_owned));
        Ok(Self(names.collect()))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Builds those that are named, or all.
    pub fn build(&self, site: &Site, names: &[String]) -> Result<Vec<(String, Component)>> {
        let chosen: Vec<&String> = self.0.iter().filter(|name| names.is_empty() || names.contains(name)).collect();
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let root = site.root.join("plugins");
        let compiler = Compiler::find(&site.cache)?;
        // One for each compiler: cargo does not notice when the library of an old one is gone.
        let target = site.cache.dir(&format!("wasm-target/{}", compiler.id))?;
        let mut cargo = shell::cargo();
        // Not inside the repository, whose cargo configuration is the host's.
        cargo.current_dir(&root).args(["build", "--quiet", "--release", "--lib"]);
        cargo.env("CARGO_TARGET_DIR", &target);
        compiler.apply(&mut cargo, &root)?;
        cargo.args(chosen.iter().flat_map(|name| ["--package", name]));
        shell::run(&mut cargo)?;
        let component = |name: &String| {
            let path = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
            let core = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
            let component = Component::from_core(&core).with_context(|| format!("could not build {name}"))?;
            Ok((name.clone(), component))
        };
        chosen.into_iter().map(component).collect()
    }
}
