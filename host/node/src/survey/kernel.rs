//! The operating system, its kernel, the modules in it and what it was started with.

use kubephase_model::plugin::facts::{KernelFacts, KernelModule, OperatingSystem};

use super::text;
use crate::Node;
use crate::machine::Machine;

/// From os-release(5).
pub(super) fn os(node: &Node) -> OperatingSystem {
    let table = ["/etc/os-release", "/usr/lib/os-release"].iter().map(|path| text(node, path)).find(|t| !t.is_empty());
    let table = table.unwrap_or_default();
    let value = |name: &str| {
        let line = table.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        line.map(unquote).unwrap_or_default()
    };
    let or = |value: String, otherwise: &str| if value.is_empty() { otherwise.to_owned() } else { value };
    OperatingSystem {
        id: or(value("ID"), "linux"),
        version_id: value("VERSION_ID"),
        pretty_name: or(value("PRETTY_NAME"), "Linux"),
        id_like: value("ID_LIKE").split_ascii_whitespace().map(str::to_owned).collect(),
        ..OperatingSystem::default()
    }
}

/// A value as a shell would read it: quotes go, and so do backslashes before what a shell would take for itself.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(plain) = quoted('\'') {
        return plain.to_owned();
    }
    let value = quoted('"').unwrap_or(value);
    let mut plain = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    plain
}

pub(super) fn kernel(node: &Node) -> KernelFacts {
    let machine = match node.machine() {
        Machine::Live => rustix::system::uname().machine().to_string_lossy().into_owned(),
        Machine::Fixed(_) => std::env::consts::ARCH.to_owned(),
    };
    KernelFacts {
        release: node.machine().kernel_release(),
        architecture: architecture(&machine).to_owned(),
        ..KernelFacts::default()
    }
}

/// What Go calls what the kernel calls so.
fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i486" | "i586" | "i686" | "x86" => "386",
        "loongarch64" => "loong64",
        other if other.starts_with("arm") => "arm",
        other => other,
    }
}

/// Those that were loaded; what is built into the kernel is not listed anywhere.
pub(super) fn modules(node: &Node) -> Vec<KernelModule> {
    let table = text(node, "/proc/modules");
    let loaded = table.lines().filter_map(|line| line.split_ascii_whitespace().next());
    let mut modules: Vec<KernelModule> = loaded
        .map(|name| {
            let version = text(node, &format!("/sys/module/{name}/version"));
            let version = (!version.is_empty()).then_some(version);
            KernelModule { name: name.to_owned(), version, ..KernelModule::default() }
        })
        .collect();
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules
}

/// Split at blanks outside double quotes, as the kernel does.
pub(super) fn command_line(node: &Node) -> Vec<String> {
    let line = text(node, "/proc/cmdline");
    let mut inside = false;
    let parts = line.split(|character: char| {
        inside ^= character == '"';
        character.is_ascii_whitespace() && !inside
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_would() {
        assert_eq!(unquote("\"Debian GNU/Linux 12 (bookworm)\""), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(
            (unquote("debian"), unquote("'a\\b'"), unquote("\"a\\\"b\"")),
            ("debian".into(), "a\\b".into(), "a\"b".into())
        );
    }

    #[test]
    fn architectures_are_gos() {
        assert_eq!(
            ["x86_64", "aarch64", "armv7l", "riscv64", "s390x"].map(architecture),
            ["amd64", "arm64", "arm", "riscv64", "s390x"]
        );
    }
}
