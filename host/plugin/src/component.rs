//! What a component exports and imports, and whether we have it: looked at before anything in it runs.

use std::collections::BTreeSet;

use kubephase_model::plugin::{Grants, Kind, Want};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::caps::{self, CAPS};
use crate::error::{LoadError, NotGranted};

/// Components may be this large, in bytes: one in Python has 18 MB.
pub(crate) const LARGEST: usize = 64 << 20;

/// Our package and the line of versions that is compatible with ours.
const PACKAGE: &str = "kubephase:plugin";
const VERSION: (u64, u64) = (0, 1);

/// What a component has and needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Kinds whose interface it exports.
    pub kinds: Vec<Kind>,
    /// Interfaces that it imports, as they are named in it.
    pub imports: Vec<String>,
    /// Of them those of ours that need a grant: `files`.
    pub capabilities: BTreeSet<&'static str>,
    /// Whether it imports WASI, which is given to it without files and network.
    pub wasi: bool,
}

/// Refuses what is no component by its first bytes, before it is compiled.
pub(crate) fn sniff(bytes: &[u8]) -> Result<(), LoadError> {
    let not = |what: &str| Err(LoadError::NotAComponent(what.to_owned()));
    if bytes.len() > LARGEST {
        return Err(LoadError::TooLarge { size: bytes.len(), limit: LARGEST });
    }
    match bytes {
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => not("a core module"),
        [b'\0', b'a', b's', b'm', ..] => not("WebAssembly of another version"),
        [0x7f, b'E', b'L', b'F', ..] => not("a program or compiled code (ELF)"),
        [0x1f, 0x8b, ..] => not("a gzip archive"),
        [] => not("empty"),
        bytes if bytes.starts_with(b"(component") || bytes.starts_with(b"(module") => not("WebAssembly as text"),
        _ => not("something else"),
    }
}

/// `kubephase:plugin/files@0.1.0` in its parts: package, interface, version.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (package, rest) = text.split_once('/')?;
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        package.contains(':').then_some(Self { package, interface, version })
    }

    fn is_ours(&self) -> bool {
        self.package == PACKAGE
    }

    /// Whether its version can be served by ours: the same line, none before a release.
    fn is_known_version(&self) -> bool {
        let mut parts = self.version.split('.');
        let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
        (number(parts.next()), number(parts.next())) == (Some(VERSION.0), Some(VERSION.1))
            && number(parts.next()).is_some()
            && parts.next().is_none()
    }
}

/// Looks at exports and imports. Everything that is wrong is told at once.
pub(crate) fn shape(engine: &Engine, component: &Component) -> Result<Shape, LoadError> {
    let ty = component.component_type();
    let mut shape = Shape::default();
    let mut wrong = Vec::new();
    let mut describes = false;
    for (text, _) in ty.exports(engine) {
        // What is not ours is nobody's: some languages export their own start function.
        let Some(name) = Name::parse(text).filter(Name::is_ours) else { continue };
        let kind = kubephase_model::plugin::description::KINDS.into_iter().find(|kind| kind.name() == name.interface);
        match (kind, name.interface) {
            _ if !name.is_known_version() => wrong.push(another_version("exports", text)),
            (Some(kind), _) => shape.kinds.push(kind),
            (None, "metadata") => describes = true,
            (None, _) => wrong.push(format!("it exports `{text}`, which this kubephase does not know")),
        }
    }
    shape.kinds.sort();
    if wrong.is_empty() && !describes {
        wrong.push(format!("it does not export `{PACKAGE}/metadata`, as every plugin must"));
    }
    if wrong.is_empty() && shape.kinds.is_empty() {
        wrong.push(format!("it exports none of {}", kinds()));
    }
    for (text, item) in ty.imports(engine) {
        shape.imports.push(text.to_owned());
        let functions: Vec<String> = match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let functions = instance.exports(engine);
                functions
                    .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                    .map(|(name, _)| name.to_owned())
                    .collect()
            }
            _ => vec![text.to_owned()],
        };
        match Name::parse(text) {
            Some(name) if name.is_ours() && !name.is_known_version() => wrong.push(another_version("imports", text)),
            Some(name) if name.is_ours() => match caps::functions(name.interface) {
                None => wrong.push(format!("it imports `{text}`, which this kubephase does not have")),
                Some(known) => {
                    let missing = functions.iter().filter(|function| !known.contains(&function.as_str()));
                    wrong.extend(missing.map(|function| {
                        format!("it imports the function `{function}` of `{text}`, which this kubephase does not have")
                    }));
                    let cap = CAPS.iter().find(|cap| cap.interface == name.interface && !functions.is_empty());
                    shape.capabilities.extend(cap.map(|cap| cap.interface));
                }
            },
            Some(name) if name.package == "wasi:http" => {
                shape.wasi = true;
                if name.interface == "outgoing-handler" {
                    shape.capabilities.insert("http");
                }
            }
            Some(name) if caps::wasi::has(name.package) => shape.wasi = true,
            _ => wrong.push(format!("it imports `{text}`, which no plugin is given")),
        }
    }
    if wrong.is_empty() { Ok(shape) } else { Err(LoadError::Unknown(wrong)) }
}

fn kinds() -> String {
    let names = kubephase_model::plugin::description::KINDS.map(|kind| format!("`{}`", kind.name()));
    names.join(", ")
}

fn another_version(verb: &str, name: &str) -> String {
    format!("it {verb} `{name}`, but this kubephase has version {}.{} of `{PACKAGE}`", VERSION.0, VERSION.1)
}

/// Whether everything that is imported is granted at least in part. What of it is asked at each call.
pub(crate) fn check_grants(shape: &Shape, grants: &Grants, wants: &[Want]) -> Result<(), LoadError> {
    let missing =
        CAPS.iter().filter(|cap| shape.capabilities.contains(cap.interface) && (cap.granted)(grants).is_empty());
    let missing: Vec<NotGranted> = missing
        .map(|cap| {
            let wants = wants.iter().filter(|want| want.capability == cap.interface && !want.scopes.is_empty());
            let scopes = wants.clone().flat_map(|want| &want.scopes);
            let scopes: Vec<String> = scopes.map(|scope| serde_json::Value::from(scope.as_str()).to_string()).collect();
            let scopes = if scopes.is_empty() { "…".to_owned() } else { scopes.join(", ") };
            let reasons: Vec<&str> = wants.map(|want| want.reason.as_str()).collect();
            NotGranted {
                interface: cap.interface.to_owned(),
                line: format!("{}: [{scopes}]", cap.interface),
                reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            }
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(LoadError::NotGranted(missing)) }
}
