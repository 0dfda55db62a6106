//! WASI for components whose language drags it in: no files, no network.

use wasmtime::component::Linker;

use crate::sandbox::State;

/// What one call has of it.
#[derive(Debug, Default)]
pub(crate) struct Wasi {}

impl Wasi {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Whether a package is given to plugins.
pub(crate) fn has(_package: &str) -> bool {
    false
}

/// Links it.
pub(crate) fn link(_linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Ok(())
}
