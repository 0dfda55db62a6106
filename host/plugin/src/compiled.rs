//! Compiled code, kept on disk. It is machine code that runs with our rights: it is loaded only from a directory that
//! nobody else can write to ([`PrivateDir`]), only if this program has made it for this very component, and only if it is
//! what it was. Whatever else is found counts as nothing there.

use aws_lc_rs::digest::{Context, Digest, SHA256, SHA256_OUTPUT_LEN};
use kubephase_node::PrivateDir;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::fingerprint;

/// Where compiled code is kept; nowhere if the directory cannot be trusted or made.
#[derive(Clone, Debug, Default)]
pub struct CompiledCache {
    dir: Option<PrivateDir>,
}

impl CompiledCache {
    /// In this directory.
    pub fn new(dir: PrivateDir) -> Self {
        Self { dir: Some(dir) }
    }

    /// Nowhere: everything is compiled each time.
    pub fn none() -> Self {
        Self::default()
    }

    /// The component of that digest (in hex), if it has been compiled before.
    pub(crate) fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let dir = self.dir.as_ref()?;
        let name = name(engine, sha256);
        // One that cannot be read, or that others could have written, is made anew.
        let file = dir.read(&name).ok()??;
        let (sum, code) = file.split_at_checked(SHA256_OUTPUT_LEN)?;
        if seal(&name, code).as_ref() != sum {
            return None;
        }
        deserialize(engine, code)
    }

    /// Compiles a component and keeps the code. Takes its time: not to be called where others wait.
    pub(crate) fn compile(&self, engine: &Engine, sha256: &str, wasm: &[u8]) -> wasmtime::Result<Component> {
        let component = Component::from_binary(engine, wasm)?;
        self.keep(&name(engine, sha256), &component);
        Ok(component)
    }

    /// A cache that cannot be written costs time, not the run.
    fn keep(&self, name: &str, component: &Component) {
        let (Some(dir), Ok(code)) = (&self.dir, component.serialize()) else { return };
        drop(dir.write(name, &[seal(name, &code).as_ref(), &code].concat()));
    }
}

fn name(engine: &Engine, sha256: &str) -> String {
    format!("{sha256}-{:016x}.cwasm", fingerprint(engine))
}

/// A digest of the code and of what it is for, so that no file can stand in for another.
fn seal(name: &str, code: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(name.as_bytes());
    context.update(code);
    context.finish()
}

#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the module for why this is ours")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: these bytes were made by `Component::serialize` of this program: they come from a file that only this user
    // could write, below directories that only this user or root could change, and their digest is right. wasmtime
    // itself checks that they are of its own version and settings.
    unsafe { Component::deserialize(engine, code) }.ok()
}
