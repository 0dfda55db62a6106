//! `cargo xtask demo`: a whole cluster comes up on a pretended machine, by an example, as an ordinary user and without
//! changing anything of this one. Only what the real program says and writes is shown.
#![expect(clippy::disallowed_methods, reason = "a task looks at the files that a program wrote")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::shell::{self, say, show};
use crate::workspace::Workspace;

/// The file that is shown, as an example of what the phases write.
const SHOWN: &str = "var/lib/kubelet/config.yaml";
/// How much of it.
const LINES: usize = 12;
/// What the phases wrote, and not the machine that was there before.
const WRITTEN: [&str; 2] = ["etc/kubernetes", "var/lib/kubelet"];

/// Shows it.
pub fn run(workspace: &Workspace) -> Result<()> {
    let kubephase = workspace.program(false)?;
    let config = Path::new("host/xtask/demo/cluster.yaml");
    let directory = workspace.target.join("demo");
    let (tree, report) = (directory.join("machine"), directory.join("report.html"));
    fs::create_dir_all(&directory).with_context(|| format!("could not make {}", directory.display()))?;

    title("The rehearsal: every phase of init, for real, on a machine and in a cluster that are pretended");
    say("Nothing of this machine is changed, and nothing leaves it.");
    let mut rehearse = shell::program(&kubephase);
    rehearse.current_dir(&workspace.root).args(["rehearse", "init", "--config"]).arg(config);
    shell::run(rehearse.arg("--report").arg(&report).arg("--keep").arg(&tree))?;

    title("The files that the phases wrote, with their modes");
    let mut files = 0;
    for written in WRITTEN {
        show(&format!("/{written}"));
        files += list(&tree.join(written), 1)?;
    }

    title(&format!("One of them: /{SHOWN}"));
    let text = fs::read_to_string(tree.join(SHOWN)).with_context(|| format!("could not read {SHOWN}"))?;
    text.lines().take(LINES).for_each(show);
    show("…");

    show(&format!("\n{files} files are in {}", tree.display()));
    show(&format!("The page about all of it, with every object and its difference: {}", report.display()));
    show(&format!(
        "To look around in the cluster with kubectl: kubephase rehearse init --config {} --serve",
        config.display()
    ));
    Ok(())
}

fn title(text: &str) {
    show(&format!("\n── {text}"));
}

/// Shows what is below a directory, and counts the files.
fn list(directory: &Path, depth: usize) -> Result<usize> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = 0;
    for entry in entries {
        let metadata = entry.metadata()?;
        let mode = metadata.permissions().mode() & 0o7777;
        let name = entry.file_name();
        let slash = if metadata.is_dir() { "/" } else { "" };
        show(&format!("{mode:04o}  {}{}{slash}", "  ".repeat(depth), name.to_string_lossy()));
        files += if metadata.is_dir() { list(&entry.path(), depth + 1)? } else { 1 };
    }
    Ok(files)
}
