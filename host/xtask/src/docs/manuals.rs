//! Manual pages, from the command line's grammar: one per command. Written to the target directory, for packages.
#![expect(clippy::disallowed_methods, reason = "a task writes files")]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;

use crate::cli::args;

/// Writes them and counts them.
pub fn write(directory: &Path) -> Result<usize> {
    fs::create_dir_all(directory).with_context(|| format!("could not create {}", directory.display()))?;
    let mut command = args::command().version(env!("CARGO_PKG_VERSION"));
    // Gives every command its full name and its global options.
    command.build();
    page(&command, "kubephase", directory)
}

fn page(command: &Command, name: &str, directory: &Path) -> Result<usize> {
    let mut page = Vec::new();
    let title = name.to_owned();
    Man::new(command.clone().name(title).disable_help_subcommand(true)).render(&mut page)?;
    let path = directory.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| format!("could not write {}", path.display()))?;
    let children = command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help");
    children.map(|child| page_of(child, name, directory)).try_fold(1, |count, pages| Ok(count + pages?))
}

fn page_of(child: &Command, parent: &str, directory: &Path) -> Result<usize> {
    page(child, &format!("{parent}-{}", child.get_name()), directory)
}
