//! `cargo xtask docs`: pages of which the code is the source. Each page is made from the table that the program itself
//! works by; a page that no longer says what the table says fails the tests.
#![expect(clippy::disallowed_methods, reason = "a task writes files")]

mod capabilities;
mod causes;
mod checks;
mod differences;
mod events;
mod links;
mod manuals;
mod markdown;
mod phases;
mod releases;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask docs`.
#[derive(clap::Args)]
pub struct Args {
    /// Only fail if a page is not as it would be written
    #[arg(long)]
    check: bool,
}

/// A page below `host/docs`.
struct Page {
    name: &'static str,
    text: fn() -> String,
}

/// Every page. A new one is a module and a line.
const PAGES: &[Page] = &[
    Page { name: "phases.md", text: phases::page },
    Page { name: "checks.md", text: checks::page },
    Page { name: "causes.md", text: causes::page },
    Page { name: "differences.md", text: differences::page },
    Page { name: "releases.md", text: releases::page },
    Page { name: "events.schema.json", text: events::schema },
    Page { name: "plugins/capabilities.md", text: capabilities::page },
];

/// Writes them, or checks them.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.check {
        return check(workspace);
    }
    for page in PAGES {
        let path = directory(workspace).join(page.name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, (page.text)()).with_context(|| format!("could not write {}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    let manuals = workspace.target.join("man");
    let count = manuals::write(&manuals)?;
    say(&format!("wrote {count} manuals to {}", manuals.display()));
    Ok(())
}

/// Fails if a committed page is not as it would be written, or says that it is generated and is not.
pub fn check(workspace: &Workspace) -> Result<()> {
    let mut stale = Vec::new();
    for page in PAGES {
        let committed = fs::read_to_string(directory(workspace).join(page.name)).unwrap_or_default();
        if committed != (page.text)() {
            stale.push(page.name.to_owned());
        }
    }
    for name in files(&directory(workspace), "")? {
        let is_ours = PAGES.iter().any(|page| page.name == name);
        // Pages without the mark are written by people.
        if !is_ours && fs::read_to_string(directory(workspace).join(&name))?.contains(markdown::MARK) {
            stale.push(format!("{name} (nothing writes it)"));
        }
    }
    if !stale.is_empty() {
        bail!("host/docs is stale: {}; run `cargo xtask docs`", stale.join(", "));
    }
    let mut pages = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    pages.extend(files(&directory(workspace), "host/docs/")?.into_iter().filter(|name| name.ends_with(".md")));
    let broken = pages.iter().map(|page| links::broken(&workspace.root, page)).collect::<Result<Vec<_>>>()?.concat();
    if !broken.is_empty() {
        bail!("links that lead nowhere: {}", broken.join(", "));
    }
    say(&format!("{} pages are fresh", PAGES.len()));
    Ok(())
}

/// Every file in and below a directory, by its path below it.
fn files(directory: &Path, below: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("could not list {}", directory.display()))? {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path(), &format!("{name}/"))?),
            false => found.push(name),
        }
    }
    Ok(found)
}

fn directory(workspace: &Workspace) -> PathBuf {
    workspace.root.join("host/docs")
}
