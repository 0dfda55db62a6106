//! Bindings made from `wit/`, for Rust, C and Go. They are committed: a plugin's first build needs two crates and not the forty
//! of the generator, and whoever writes one in C or Go needs no generator.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wit_bindgen_core::wit_parser::{PackageId, Resolve};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::WithOption;

use crate::shell::say;

/// Where the newest version of the package is, below the repository's root.
pub const WIT: &str = "wit/v0.1";
/// Where those for Rust are.
const RUST: &str = "plugins/sdk/src/bindings";
/// Where those for C are: `bindings` in the template of each kind.
const C: &str = "plugins/templates/c/kinds";
/// The template for Go, where bindings that all kinds share lie; those of a kind lie in `kinds`.
const GO: &str = "plugins/templates/go";
const NO_OBJECT_FILE: &str = "// Ensure that the *_component_type.o object is linked in\n";
/// The package.
const PACKAGE: &str = "kubephase:plugin";
/// Kinds of plugins: the names of the interfaces that they export.
pub const KINDS: [&str; 4] = ["preflight", "addon", "mutator", "phase"];

/// Writes them.
pub fn write(root: &Path) -> Result<()> {
    for (path, text) in generate(root)? {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        super::write(&path, text.as_bytes())?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Fails if what is committed is not as it would be written.
pub fn check(root: &Path) -> Result<()> {
    let files = generate(root)?;
    let is_stale = |(path, text): &&(PathBuf, String)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text);
    let stale: Vec<String> = files.iter().filter(is_stale).map(|(path, _)| path.display().to_string()).collect();
    if !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask plugins --bindings`", stale.join(", "));
    }
    say(&format!("{} files of bindings are fresh", files.len()));
    Ok(())
}

/// Files, below the repository's root, and their texts.
fn generate(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![rust(root, "base", None)?];
    for kind in KINDS {
        files.push(rust(root, kind, Some("crate::bindings::base::kubephase::plugin::types"))?);
        files.extend(c(root, kind)?);
        files.extend(go(root, kind)?);
    }
    files.sort();
    files.dedup();
    if let Some([(path, _), _]) = files.array_windows().find(|[one, other]| one.0 == other.0) {
        bail!("{} is not the same for every kind", path.display());
    }
    Ok(files)
}

/// For Rust, one file for what every plugin has, and one for each kind. A component is described by those that its
/// `export!` names, so that it may export any subset. `base` is a world of the package; one for a kind is made up here: it
/// exports that interface only, and takes the types of `base`.
fn rust(root: &Path, name: &str, types: Option<&str>) -> Result<(PathBuf, String)> {
    let (mut resolve, package) = package(root)?;
    let version = resolve.packages[package].name.version.clone().context("the WIT package has no version")?;
    let mut options = wit_bindgen_rust::Opts {
        pub_export_macro: true,
        export_macro_name: Some(format!("export_{name}")),
        default_bindings_module: Some(format!("$crate::bindings::{name}")),
        additional_derive_attributes: vec!["PartialEq".into(), "Eq".into()],
        ..wit_bindgen_rust::Opts::default()
    };
    let world = if let Some(types) = types {
        let text = format!("package kubephase:sdk;\nworld {name} {{ export {PACKAGE}/{name}@{version}; }}\n");
        let made = resolve.push_str(format!("{name}.wit"), &text)?;
        options.with.push((format!("{PACKAGE}/types@{version}"), WithOption::Path(types.into())));
        resolve.select_world(&[made], Some(name))?
    } else {
        resolve.select_world(&[package], Some(name))?
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).with_context(|| format!("could not bind {name}"))?;
    let (_, bytes) = files.iter().next().context("the generator wrote nothing")?;
    Ok((Path::new(RUST).join(format!("{name}.rs")), tidy(bytes)?))
}

/// For C, a header and a source for each kind's world. The description of the world is put into the module by whoever makes
/// a component of it, so that nothing here is binary.
fn c(root: &Path, kind: &str) -> Result<Vec<(PathBuf, String)>> {
    let (mut resolve, package) = package(root)?;
    let world = resolve.select_world(&[package], Some(&format!("{kind}-plugin")))?;
    let mut files = Files::default();
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        rename_world: Some("plugin".into()),
        ..wit_bindgen_c::Opts::default()
    };
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .with_context(|| format!("could not bind {kind} for C"))?;
    let mut texts = Vec::new();
    for (name, bytes) in files.iter() {
        let text = tidy(bytes)?;
        // What follows asks the linker for the object file that is not there.
        let text = text.split(NO_OBJECT_FILE).next().unwrap_or_default();
        texts.push((Path::new(C).join(kind).join("bindings").join(name), text.to_owned()));
    }
    Ok(texts)
}

/// For Go, a package for each interface, and what the kind exports.
fn go(root: &Path, kind: &str) -> Result<Vec<(PathBuf, String)>> {
    let (mut resolve, package) = package(root)?;
    let world = resolve.select_world(&[package], Some(&format!("{kind}-plugin")))?;
    let mut files = Files::default();
    // Not by gofmt, which may not be here.
    let options = wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, ..wit_bindgen_go::Opts::default() };
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .with_context(|| format!("could not bind {kind} for Go"))?;
    let mut texts = Vec::new();
    for (name, bytes) in files.iter().filter(|(name, _)| *name != "go.mod") {
        let is_shared =
            name.starts_with("kubephase_plugin_") && !name.starts_with(&format!("kubephase_plugin_{kind}/"));
        let directory = if is_shared { PathBuf::from(GO) } else { Path::new(GO).join("kinds").join(kind) };
        texts.push((directory.join(name), tidy(bytes)?));
    }
    Ok(texts)
}

/// The package, parsed.
pub fn package(root: &Path) -> Result<(Resolve, PackageId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root.join(WIT)).context("could not read the WIT package")?;
    Ok((resolve, package))
}

/// As text, without blanks at ends of lines.
fn tidy(bytes: &[u8]) -> Result<String> {
    let text = str::from_utf8(bytes).context("the generator did not write text")?;
    Ok(text.lines().map(|line| line.trim_end().to_owned() + "\n").collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn what_is_committed_is_what_would_be_written() {
        super::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    }
}
