//! `cargo xtask plugins`: makes components of the guests below `plugins/`, in every language that we have one in. The
//! host's own build never needs any of this.
//!
//! Components lie in `plugins` below the cache, where tests find them. Nothing is built twice, and the same sources give
//! the same bytes wherever they are.
#![expect(clippy::disallowed_methods, reason = "a task builds and writes files")]

pub mod bindings;
mod compiler;
mod component;
mod guests;
mod raw;
mod rust;
mod templates;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::e2e::cache::Cache;
use crate::shell::{self, say, show};
use crate::workspace::Workspace;
use component::Component;
use guests::Guest;

/// Options of `cargo xtask plugins`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these, in whatever language they are
    names: Vec<String>,
    /// Also those whose tools are large: Python and Go
    #[arg(long)]
    all_languages: bool,
    /// Only write what is generated from `wit/` and committed
    #[arg(long)]
    bindings: bool,
    /// Only try the templates of `kubephase plugin new`: each is written, built and tested
    #[arg(long)]
    templates: bool,
}

/// Builds them, shows what came out, and prints the directory that they are in.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.bindings {
        return bindings::write(&workspace.root);
    }
    if args.templates {
        return templates::run(workspace, args.all_languages);
    }
    let start = Instant::now();
    let built = build(workspace, &args.names, args.all_languages)?;
    say(&format!("{:22} {:>8}  {}", "PLUGIN", "KIB", "IMPORTS"));
    for (name, component) in &built.components {
        let imports: Vec<&str> = component.imports.iter().map(|it| component::short(it)).collect();
        say(&format!("{name:22} {:8.1}  {}", component.bytes.len() as f64 / 1024.0, imports.join(" ")));
    }
    say(&format!("{} components in {:.1} s", built.components.len(), start.elapsed().as_secs_f64()));
    show(&built.directory.display().to_string());
    Ok(())
}

/// The workspace of guests in Rust.
pub const MANIFEST: &str = "plugins/Cargo.toml";

/// Lints guests in Rust, for this machine: clippy belongs to the user's own compiler, which may not have the target.
pub fn lint(workspace: &Workspace) -> Result<()> {
    let args =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--manifest-path", MANIFEST, "--", "-D", "warnings"];
    shell::run(native(workspace).args(args))
}

/// Tries the templates for languages with small tools.
pub fn templates(workspace: &Workspace) -> Result<()> {
    templates::run(workspace, false)
}

/// Tests the pure parts of guests in Rust, on this machine. What components do is tested with the host.
pub fn test(workspace: &Workspace) -> Result<()> {
    shell::run(native(workspace).args(["test", "--quiet", "--workspace", "--manifest-path", MANIFEST]))
}

fn native(workspace: &Workspace) -> Command {
    let mut cargo = shell::cargo();
    cargo.current_dir(&workspace.root).env("CARGO_TARGET_DIR", workspace.target.join("plugins"));
    cargo
}

/// What was built.
pub struct Built {
    /// Where the components are, as `<name>.wasm`.
    pub directory: PathBuf,
    components: Vec<(String, Component)>,
}

/// Builds guests, by name or all of them; without names those with large tools only if that is asked for.
pub fn build(workspace: &Workspace, names: &[String], all_languages: bool) -> Result<Built> {
    let site = Site::open(workspace)?;
    let rust = rust::Packages::read(&site)?;
    let raw = raw::Sources::find(&site)?;
    let known: Vec<&str> =
        rust.names().chain(raw.names()).chain(guests::GUESTS.iter().map(|guest| guest.name)).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no plugin `{unknown}`; there are {}", known.join(", "));
    }
    let mut components = rust.build(&site, names)?;
    components.extend(raw.build(&site, names)?);
    let is_wanted = |guest: &&Guest| match names {
        [] => all_languages || !guest.large,
        names => names.iter().any(|name| name == guest.name),
    };
    for guest in guests::GUESTS.iter().filter(is_wanted) {
        match guest.prepare(&site) {
            // Who names none takes what can be had on this machine.
            Err(error) if names.is_empty() => say(&format!("SKIPPED {}: {error:#}", guest.name)),
            prepared => {
                prepared?;
                let component = guest.component(&site).with_context(|| format!("could not build {}", guest.name))?;
                components.push((guest.name.to_owned(), component));
            }
        }
    }
    for (name, component) in &components {
        write(&site.directory.join(format!("{name}.wasm")), &component.bytes)?;
    }
    Ok(Built { directory: site.directory, components })
}

/// Where guests are built.
struct Site {
    /// The repository's root.
    root: PathBuf,
    /// Where components go.
    directory: PathBuf,
    /// Where everything else goes.
    cache: Cache,
}

impl Site {
    fn open(workspace: &Workspace) -> Result<Self> {
        let cache = Cache::open()?;
        Ok(Self { root: workspace.root.clone(), directory: cache.dir("plugins")?, cache })
    }
}

/// Writes a file that others may be reading: they see the old or the new one. One that is the same already is left alone,
/// with its time.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, bytes).with_context(|| format!("could not write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("could not write {}", path.display()))
}
