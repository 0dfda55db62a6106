//! Debian's etcd under the name that a manifest starts it by. Where a release asks for an etcd that no suite has, the one
//! before it runs, by way of a program that renames two flags.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::command::{cmd, write};
use super::runtime::Runtime;

/// The program that renames flags.
pub const FLAGS: &str = include_str!("files/etcd-flags.c");

/// Puts `etcd` into the directory `bin`.
pub fn install(runtime: &Runtime, bin: &Path) -> Result<()> {
    let renamed = runtime.etcd.starts_with("3.5.");
    if renamed {
        compile(FLAGS, &bin.join("etcd"))?;
    }
    let binary = bin.join(if renamed { "etcd-3.5" } else { "etcd" });
    cmd("cp").arg(runtime.etcd_binary()).arg(binary).run().map(drop)
}

/// Compiles one C file into a program that needs nothing from its root.
pub fn compile(source: &str, program: &Path) -> Result<()> {
    let path = program.with_extension("c");
    write(&path, source)?;
    cmd("gcc").args(["-Os", "-static", "-s", "-o"]).arg(program).arg(&path).run()?;
    Ok(fs::remove_file(path)?)
}
