//! Guests in other languages than Rust, made from nothing but `wit/`: each with the smallest toolchain that does it.

mod c;
pub mod go;
mod javascript;
pub mod python;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Site;
use super::bindings::WIT;
use super::component::Component;

/// A guest.
pub struct Guest {
    /// Its name, as the component's.
    pub name: &'static str,
    /// Whether its tools are so large that they are fetched only for those who ask.
    pub large: bool,
    /// Where its sources are, below the repository's root.
    sources: &'static [&'static str],
    /// Its tools with their versions.
    tools: &'static str,
    /// Gets the tools. What fails here is a machine without them, not a mistake in the guest.
    prepare: fn(&Site) -> Result<()>,
    /// Makes a component in an empty directory.
    build: fn(&Site, &Path) -> Result<Component>,
}

/// All of them. A new one is a module and a line.
pub const GUESTS: &[Guest] = &[c::GUEST, javascript::GUEST, python::GUEST, go::GUEST];

impl Guest {
    /// Gets its tools.
    pub fn prepare(&self, site: &Site) -> Result<()> {
        (self.prepare)(site)
    }

    /// The component: the one made before, if sources and tools are the same.
    pub fn component(&self, site: &Site) -> Result<Component> {
        let mut hash = DefaultHasher::new();
        self.tools.hash(&mut hash);
        for directory in self.sources.iter().chain([&WIT]) {
            hash_files(&site.root.join(directory), &mut hash)?;
        }
        let (kind, key) = (format!("guests/{}", self.name), format!("{:016x}", hash.finish()));
        let entry = site.cache.entry(&kind, &key, |directory| {
            let component = (self.build)(site, directory)?;
            fs::write(directory.join("component.wasm"), component.bytes)?;
            Ok(())
        })?;
        // Those of other sources will not come back.
        for old in fs::read_dir(site.cache.dir(&kind)?)? {
            let path = old?.path();
            if path.is_dir() && path != entry {
                fs::remove_dir_all(&path).with_context(|| format!("could not remove {}", path.display()))?;
            }
        }
        Component::from_bytes(fs::read(entry.join("component.wasm"))?)
    }
}

/// A directory with the guest's own world, `world.wit` of its sources, and our package as what that depends on. Tools for
/// scripts import everything that a world has; a guest's own has what it uses.
fn wit(site: &Site, sources: &str, directory: &Path) -> Result<PathBuf> {
    let wit = directory.join("wit");
    let package = wit.join("deps/kubephase-plugin");
    fs::create_dir_all(&package)?;
    fs::copy(site.root.join(sources).join("world.wit"), wit.join("world.wit")).context("there is no world.wit")?;
    for file in fs::read_dir(site.root.join(WIT))? {
        let path = file?.path();
        fs::copy(&path, package.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(wit)
}

/// Names and contents of all files below a directory.
fn hash_files(directory: &Path, hash: &mut DefaultHasher) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("could not list {}", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        path.file_name().hash(hash);
        if path.is_dir() {
            hash_files(&path, hash)?;
        } else {
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?.hash(hash);
        }
    }
    Ok(())
}
