//! From a core module to a component, and what a component says of itself.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata};

use super::bindings;

/// How a component begins: WebAssembly, version 13 of the encoding, layer 1.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component.
pub struct Component {
    /// It.
    pub bytes: Vec<u8>,
    /// Interfaces that it imports, such as `kubephase:plugin/log@0.1.0`.
    pub imports: Vec<String>,
}

impl Component {
    /// Makes one of a core module that says in a custom section what it imports and exports, as generated bindings do. What
    /// it imports beyond that is refused.
    pub fn from_core(core: &[u8]) -> Result<Self> {
        let encoder =
            ComponentEncoder::default().validate(true).module(core).context("it is no module of a component")?;
        Self::from_bytes({ encoder }.encode().context("it does not become a component")?)
    }

    /// Makes one of a core module that says nothing: what it should be is a world of our package, below the repository's
    /// root.
    pub fn from_plain_core(core: &[u8], root: &Path, world: &str) -> Result<Self> {
        let (resolve, package) = bindings::package(root)?;
        let world = resolve.select_world(&[package], Some(world))?;
        let mut core = core.to_vec();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
        Self::from_core(&core)
    }

    /// Reads one that another tool has made.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        // A module would be decoded as a component that has nothing.
        if !bytes.starts_with(PREAMBLE) {
            bail!("it is no component");
        }
        let DecodedWasm::Component(resolve, world) = decode(&bytes).context("it is no component")? else {
            bail!("it is a WIT package, not a component");
        };
        let imports = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
        Ok(Self { bytes, imports })
    }
}

/// An interface as people call it: those of our package without package and version.
pub fn short(interface: &str) -> &str {
    interface.strip_prefix("kubephase:plugin/").map_or(interface, |it| it.split('@').next().unwrap_or(it))
}

#[cfg(test)]
mod tests {
    use super::{Component, PREAMBLE, short};

    #[test]
    fn what_is_no_component_is_told() {
        let said = |result: anyhow::Result<Component>| format!("{:#}", result.err().unwrap());
        assert!(said(Component::from_bytes(PREAMBLE.repeat(2))).starts_with("it is no component"));
        assert!(said(Component::from_bytes(b"\0asm\x01\0\0\0".to_vec())).starts_with("it is no component"));
        assert!(said(Component::from_core(b"#!/bin/sh")).starts_with("it is no module of a component"));
    }

    #[test]
    fn our_interfaces_have_short_names() {
        assert_eq!(short("kubephase:plugin/log@0.1.0"), "log");
        assert_eq!(short("wasi:http/types@0.2.3"), "wasi:http/types@0.2.3");
    }
}
