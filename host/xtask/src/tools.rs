//! Programs that tasks need and that may not be there yet: each is installed by its name, once, outside the repository.
#![expect(clippy::disallowed_methods, reason = "a task looks for programs and clears up after building one")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// `cargo <name> …`, by the program `cargo-<name>`: the user's own if there is one, else ours, built now if need be.
pub fn cargo_tool(workspace: &Workspace, name: &str) -> Result<Command> {
    let crate_name = format!("cargo-{name}");
    if shell::succeeds(shell::cargo().args([name, "--version"])) {
        let mut cargo = shell::cargo();
        cargo.arg(name);
        return Ok(cargo);
    }
    let path = workspace.tools.join("bin").join(&crate_name);
    if !path.is_file() {
        install(workspace, &crate_name).with_context(|| format!("could not install {crate_name}"))?;
    }
    let mut command = shell::program(path);
    command.arg(name);
    Ok(command)
}

fn install(workspace: &Workspace, crate_name: &str) -> Result<()> {
    shell::say(&format!("{crate_name} is not here: building it once, which takes some minutes"));
    let build: PathBuf = workspace.tools.join("build");
    // Not inside the repository: its own cargo configuration is none of the tool's business.
    fs::create_dir_all(&workspace.tools)?;
    shell::run(
        shell::cargo()
            .current_dir(&workspace.tools)
            .env("CARGO_TARGET_DIR", &build)
            .args(["install", "--locked", "--quiet", "--root"])
            .arg(&workspace.tools)
            .arg(crate_name),
    )?;
    fs::remove_dir_all(&build).with_context(|| format!("could not clear {}", build.display()))
}

/// Components of the toolchain; rustup's minimal profile lacks both.
pub fn components() -> Result<()> {
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(command, _)| !shell::succeeds(shell::cargo().args([command, "--version"])))
        .map(|(_, component)| component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    shell::run(shell::program("rustup").args(["component", "add"]).args(missing))
}

/// Debian packages, by a program of each, that tests compare with. Installed if we are root, otherwise asked for; tests
/// that miss one say so.
pub fn packages(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = wanted.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root()? {
        shell::say(&format!("some tests will skip without {}: sudo {}", missing.join(", "), install_line(&missing)));
        return Ok(());
    }
    debian(&missing)
}

/// Whether a program is there. It is not run for that: some fail where the kernel has nothing for them.
fn has(program: &str) -> bool {
    shell::succeeds(shell::program("sh").args(["-c", "command -v \"$1\"", "sh", program]))
}

/// Installs Debian packages, or says how if we may not.
pub fn debian(packages: &[&str]) -> Result<()> {
    let install = install_line(packages);
    if !is_root()? {
        bail!("{} are needed: sudo {install}", packages.join(" and "));
    }
    let apt = |line: &str| shell::run(shell::program("apt-get").args(line.split(' ').skip(1)));
    apt(&install).or_else(|_| apt("apt-get update").and_then(|()| apt(&install)))
}

fn is_root() -> Result<bool> {
    Ok(shell::capture(shell::program("id").arg("-u"))?.trim() == "0")
}

fn install_line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}
