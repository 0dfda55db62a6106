//! JavaScript, by componentize-qjs: QuickJS and the script in one component, without WASI.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Guest, wit};
use crate::plugins::Site;
use crate::plugins::component::Component;
use crate::shell;

pub const GUEST: Guest =
    Guest { name: "free-memory-js", large: false, sources: &[SOURCES], tools: TOOL, prepare, build };

const SOURCES: &str = "plugins/guests/js";
const TOOL: &str = "componentize-qjs@0.4.5";

fn prepare(site: &Site) -> Result<()> {
    tool(site).map(drop)
}

fn tool(site: &Site) -> Result<PathBuf> {
    let entry = site.cache.entry("npm", TOOL, |directory| {
        let mut npm = shell::program("npm");
        npm.current_dir(directory).args(["install", "--silent", "--no-audit", "--no-fund", "--prefix", "."]);
        shell::run(npm.arg(TOOL)).context("npm is needed to get the tool that makes components of scripts")
    })?;
    Ok(entry.join("node_modules/.bin/componentize-qjs"))
}

fn build(site: &Site, directory: &Path) -> Result<Component> {
    let path = directory.join("made.wasm");
    let mut componentize = shell::program(tool(site)?);
    componentize.current_dir(site.root.join(SOURCES)).arg("--wit").arg(wit(site, SOURCES, directory)?);
    // Without component-model async, and without a clock, files or randomness of WASI.
    componentize.args(["--sync", "--stub-wasi", "--js", "free-memory.js", "--output"]).arg(&path);
    // It talks where only the directory should be printed.
    shell::capture(&mut componentize)?;
    Component::from_bytes(fs::read(path)?)
}
