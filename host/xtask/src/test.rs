//! `cargo xtask test`: everything that guards this repository, except the real cluster. Every step runs, whatever the
//! ones before it found; the summary of the tests comes last.

mod junit;
mod policy;
mod suite;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::{self, say};
use crate::workspace::Workspace;
use crate::{docs, plugins, tools};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Only formatting, generated pages and unit tests: for between two edits
    #[arg(long)]
    fast: bool,
}

struct Step {
    name: &'static str,
    fast: bool,
    run: fn(&Workspace) -> Result<()>,
}

/// In order, cheapest first. The tests follow by themselves.
const STEPS: &[Step] = &[
    Step { name: "formatting", fast: true, run: formatting },
    Step { name: "generated pages", fast: true, run: docs::check },
    Step { name: "generated bindings", fast: true, run: bindings },
    Step { name: "lints", fast: false, run: lints },
    Step { name: "dependency policy", fast: false, run: policy::check },
    Step { name: "examples in documentation", fast: false, run: doctests },
    Step { name: "plugins' own tests", fast: false, run: plugins::test },
    Step { name: "templates of plugins", fast: false, run: plugins::templates },
];

/// Programs that tests need beside those of every Debian, and their packages.
const PACKAGES: [(&str, &str); 6] = [
    ("openssl", "openssl"),
    ("docker-registry", "docker-registry"),
    // `reset` works with what the node has of these.
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("ipset", "ipset"),
    ("ipvsadm", "ipvsadm"),
];

/// Runs them.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    tools::components()?;
    tools::packages(&PACKAGES)?;
    let mut failed = Vec::new();
    let mut rows = Vec::new();
    for step in STEPS.iter().filter(|step| step.fast || !args.fast) {
        say(&format!("\n── {}", step.name));
        let start = Instant::now();
        if let Err(error) = (step.run)(workspace) {
            say(&format!("error: {error:#}"));
            failed.push(step.name);
        }
        rows.push((step.name, start.elapsed(), failed.last() == Some(&step.name)));
    }
    say("\n── tests");
    let start = Instant::now();
    let tests = suite::run(workspace, args.fast);
    let bad = tests.as_ref().map_or(true, suite::Summary::failed);
    if bad {
        failed.push("tests");
    }
    rows.push(("tests", start.elapsed(), bad));

    say("");
    for (name, took, failed) in rows {
        say(&format!("{:6} {:26} {:6.1} s", if failed { "FAILED" } else { "ok" }, name, took.as_secs_f64()));
    }
    // The summary is last, so that whoever reads only the last line reads it.
    let summary = tests.map_or_else(|error| format!("tests: {error:#}"), |summary| summary.to_string());
    if !failed.is_empty() {
        bail!("failed: {}\n{summary}", failed.join(", "));
    }
    say(&summary);
    Ok(())
}

fn formatting(workspace: &Workspace) -> Result<()> {
    shell::run(shell::cargo().current_dir(&workspace.root).args(["fmt", "--all", "--check"]))?;
    // Plugins and the fuzz target are workspaces of their own.
    for manifest in [plugins::MANIFEST, "tests/fuzz/Cargo.toml"] {
        let args = ["fmt", "--all", "--check", "--manifest-path", manifest];
        shell::run(shell::cargo().current_dir(&workspace.root).args(args))?;
    }
    Ok(())
}

fn bindings(workspace: &Workspace) -> Result<()> {
    plugins::bindings::check(&workspace.root)
}

fn lints(workspace: &Workspace) -> Result<()> {
    let args = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::run(shell::cargo().current_dir(&workspace.root).args(args))?;
    plugins::lint(workspace)
}

fn doctests(workspace: &Workspace) -> Result<()> {
    shell::run(shell::cargo().current_dir(&workspace.root).args(["test", "--quiet", "--workspace", "--doc"]))
}
