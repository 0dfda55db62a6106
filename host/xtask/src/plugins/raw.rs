//! Components that are laid by hand, as text: the hostile ones whose bytes no compiler would make. Nothing but this crate
//! is needed for them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::{StringEncoding, embed_component_metadata};

use super::Site;
use super::bindings::WIT;
use super::component::Component;

/// Where they are, below the repository's root.
const SOURCES: &str = "plugins/hostile/raw";
/// Directories in there with what they want or offer beyond our package.
const WORLDS: [&str; 2] = ["wit", "wit-0.2"];
/// What stands before the name of a file in the name of its component.
const PREFIX: &str = "hostile-";
/// How the line begins that says what a module becomes: a world, or `none` for a module that stays one.
const WORLD: &str = ";; world: ";

/// Sources, by the component's name.
pub struct Sources(Vec<(String, PathBuf)>);

impl Sources {
    /// Finds them.
    pub fn find(site: &Site) -> Result<Self> {
        list(&site.root).map(Self)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Builds those that are named, or all.
    pub fn build(&self, site: &Site, names: &[String]) -> Result<Vec<(String, Component)>> {
        let chosen = self.0.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
        let build = |(name, path): &(String, PathBuf)| {
            let component = build(&site.root, path).with_context(|| format!("could not build {}", path.display()))?;
            Ok((name.clone(), component))
        };
        chosen.map(build).collect()
    }
}

fn list(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let directory = root.join(SOURCES);
    let entries = fs::read_dir(&directory).with_context(|| format!("could not list {}", directory.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let (Some(name), Some("wat")) = (path.file_stem(), path.extension().and_then(|it| it.to_str())) {
            found.push((format!("{PREFIX}{}", name.to_string_lossy()), path));
        }
    }
    found.sort();
    Ok(found)
}

fn build(root: &Path, path: &Path) -> Result<Component> {
    let text = fs::read_to_string(path)?;
    let mut core = wat::parse_str(&text)?;
    let world = text.lines().find_map(|line| line.strip_prefix(WORLD)).context("it does not say its world")?;
    if world == "none" {
        return Ok(Component { bytes: core, imports: Vec::new() });
    }
    let mut resolve = Resolve::default();
    let mut packages = vec![resolve.push_path(root.join(WIT))?.0];
    for directory in WORLDS {
        packages.push(resolve.push_path(root.join(SOURCES).join(directory))?.0);
    }
    let world = resolve.select_world(&packages, Some(world))?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    Component::from_core(&core)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_source_becomes_what_it_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let sources = super::list(&root).unwrap();
        assert!(sources.len() > 25, "{} sources", sources.len());
        for (name, path) in &sources {
            let component = super::build(&root, path).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            let is_component = component.bytes[4] == 0x0d;
            assert_eq!(is_component, name != "hostile-core-module", "{name}");
        }
    }

    #[test]
    fn the_readme_says_what_must_stop_each() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let readme = std::fs::read_to_string(root.join("plugins/hostile/README.md")).unwrap();
        for (name, _) in super::list(&root).unwrap() {
            let name = format!("`{}`", name.trim_start_matches(super::PREFIX));
            assert!(readme.contains(&name), "the README does not know {name}");
        }
    }
}
