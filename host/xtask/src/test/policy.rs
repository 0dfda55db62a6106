//! What the tree of dependencies may hold: `.deny.toml`, judged by cargo-deny.

use anyhow::Result;

use crate::shell::{self, say};
use crate::tools;
use crate::workspace::Workspace;

/// The database of known vulnerabilities. It is on the network, so machines without one cannot ask it.
const ADVISORIES: &str = "https://github.com/rustsec/advisory-db";

/// Checks bans, licenses and sources always, advisories where their database can be reached.
pub fn check(workspace: &Workspace) -> Result<()> {
    let mut deny = tools::cargo_tool(workspace, "deny")?;
    deny.current_dir(&workspace.root).args(["--log-level", "error", "check", "bans", "licenses", "sources"]);
    if reachable() {
        deny.arg("advisories");
    } else {
        say(&format!("SKIPPED advisories: {ADVISORIES} cannot be reached"));
    }
    shell::run(&mut deny)
}

fn reachable() -> bool {
    let git = ["10", "git", "ls-remote", "--exit-code", ADVISORIES, "HEAD"];
    shell::succeeds(shell::program("timeout").args(git).env("GIT_TERMINAL_PROMPT", "0"))
}
