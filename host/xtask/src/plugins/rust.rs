//! Guests in Rust: the packages of `plugins/Cargo.toml` that are made to be loaded.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Site;
use super::compiler::{Compiler, TARGET};
use super::component::Component;
use crate::shell::{self, say};

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

    /// Builds those that are named, or all. Each by itself: together they would share features of what they depend on,
    /// and the bytes of one would change with its neighbours.
    pub fn build(&self, site: &Site, names: &[String]) -> Result<Vec<(String, Component)>> {
        let chosen: Vec<&String> = self.0.iter().filter(|name| names.is_empty() || names.contains(name)).collect();
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let root = site.root.join("plugins");
        let compiler = Compiler::find(&site.cache)?;
        // One for each compiler: cargo does not notice when the library of an old one is gone.
        let target = site.cache.dir(&format!("wasm-target/{}", compiler.id))?;
        let build = |name: &String| -> Result<(String, Component)> {
            let mut cargo = shell::cargo();
            cargo.current_dir(&root).args([
                "build",
                "--quiet",
                "--release",
                "--lib",
                "--target",
                TARGET,
                "--package",
                name,
            ]);
            cargo.env("CARGO_TARGET_DIR", &target);
            compiler.apply(&mut cargo, &root)?;
            shell::capture(&mut cargo)?;
            let path = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
            let core = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
            Ok((name.clone(), Component::from_core(&core)?))
        };
        let build = |name| {
            say(&format!("building {name}"));
            build(name).with_context(|| format!("could not build {name}"))
        };
        chosen.into_iter().map(build).collect()
    }
}
