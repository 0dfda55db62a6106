//! Scopes of `probe`: a function, and what it may be used on.

use super::{host, path};

/// What a function is used on, and so what stands behind the colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A directory, as a pattern of paths.
    Directory,
    /// `host:port`; without a port any.
    Port,
    /// A host, by name or address.
    Host,
    /// Nothing.
    Nothing,
}

/// Functions of `cap-probe.wit`, in its order.
pub const PROBES: &[(&str, On)] = &[
    ("fdatasync", On::Directory),
    ("tcp-connect", On::Port),
    ("dns-lookup", On::Host),
    ("path-mtu", On::Host),
    ("clock-offset", On::Host),
    ("clock-state", On::Nothing),
];

fn on(function: &str) -> Option<On> {
    PROBES.iter().find(|(name, _)| *name == function).map(|(_, on)| *on)
}

/// Why what stands behind the colon makes no sense; the function is known.
pub(super) fn fault(granted: &str) -> Option<(&'static str, &'static str)> {
    let (function, scope) = granted.split_once(':')?;
    match on(function)? {
        On::Directory => path::fault(scope),
        On::Host => host::fault(scope),
        On::Port => match host::with_port(scope) {
            Ok((host, _)) => host::fault(host),
            Err(fault) => Some(fault),
        },
        On::Nothing => Some(("there is nothing to limit it to", "leave the colon and what follows out")),
    }
}

/// Whether a granted text allows to use the function on that.
pub(super) fn allows(granted: &str, function: &str, wanted: &str) -> bool {
    let (name, scope) = granted.split_once(':').map_or((granted, None), |(name, scope)| (name, Some(scope)));
    let Some(on) = on(function).filter(|_| name == function) else { return false };
    let Some(scope) = scope else { return true };
    match on {
        On::Directory => path::matches(scope, wanted),
        On::Host => host::allows(scope, wanted),
        On::Port => match (host::with_port(scope), host::with_port(wanted)) {
            (Ok((pattern, at)), Ok((host, Some(port)))) => {
                at.is_none_or(|at| at == port) && host::allows(pattern, host)
            }
            _ => false,
        },
        On::Nothing => false,
    }
}

/// Whether a granted text allows nothing that `wide` does not allow.
pub(super) fn covers(wide: &str, granted: &str) -> bool {
    fn taken_apart(text: &str) -> (&str, Option<&str>) {
        text.split_once(':').map_or((text, None), |(name, scope)| (name, Some(scope)))
    }
    let ((name, wide), (function, scope)) = (taken_apart(wide), taken_apart(granted));
    let Some(on) = on(function).filter(|_| name == function && fault(granted).is_none()) else { return false };
    let (Some(wide), Some(scope)) = (wide, scope) else { return wide.is_none() };
    match on {
        On::Directory => path::covers(wide, scope),
        On::Host => host::covers(wide, scope),
        On::Port => match (host::with_port(wide), host::with_port(scope)) {
            (Ok((pattern, at)), Ok((host, port))) => (at.is_none() || at == port) && host::covers(pattern, host),
            _ => false,
        },
        On::Nothing => false,
    }
}
