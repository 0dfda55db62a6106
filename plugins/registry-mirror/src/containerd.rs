//! What containerd needs: `hosts.toml` files, certificates beside them, and a word if it would not read them.

use kubephase_sdk::prelude::*;

use crate::{Registry, Settings, toml};

/// Its configuration.
const CONFIGURATION: &str = "/etc/containerd/config.toml";
const DOCUMENTATION: &str = "https://github.com/containerd/containerd/blob/main/docs/hosts.md";

/// Files for all registries, and findings.
pub fn propose(settings: &Settings) -> Result<Proposal, Failure> {
    let mut proposal = Proposal::new();
    if settings.hosts.is_empty() {
        return Ok(proposal);
    }
    for (name, registry) in &settings.hosts {
        for file in files_of(&settings.directory, name, registry)? {
            proposal = proposal.file(file);
        }
    }
    for finding in [other_runtime(), unread(&settings.directory)].into_iter().flatten() {
        proposal = proposal.finding(finding);
    }
    for finding in settings.hosts.iter().flat_map(|(name, registry)| unsafe_mirrors(name, registry)) {
        proposal = proposal.finding(finding);
    }
    Ok(proposal)
}

fn files_of(directory: &str, name: &str, registry: &Registry) -> Result<Vec<File>, Failure> {
    let directory = format!("{directory}/{name}");
    let mut files = Vec::new();
    let mut authorities = Vec::new();
    for (index, mirror) in registry.mirrors.iter().enumerate() {
        authorities.push(match (&mirror.ca, &mirror.ca_file) {
            (Some(_), Some(_)) => {
                return Err(Failure::invalid(format!(
                    "settings: hosts.{name}: mirror {} has both ca and caFile",
                    mirror.url
                )));
            }
            (Some(pem), None) => {
                // Not `.crt`: containerd would take it for every host of the registry, see its documentation.
                let path = format!("{directory}/ca-{}.pem", index + 1);
                files.push(File::new(&path, 0o644, format!("{}\n", pem.trim())));
                Some(path)
            }
            (None, path) => path.clone(),
        });
    }
    files.push(File::new(format!("{directory}/hosts.toml"), 0o644, toml::hosts(name, registry, &authorities)));
    Ok(files)
}

/// Other runtimes do not know these files.
fn other_runtime() -> Option<Finding> {
    let runtime = facts::runtime().ok().filter(|runtime| !runtime.name.is_empty() && runtime.name != "containerd")?;
    let message = format!("the container runtime is {}, which does not read hosts.toml files", runtime.name);
    Some(
        Finding::warning("Runtime", message)
            .expected("containerd")
            .remedy("use `rewrite`, or configure mirrors in the way of that runtime"),
    )
}

/// Whether the configuration names the directory. One that cannot be read says nothing.
fn unread(directory: &str) -> Option<Finding> {
    let configuration = files::read_text(CONFIGURATION).ok()?;
    if names(&configuration, directory) {
        return None;
    }
    let message = format!("{CONFIGURATION} has no config_path with {directory}");
    let remedy = format!(
        "set `config_path = \"{directory}\"` in the section of the CRI plugin's registry and restart containerd, unless \
         that is the default of this version"
    );
    Some(Finding::warning("ConfigPath", message).remedy(remedy).link(DOCUMENTATION))
}

/// Whether a line says `config_path = "…:<directory>:…"`.
fn names(configuration: &str, directory: &str) -> bool {
    configuration
        .lines()
        .filter_map(|line| line.trim().strip_prefix("config_path")?.trim_start().strip_prefix('='))
        .filter_map(|value| value.trim().strip_prefix(['"', '\''])?.split(['"', '\'']).next())
        .flat_map(|value| value.split(':'))
        .any(|path| path.trim_end_matches('/') == directory)
}

/// Mirrors that anybody on the way could pretend to be.
fn unsafe_mirrors(name: &str, registry: &Registry) -> Vec<Finding> {
    let weak = registry.mirrors.iter().filter(|mirror| {
        (mirror.skip_verify || mirror.url.starts_with("http://"))
            && mirror.capabilities.iter().any(|is| is == "resolve")
    });
    weak.map(|mirror| {
        let message = format!("anybody on the way to {} can say what the tags of {name} mean", mirror.url);
        Finding::warning("UnverifiedMirror", message)
            .expected("https with a verified certificate, or no capability `resolve`")
            .remedy("give the mirror's authority as `ca`")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_found_in_the_configuration() {
        for (line, found) in [
            ("    config_path = \"/etc/containerd/certs.d\"", true),
            ("config_path = '/etc/containerd/certs.d/'", true),
            ("config_path=\"/etc/containerd/certs.d:/etc/docker/certs.d\"", true),
            ("config_path = \"\"", false),
            ("# config_path = \"/etc/containerd/certs.d\"", false),
            ("config_path_x = \"/etc/containerd/certs.d\"", false),
            ("config_path = \"/etc/containerd/certs.d2\"", false),
        ] {
            let configuration = format!("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n{line}\n");
            assert_eq!(names(&configuration, "/etc/containerd/certs.d"), found, "{line}");
        }
    }
}
