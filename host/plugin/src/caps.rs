//! Capabilities: what a plugin may import, one per file, each with its grant and its refusal. What is not granted is not
//! linked; what is linked asks the grants at every call.

pub(crate) mod facts;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod kube;
pub(crate) mod log;
pub(crate) mod probe;
pub(crate) mod progress;
mod refusal;
pub(crate) mod settings;
pub(crate) mod wasi;

use kubephase_model::plugin::Grants;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::kubephase::plugin;
use crate::sandbox::State;

/// An interface of ours that needs a grant.
pub(crate) struct Cap {
    /// Its name, which is also the grant's key: `files`.
    pub interface: &'static str,
    /// What is granted of it.
    pub granted: fn(&Grants) -> &[String],
    /// Makes it callable.
    pub link: fn(&mut Linker<State>) -> wasmtime::Result<()>,
}

macro_rules! cap {
    ($name:ident) => {
        Cap {
            interface: stringify!($name),
            granted: |grants| &grants.$name,
            link: |linker| plugin::$name::add_to_linker::<State, HasSelf<State>>(linker, |state| state),
        }
    };
}

/// All of them, in the order of the documentation.
pub(crate) static CAPS: [Cap; 5] = [cap!(facts), cap!(files), cap!(kube), cap!(http), cap!(probe)];

/// Interfaces of ours and their functions, to tell what is missing before anything is linked. A test compares it with the
/// WIT.
const FUNCTIONS: [(&str, &[&str]); 9] = [
    (
        "facts",
        &[
            "block-devices",
            "cgroup",
            "cluster",
            "command-line",
            "cpu",
            "hugepages",
            "init-system",
            "kernel",
            "memory",
            "modules",
            "mounts",
            "network",
            "numa",
            "os",
            "pci",
            "runtime",
            "sysctl",
        ],
    ),
    ("files", &["list-directory", "look", "read", "read-text"]),
    ("http", &["send"]),
    ("kube", &["get", "list-objects"]),
    ("log", &["log"]),
    ("probe", &["clock-offset", "clock-state", "dns-lookup", "fdatasync", "path-mtu", "tcp-connect"]),
    ("progress", &["report"]),
    ("settings", &["get"]),
    ("types", &[]),
];

/// Functions of an interface; `None` if there is no such interface.
pub(crate) fn functions(interface: &str) -> Option<&'static [&'static str]> {
    FUNCTIONS.iter().find(|(name, _)| *name == interface).map(|(_, functions)| *functions)
}

/// Links what needs no grant and, of the others, those of `capabilities`.
pub(crate) fn link<'a>(
    linker: &mut Linker<State>,
    capabilities: impl IntoIterator<Item = &'a &'static str>,
    wasi: bool,
) -> wasmtime::Result<()> {
    plugin::types::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    plugin::log::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    plugin::settings::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    plugin::progress::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    for capability in capabilities {
        if let Some(cap) = CAPS.iter().find(|cap| cap.interface == *capability) {
            (cap.link)(linker)?;
        }
    }
    if wasi { wasi::link(linker) } else { Ok(()) }
}

impl plugin::types::Host for State {}
