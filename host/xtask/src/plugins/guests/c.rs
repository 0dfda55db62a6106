//! C, by Debian's clang and wasi-libc: seconds to install, and components as small as Rust's.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Guest;
use crate::plugins::Site;
use crate::plugins::component::Component;
use crate::{shell, tools};

pub const GUEST: Guest = Guest {
    name: "free-memory-c",
    large: false,
    sources: &["plugins/guests/c", BINDINGS],
    tools: "clang-14, no debug information",
    prepare,
    build,
};

const BINDINGS: &str = "plugins/templates/c/kinds/preflight/bindings";
/// A file of each package that is needed.
const PACKAGES: &[(&str, &str)] = &[
    ("clang-14", "/usr/bin/clang-14"),
    ("lld-14", "/usr/bin/wasm-ld-14"),
    ("wasi-libc", "/usr/lib/wasm32-wasi/libc.a"),
    ("libclang-rt-14-dev-wasm32", "/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a"),
];

fn prepare(_: &Site) -> Result<()> {
    let missing = PACKAGES.iter().filter(|(_, file)| !Path::new(file).exists());
    let missing: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if missing.is_empty() { Ok(()) } else { tools::debian(&missing) }
}

fn build(site: &Site, directory: &Path) -> Result<Component> {
    let bindings = site.root.join(BINDINGS);
    let core = directory.join("core.wasm");
    let mut clang = shell::program("clang-14");
    // A reactor: a library with an initialiser, not a program with a main function.
    clang.args(["--target=wasm32-wasi", "--sysroot=/usr", "-mexec-model=reactor", "-Os", "-flto", "-std=gnu11"]);
    clang.args(["-Wall", "-Wextra", "-Werror", "-Wl,--strip-debug", "-I"]).arg(&bindings).arg("-o").arg(&core);
    // The repository's place must not get into the component.
    clang.current_dir(site.root.join("plugins/guests/c")).arg("free-memory.c").arg(bindings.join("plugin.c"));
    shell::run(&mut clang)?;
    Component::from_plain_core(&fs::read(&core)?, &site.root, "preflight-plugin")
}
