//! `hosts.toml` as text (<https://github.com/containerd/containerd/blob/main/docs/hosts.md>).

use std::fmt::Write;

use crate::{Mirror, Registry};

/// The file for one registry. `authorities` are the files in which the mirrors' authorities are, in their order.
pub fn hosts(name: &str, registry: &Registry, authorities: &[Option<String>]) -> String {
    let mut text = String::from("# Written by kubephase's plugin registry-mirror.\n");
    if let Some(server) = server(name, registry) {
        line(&mut text, "", "server", &quoted(&server));
    }
    for (mirror, authority) in registry.mirrors.iter().zip(authorities) {
        text.push('\n');
        let _ = writeln!(text, "[host.{}]", quoted(&mirror.url));
        of_mirror(&mut text, mirror, authority.as_deref());
    }
    text
}

fn of_mirror(text: &mut String, mirror: &Mirror, authority: Option<&str>) {
    let capabilities: Vec<String> = mirror.capabilities.iter().map(|capability| quoted(capability)).collect();
    line(text, "  ", "capabilities", &format!("[{}]", capabilities.join(", ")));
    if let Some(authority) = authority {
        line(text, "  ", "ca", &quoted(authority));
    }
    for (key, _) in [("skip_verify", mirror.skip_verify), ("override_path", mirror.override_path)]
        .into_iter()
        .filter(|(_, set)| *set)
    {
        line(text, "  ", key, "true");
    }
    if let Some(timeout) = &mirror.dial_timeout {
        line(text, "  ", "dial_timeout", &quoted(timeout));
    }
}

/// Who is asked last. Containerd takes the registry itself if nothing is said, so a mirror must be named for it to be
/// left alone.
fn server(name: &str, registry: &Registry) -> Option<String> {
    if let Some(server) = &registry.server {
        return Some(server.clone());
    }
    if !registry.upstream {
        return registry.mirrors.last().map(|mirror| mirror.url.clone());
    }
    match name {
        // Whichever registry it is.
        "_default" => None,
        // Its name is not its address.
        "docker.io" => Some("https://registry-1.docker.io".into()),
        name => Some(format!("https://{name}")),
    }
}

fn line(text: &mut String, indent: &str, key: &str, value: &str) {
    let _ = writeln!(text, "{indent}{key} = {value}");
}

/// A basic string of TOML 1.0.
fn quoted(value: &str) -> String {
    let mut text = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_cannot_break_out() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\u000Ad""#);
    }
}
