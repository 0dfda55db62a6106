//! `cargo xtask demo`: a whole cluster comes up on a pretended machine, by an example, as an ordinary user and without
//! changing anything of this one. Only what the real program says and writes is shown.
#![expect(clippy::disallowed_methods, reason = "a task looks at the files that a program wrote")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::plugins;
use crate::shell::{self, say, show};
use crate::workspace::Workspace;

/// The file that is shown, as an example of what the phases write.
const SHOWN: &str = "var/lib/kubelet/config.yaml";
/// How much of it.
const LINES: usize = 12;
/// Plugins of the rehearsal: those of `demo/plugins.yaml`.
const PLUGINS: [&str; 5] = ["time-sync", "audit-policy", "hardening", "cni-bridge", "metrics-server"];
/// Files that they propose.
const PLUGINS_WROTE: [&str; 2] = ["etc/kubernetes/audit/policy.yaml", "etc/cni/net.d/10-cni-bridge.conflist"];
/// What the phases wrote, and not the machine that was there before.
const WRITTEN: [&str; 2] = ["etc/kubernetes", "var/lib/kubelet"];

/// Shows it.
pub fn run(workspace: &Workspace) -> Result<()> {
    let kubephase = workspace.program(false)?;
    let directory = workspace.target.join("demo");
    let (tree, report) = (directory.join("machine"), directory.join("report.html"));
    fs::create_dir_all(&directory).with_context(|| format!("could not make {}", directory.display()))?;
    let config = configuration(workspace, &directory)?;
    let config = config.as_path();

    title("The rehearsal: every phase of init, for real, on a machine and in a cluster that are pretended");
    say("Nothing of this machine is changed, and nothing leaves it.");
    let mut rehearse = shell::program(&kubephase);
    rehearse.current_dir(&workspace.root).args(["rehearse", "init", "--config"]).arg(config);
    shell::run(rehearse.arg("--report").arg(&report).arg("--keep").arg(&tree))?;

    title("What the plugins wrote");
    for written in PLUGINS_WROTE.into_iter().filter(|path| tree.join(path).exists()) {
        show(&format!("/{written}"));
    }

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

/// A configuration with plugins: their components and it lie beside each other. Where components cannot be built, it is one
/// without plugins.
fn configuration(workspace: &Workspace, directory: &Path) -> Result<PathBuf> {
    let read = |name: &str| {
        let path = workspace.root.join("host/xtask/demo").join(name);
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    };
    let (cluster, plugins) = (read("cluster.yaml")?, read("plugins.yaml")?);
    title("The plugins: components, built from this repository");
    let config = directory.join("cluster.yaml");
    let text = match components(workspace, &directory.join("plugins")) {
        Ok(()) => format!("{cluster}---\n{plugins}"),
        Err(error) => {
            say(&format!(
                "SKIPPED: the rehearsal goes on without plugins, because they cannot be built here: {error:#}"
            ));
            cluster
        }
    };
    fs::write(&config, text).with_context(|| format!("could not write {}", config.display()))?;
    Ok(config)
}

fn components(workspace: &Workspace, directory: &Path) -> Result<()> {
    let built = plugins::build(workspace, &PLUGINS.map(str::to_owned), false)?;
    fs::create_dir_all(directory)?;
    for plugin in PLUGINS {
        let file = format!("{plugin}.wasm");
        fs::copy(built.directory.join(&file), directory.join(&file))
            .with_context(|| format!("could not copy {file}"))?;
        show(&format!("{plugin}: see it with `kubephase plugin inspect {}`", directory.join(&file).display()));
    }
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
