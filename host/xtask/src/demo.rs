//! `cargo xtask demo`: what `init` would do, shown by an example, as an ordinary user and without changing anything.
//! Only what the real program says and writes is shown.
#![expect(clippy::disallowed_methods, reason = "a task looks at the files that a program wrote")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::shell::{self, say, show};
use crate::workspace::Workspace;

/// How much of the plan is shown.
const PLAN_LINES: usize = 14;
/// The file whose difference is shown.
const SHOWN: &str = "/var/lib/kubelet/config.yaml";

/// Shows it.
pub fn run(workspace: &Workspace) -> Result<()> {
    let kubephase = workspace.program(false)?;
    let config = workspace.root.join("host/xtask/demo/cluster.yaml");
    let init = || {
        let mut command = shell::program(&kubephase);
        command.args(["init", "--config"]).arg(&config);
        command
    };

    title("The plan: what each phase would create, replace or leave alone (kubephase init --plan)");
    let plan = shell::capture(init().arg("--plan"))?;
    // Differences stand below their files, indented by four.
    let lines: Vec<&str> = plan.lines().filter(|line| !line.starts_with("    ")).collect();
    lines.iter().take(PLAN_LINES).for_each(|line| show(line));
    show(&format!(
        "… and {} more lines, and for every file that is no secret its difference:",
        lines.len() - PLAN_LINES
    ));
    plan.lines()
        .skip_while(|line| {
            !line.ends_with(&format!("would create {SHOWN}")) && !line.ends_with(&format!("would replace {SHOWN}"))
        })
        .take(PLAN_LINES)
        .for_each(show);
    show("    …");

    title("The dry run: the same phases, writing into a scratch directory (kubephase init --dry-run)");
    say("Preflight looks at this very machine. What it lacks for a real node is only a warning here.");
    let scratch = tempfile::tempdir().context("could not make a scratch directory")?;
    let mut dry_run = init();
    dry_run.arg("--dry-run-dir").arg(scratch.path()).args(["--ignore-preflight-errors", "all"]);
    // Its standard output lists every difference again; the phases are on standard error.
    shell::run(dry_run.stdout(std::process::Stdio::null()))?;

    title("The files it wrote, with their modes");
    let files = tree(scratch.path(), 0)?;

    show(&format!(
        "\nShown: the plan and the dry run of {}, {files} files, nothing on this machine changed. (A rehearsal of a whole \
         cluster will take this demo's place.)",
        config.strip_prefix(&workspace.root).unwrap_or(&config).display()
    ));
    Ok(())
}

fn title(text: &str) {
    show(&format!("\n── {text}"));
}

/// Shows what is below a directory, and counts the files.
fn tree(directory: &Path, depth: usize) -> Result<usize> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = 0;
    for entry in entries {
        let metadata = entry.metadata()?;
        let mode = metadata.permissions().mode() & 0o7777;
        let name = entry.file_name();
        let slash = if metadata.is_dir() { "/" } else { "" };
        show(&format!("{mode:04o}  {}{}{slash}", "  ".repeat(depth), name.to_string_lossy()));
        files += if metadata.is_dir() { tree(&entry.path(), depth + 1)? } else { 1 };
    }
    Ok(files)
}
