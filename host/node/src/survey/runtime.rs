//! The container runtime: what it says of itself, otherwise what its configuration files say.

use std::collections::BTreeSet;
use std::time::Duration;

use kubephase_model::layout::CONTAINERD_SOCKET;
use kubephase_model::plugin::facts::ContainerRuntime;
use serde_json::Value;

use super::{names, text};
use crate::Node;

/// A runtime that is well answers within milliseconds; checks of their own tell of those that are not.
const DEADLINE: Duration = Duration::from_secs(1);

/// Files, and directories of files, in which runtimes name their handlers.
const CONFIGURATION: [&str; 4] =
    ["/etc/containerd/config.toml", "/etc/containerd/conf.d", "/etc/crio/crio.conf", "/etc/crio/crio.conf.d"];

pub(super) async fn runtime(node: &Node, socket: Option<&str>) -> ContainerRuntime {
    let socket = socket.filter(|socket| !socket.is_empty()).map(str::to_owned);
    let socket = socket.or_else(|| node.cri_sockets().into_iter().next());
    let socket = socket.unwrap_or_else(|| CONTAINERD_SOCKET.to_owned());
    let (name, version, told) = ask(node, &socket).await.unwrap_or_default();
    let handlers = if told.is_empty() { configured(node) } else { told };
    let socket = if socket.contains("://") { socket } else { format!("unix://{socket}") };
    ContainerRuntime { name, version, socket, handlers: handlers.into_iter().collect(), ..ContainerRuntime::default() }
}

async fn ask(node: &Node, socket: &str) -> Option<(String, String, BTreeSet<String>)> {
    let cri = node.cri(socket, DEADLINE).await.ok()?;
    let version = cri.version().await.ok()?;
    let status = cri.status(true).await.ok();
    let handlers = status.map(|status| {
        if !status.handlers.is_empty() {
            return status.handlers.into_iter().collect();
        }
        // containerd before 2.0 shows its configuration only.
        let table = status.config.as_ref().and_then(|config| config.pointer("/containerd/runtimes")?.as_object());
        table.map(|table: &serde_json::Map<String, Value>| table.keys().cloned().collect()).unwrap_or_default()
    });
    Some((version.name, version.version, handlers.unwrap_or_default()))
}

fn configured(node: &Node) -> BTreeSet<String> {
    let mut handlers = BTreeSet::new();
    for path in CONFIGURATION {
        let inside = names(node, path).into_iter().map(|name| format!("{path}/{name}"));
        for file in std::iter::once(path.to_owned()).chain(inside) {
            handlers.extend(text(node, &file).lines().filter_map(handler));
        }
    }
    handlers
}

/// The handler that a table's header in TOML is for: `[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]`,
/// `[crio.runtime.runtimes.crun]`. Tables below it name it too.
fn handler(line: &str) -> Option<String> {
    let header = line.trim().strip_prefix('[')?;
    let header = header.get(..header.rfind(']')?)?;
    let mut parts = parts(header).into_iter().skip_while(|part| part != "runtimes").skip(1);
    parts.next().filter(|name| !name.is_empty())
}

/// A dotted key, split at its dots outside quotes.
fn parts(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for character in key.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '.') => parts.push(String::new()),
            (None, ' ' | '\t') => {}
            _ => parts.last_mut().into_iter().for_each(|part| part.push(character)),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_handlers() {
        for (line, name) in [
            ("[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]", Some("runc")),
            ("  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.\"nvidia\".options] # x", Some("nvidia")),
            ("[crio.runtime.runtimes.crun]", Some("crun")),
            ("[plugins.\"io.containerd.grpc.v1.cri\".containerd]", None),
            ("[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]", None),
            ("default_runtime_name = \"runc\"", None),
        ] {
            assert_eq!(handler(line).as_deref(), name, "{line}");
        }
    }
}
