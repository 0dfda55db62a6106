//! A Rust compiler that makes WebAssembly: the user's own where it has the target, else Debian's, whose packages have the
//! sources of the standard library; they are compiled once. Nothing is ever downloaded from rustup unasked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::e2e::cache::Cache;
use crate::shell;
use crate::tools;

/// What guests in Rust are compiled for: it has no WASI, so nothing but our interfaces can be imported.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler, and the oldest minor release that knows our edition and dependencies.
const DEBIAN: (&str, u32) = ("/usr/bin/rustc", 95);
/// Packages with that compiler, and with the sources of its library.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// A compiler, as cargo is told of it.
pub struct Compiler {
    /// Changes with everything that compiled code depends on. May stand in a path.
    pub id: String,
    rustc: PathBuf,
    /// Options for code of the target.
    options: Vec<String>,
}

impl Compiler {
    /// Finds one, or makes one.
    pub fn find(cache: &Cache) -> Result<Self> {
        let own: PathBuf = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()).into();
        if has_target(&own) {
            return Ok(Self { id: version(&own)?.id(), rustc: own, options: Vec::new() });
        }
        let debian = PathBuf::from(DEBIAN.0);
        if !has_sources(&debian) {
            shell::say(&format!("{} has no {TARGET}: using Debian's compiler", own.display()));
            tools::debian(&PACKAGES).with_context(|| {
                format!("guests need a Rust compiler for {TARGET}; with rustup: `rustup target add {TARGET}`")
            })?;
        }
        if !has_sources(&debian) {
            bail!("{} is older than 1.{}, or has no sources of its library", DEBIAN.0, DEBIAN.1);
        }
        let id = version(&debian)?.id();
        let linker = linker(&own)?;
        let library = cache.entry("wasm-std", &id, |directory| build_library(directory, &debian, &linker))?;
        let options = vec![format!("--sysroot={}", library.display()), format!("-Clinker={}", linker.display())];
        Ok(Self { id, rustc: debian, options })
    }

    /// Has cargo compile for the target with it, so that no path of this machine gets into the code: `root` is what sources
    /// lie below.
    pub fn apply(&self, cargo: &mut Command, root: &Path) -> Result<()> {
        let sysroot = shell::capture(Command::new(&self.rustc).args(["--print", "sysroot"]))?;
        let mut options = self.options.clone();
        for (from, to) in [
            (root.to_owned(), "/plugins"),
            (registry()?, "/crates"),
            (Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "/rust"),
        ] {
            options.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        // Only for the target: build scripts and macros are compiled for this machine, as usual.
        cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", options.join("\x1f"));
        cargo.env("RUSTC", &self.rustc);
        Ok(())
    }
}

struct Version {
    release: String,
    commit: String,
    host: String,
}

impl Version {
    fn id(&self) -> String {
        format!("{}-{}", self.release, self.commit.get(..9).unwrap_or("unknown"))
    }

    fn minor(&self) -> u32 {
        self.release.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
    }
}

fn version(rustc: &Path) -> Result<Version> {
    let text = shell::capture(Command::new(rustc).arg("-vV"))?;
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().to_owned();
    Ok(Version { release: line("release:"), commit: line("commit-hash:"), host: line("host:") })
}

/// Whether the target's library is there.
fn has_target(rustc: &Path) -> bool {
    let mut ask = Command::new(rustc);
    let directory = shell::capture(ask.args(["--print", "target-libdir", "--target", TARGET])).unwrap_or_default();
    fs::read_dir(directory.trim()).is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
    })
}

/// Whether it is new enough and the sources of its library are there.
fn has_sources(rustc: &Path) -> bool {
    let sysroot = shell::capture(Command::new(rustc).args(["--print", "sysroot"])).unwrap_or_default();
    version(rustc).is_ok_and(|version| version.minor() >= DEBIAN.1)
        && Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir()
}

/// LLVM's linker: the one that came with the user's compiler, else the newest of Debian's.
fn linker(own: &Path) -> Result<PathBuf> {
    if let (Ok(sysroot), Ok(version)) = (shell::capture(Command::new(own).args(["--print", "sysroot"])), version(own)) {
        let path = Path::new(sysroot.trim()).join(format!("lib/rustlib/{}/bin/rust-lld", version.host));
        if path.is_file() {
            return Ok(path);
        }
    }
    if let Some(path) = newest_lld()? {
        return Ok(path);
    }
    tools::debian(&["lld-14"])?;
    newest_lld()?.context("there is no /usr/bin/wasm-ld-*, though lld was installed")
}

fn newest_lld() -> Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for file in fs::read_dir("/usr/bin")? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if let Some(major) = name.strip_prefix("wasm-ld-").and_then(|major| major.parse::<u32>().ok()) {
            found.push((major, Path::new("/usr/bin").join(name)));
        }
    }
    Ok(found.into_iter().max().map(|(_, path)| path))
}

/// Compiles the standard library for the target and puts it where `--sysroot=<directory>` finds it.
fn build_library(directory: &Path, rustc: &Path, linker: &Path) -> Result<()> {
    shell::say("compiling Rust's library for WebAssembly once, which takes a minute");
    let seed = directory.join("seed");
    fs::create_dir_all(seed.join("src"))?;
    fs::write(seed.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(
        seed.join("Cargo.toml"),
        "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [profile.release]\npanic = \"abort\"\n[workspace]\n",
    )?;
    let target = seed.join("target");
    let sources = format!("--remap-path-prefix={}=/crates", registry()?.display());
    let mut cargo = shell::cargo();
    cargo.current_dir(&seed).args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
    // Bitcode, so that guests can be optimised together with it. Its build is an unstable feature of cargo's.
    let options = ["-Cembed-bitcode=yes", &sources, &format!("-Clinker={}", linker.display())].join("\x1f");
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", options).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("RUSTC", rustc).env("CARGO_TARGET_DIR", &target);
    shell::run(&mut cargo).context("could not compile the standard library")?;

    let library = directory.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&library)?;
    for file in fs::read_dir(target.join(TARGET).join("release/deps"))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libseed-") {
            fs::copy(&path, library.join(name))?;
        }
    }
    fs::remove_dir_all(&seed).with_context(|| format!("could not clear {}", seed.display()))
}

/// Where cargo unpacks sources of crates: one directory below this.
fn registry() -> Result<PathBuf> {
    let home = match (std::env::var_os("CARGO_HOME"), std::env::var_os("HOME")) {
        (Some(home), _) => PathBuf::from(home),
        (None, home) => PathBuf::from(home.context("neither CARGO_HOME nor HOME is set")?).join(".cargo"),
    };
    // The directory's name is the registry's, with a hash of its address.
    let parent = home.join("registry/src");
    let mut inside: Vec<PathBuf> = fs::read_dir(&parent)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    inside.sort();
    Ok(if inside.len() == 1 { inside.remove(0) } else { parent })
}
