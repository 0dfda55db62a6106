//! Python, by componentize-py: CPython and the application in one component of 18 MB, without WASI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Guest, wit};
use crate::plugins::Site;
use crate::plugins::component::Component;
use crate::shell;

pub const GUEST: Guest =
    Guest { name: "free-memory-python", large: true, sources: &[SOURCES], tools: TOOL, prepare, build };

const SOURCES: &str = "plugins/guests/python";
/// What makes components of applications.
pub const TOOL: &str = "componentize-py==0.25.1";

fn prepare(site: &Site) -> Result<()> {
    packages(site, TOOL).map(drop)
}

/// Python packages with what they need, in a directory of their own.
pub fn packages(site: &Site, wanted: &str) -> Result<PathBuf> {
    site.cache.entry("pip", wanted, |directory| {
        let mut pip = shell::program("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-compile", "--target"]).arg(directory).arg(wanted);
        shell::run(&mut pip).with_context(|| format!("python3 with pip is needed to get {wanted}"))
    })
}

/// A program of such a package. Its first line names a Python that may not be there any more.
pub fn program(packages: &Path, name: &str) -> Command {
    let mut python = shell::program("python3");
    python.env("PYTHONPATH", packages).arg(packages.join("bin").join(name));
    python
}

fn build(site: &Site, directory: &Path) -> Result<Component> {
    let path = directory.join("made.wasm");
    let mut componentize = program(&packages(site, TOOL)?, "componentize-py");
    componentize.current_dir(site.root.join(SOURCES));
    componentize.arg("-d").arg(wit(site, SOURCES, directory)?).args(["-w", "free-memory", "componentize", "app"]);
    // Without WASI.
    shell::capture(componentize.args(["--stub-wasi", "--output"]).arg(&path))?;
    Component::from_bytes(fs::read(path)?)
}
