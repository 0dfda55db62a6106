//! `cargo xtask plugins --templates`: begins a plugin of every kind in every language, as a person would, builds it by its
//! own `make`, and runs its case.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::Site;
use super::bindings::KINDS;
use super::compiler::Compiler;
use super::guests::{self, go, python};
use crate::shell::{self, say};
use crate::workspace::Workspace;

/// A language of templates.
struct Language {
    name: &'static str,
    /// The guest in the same language, whose tools are used; none for Rust.
    guest: Option<&'static str>,
    /// Lets the project find tools that are in the cache and not on this machine.
    equip: fn(&Site, &Path, &mut Command) -> Result<()>,
}

const LANGUAGES: &[Language] = &[
    Language { name: "rust", guest: None, equip: rust },
    Language { name: "c", guest: Some("free-memory-c"), equip: wasm_tools },
    Language { name: "js", guest: Some("free-memory-js"), equip: |_, _, _| Ok(()) },
    Language { name: "python", guest: Some("free-memory-python"), equip: componentize },
    Language { name: "go", guest: Some("free-memory-go"), equip: go },
];

/// Tries them all; those with large tools only if that is asked for.
pub fn run(workspace: &Workspace, all_languages: bool) -> Result<()> {
    let site = Site::open(workspace)?;
    let kubephase = workspace.program(false)?;
    let mut failed = Vec::new();
    for language in LANGUAGES {
        let guest = guests::GUESTS.iter().find(|guest| language.guest == Some(guest.name));
        if guest.is_some_and(|guest| guest.large) && !all_languages {
            continue;
        }
        if let Some(Err(error)) = guest.map(|guest| guest.prepare(&site)) {
            say(&format!("SKIPPED templates for {}: {error:#}", language.name));
            continue;
        }
        for kind in KINDS {
            let start = Instant::now();
            let result = try_one(&site, &kubephase, language, kind);
            let verdict = if result.is_ok() { "ok" } else { "FAILED" };
            say(&format!("{verdict:6} {:7} {kind:10} {:5.1} s", language.name, start.elapsed().as_secs_f64()));
            if let Err(error) = result {
                say(&format!("{error:#}"));
                failed.push(format!("{} {kind}", language.name));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("templates failed: {}", failed.join(", ")) }
}

fn try_one(site: &Site, kubephase: &Path, language: &Language, kind: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let name = format!("try-{kind}");
    let mut new = shell::program(kubephase);
    new.current_dir(&directory).args(["plugin", "new", &name, "--lang", language.name, "--kind", kind]);
    shell::capture(&mut new)?;
    let project = directory.path().join(&name);
    let mut make = shell::program("make");
    make.current_dir(&project).arg("--silent");
    (language.equip)(site, &project, &mut make)?;
    shell::capture(&mut make)?;
    shell::capture(shell::program(kubephase).current_dir(&project).args(["plugin", "test"])).map(drop)
}

fn rust(site: &Site, project: &Path, make: &mut Command) -> Result<()> {
    let compiler = Compiler::find(&site.cache)?;
    compiler.apply(make, project)?;
    // What all of them depend on is compiled once.
    let target = site.cache.dir(&format!("wasm-target/templates-{}", compiler.id))?;
    symlink(target, project.join("target"))?;
    make.env_remove("CARGO_TARGET_DIR");
    wasm_tools(site, project, make)
}

fn wasm_tools(site: &Site, _: &Path, make: &mut Command) -> Result<()> {
    tool(&python::packages(site, go::TOOLS)?, "WASM_TOOLS", "wasm-tools", make);
    Ok(())
}

fn componentize(site: &Site, _: &Path, make: &mut Command) -> Result<()> {
    tool(&python::packages(site, python::TOOL)?, "TOOL", "componentize-py", make);
    Ok(())
}

fn go(site: &Site, project: &Path, make: &mut Command) -> Result<()> {
    // As if it had been downloaded: the proxy of modules is not asked.
    let mut go_mod = fs::OpenOptions::new().append(true).open(project.join("go.mod")).context("there is no go.mod")?;
    writeln!(go_mod, "replace go.bytecodealliance.org/pkg => {}", go::runtime(site)?.display())?;
    let compiler = python::packages(site, go::COMPILER)?.join("go/bin/go");
    make.arg(format!("GO={}", compiler.display())).env("GOCACHE", site.cache.dir("go")?);
    make.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    wasm_tools(site, project, make)
}

/// A program of Python packages, in place of the one that the project would get for itself.
fn tool(packages: &Path, variable: &str, program: &str, make: &mut Command) {
    let path: PathBuf = packages.join("bin").join(program);
    make.env("PYTHONPATH", packages).arg(format!("{variable}={}", path.display()));
}
