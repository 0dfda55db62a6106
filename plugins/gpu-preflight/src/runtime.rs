//! The container runtime has a handler for NVIDIA's GPUs, so that a RuntimeClass can name it.
//!
//! What the runtime tells is believed. Its configuration says why a handler is missing, or that its program is.

mod config;
mod toml;

use kubephase_sdk::facts::ContainerRuntime;
use kubephase_sdk::prelude::*;

use config::{Place, Source, Syntax};

/// Files that are looked at.
pub const FILES: [&str; 6] = [
    "/etc/containerd/config.toml",
    "/etc/containerd/conf.d/*.toml",
    "/etc/crio/crio.conf",
    "/etc/crio/crio.conf.d/*",
    "/usr/bin/nvidia-container-runtime*",
    "/usr/local/nvidia/toolkit/nvidia-container-runtime*",
];

const LINK: &str = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html";

/// What was seen of the runtime.
pub struct Seen {
    /// The runtime.
    pub runtime: Result<ContainerRuntime, Failure>,
    /// Where its configuration has the handler. Asked if its configuration is known.
    pub place: Option<Result<Place, Failure>>,
    /// Whether the program of the handler is missing.
    pub program_missing: bool,
}

/// Asks.
pub fn look(handler: &str) -> Seen {
    let runtime = facts::runtime();
    let place = runtime.as_ref().ok().and_then(syntax).map(|syntax| {
        let sources = match syntax {
            Syntax::Containerd => containerd_sources(),
            Syntax::CriO => crio_sources(),
        };
        sources.map(|sources| config::find(syntax, handler, &sources))
    });
    let program_missing = match &place {
        Some(Ok(Place::Read { program: Some(program), .. })) => matches!(files::look(program), Ok(None)),
        _ => false,
    };
    Seen { runtime, place, program_missing }
}

/// How the runtime's configuration is written. One that does not answer is known by its socket.
fn syntax(runtime: &ContainerRuntime) -> Option<Syntax> {
    let has = |word: &str| runtime.name.contains(word) || (runtime.name.is_empty() && runtime.socket.contains(word));
    if has("containerd") {
        return Some(Syntax::Containerd);
    }
    (has("cri-o") || has("crio")).then_some(Syntax::CriO)
}

/// `config.toml`, what it imports, and what it could import but does not.
fn containerd_sources() -> Result<Vec<Source>, Failure> {
    let path = "/etc/containerd/config.toml";
    let main = files::read_text(path)?;
    let patterns = config::imports(&main);
    let mut sources = vec![Source { path: path.into(), text: main, is_read: true }];
    for pattern in patterns {
        // What cannot be read is left out: the handler is then not found, and the finding names the files.
        sources.extend(matching("/etc/containerd", &pattern).into_iter().flatten().map(|(path, text)| Source {
            path,
            text,
            is_read: true,
        }));
    }
    for (path, text) in matching("/etc/containerd", "conf.d/*.toml").into_iter().flatten() {
        if sources.iter().all(|source| source.path != path) {
            sources.push(Source { path, text, is_read: false });
        }
    }
    Ok(sources)
}

/// `crio.conf` and its drop-ins; either may be missing.
fn crio_sources() -> Result<Vec<Source>, Failure> {
    let path = "/etc/crio/crio.conf";
    let main = files::read_text_if_there(path)?.map(|text| Source { path: path.into(), text, is_read: true });
    let drop_ins = match matching("/etc/crio", "crio.conf.d/*") {
        Err(failure) if failure.code == "not-found" => Vec::new(),
        other => other?,
    };
    let drop_ins = drop_ins.into_iter().map(|(path, text)| Source { path, text, is_read: true });
    Ok(main.into_iter().chain(drop_ins).collect())
}

/// Paths and texts of files that a pattern means, in the order of their names. `*` is understood in the last part only,
/// at most one, as people use it.
fn matching(folder: &str, pattern: &str) -> Result<Vec<(String, String)>, Failure> {
    let path = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{folder}/{pattern}") };
    let (folder, last) = path.rsplit_once('/').unwrap_or(("", &path));
    let Some((begin, end)) = last.split_once('*') else {
        return Ok(vec![(path.clone(), files::read_text(&path)?)]);
    };
    let fits = |name: &String| name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end);
    let names = files::list_directory(folder)?.into_iter().filter(fits);
    names.map(|name| format!("{folder}/{name}")).map(|path| Ok((path.clone(), files::read_text(&path)?))).collect()
}

/// Judges.
pub fn judge(handler: &str, seen: &Seen) -> Option<Finding> {
    let runtime = match &seen.runtime {
        Ok(runtime) => runtime,
        Err(failure) => {
            let what = format!("whether the container runtime has the handler {handler}");
            return Some(Finding::cannot_tell("RuntimeHandler", &what, failure));
        }
    };
    let name = if runtime.name.is_empty() { "the container runtime" } else { &runtime.name };
    // Of one that does not answer, kubephase tells handlers whether or not they stand where it reads them: we know better.
    let is_believed = !runtime.name.is_empty() || !matches!(seen.place, Some(Ok(_)));
    let is_told = is_believed && runtime.handlers.iter().any(|one| one == handler);
    let expected = format!("a runtime handler {handler}");
    let error = |message: String, remedy: String| {
        Finding::error("RuntimeHandler", message).expected(&*expected).remedy(remedy).link(LINK)
    };
    let configure = match syntax(runtime) {
        Some(Syntax::CriO) => "nvidia-ctk runtime configure --runtime=crio && systemctl restart crio",
        _ => "nvidia-ctk runtime configure --runtime=containerd && systemctl restart containerd",
    };
    let finding = match &seen.place {
        Some(Ok(Place::Read { file, program: Some(program) })) if seen.program_missing => error(
            format!("the handler {handler} in {file} runs {program}, which is missing"),
            "install NVIDIA's container toolkit, or correct the path".into(),
        ),
        _ if is_told => return None,
        // It does not answer; whether it runs is another check's business.
        Some(Ok(Place::Read { .. })) if runtime.name.is_empty() => return None,
        Some(Ok(Place::Read { file, .. })) => Finding::warning(
            "RuntimeHandler",
            format!("the handler {handler} stands in {file}, but {name} does not have it"),
        )
        .expected(&*expected)
        .remedy(format!("restart {name}: it reads its configuration when it starts"))
        .link(LINK),
        Some(Ok(Place::NotRead { file })) => error(
            format!("the handler {handler} stands in {file}, which /etc/containerd/config.toml does not import"),
            "add `imports = [\"/etc/containerd/conf.d/*.toml\"]` to config.toml and restart containerd".into(),
        ),
        Some(Ok(Place::WrongTable { file, version, table })) => error(
            format!("{file} has version {version}, but the handler {handler} in a table of another version"),
            format!(
                "move it to [{table}.{handler}] and restart containerd, or let `nvidia-ctk runtime configure` do it"
            ),
        ),
        Some(Ok(Place::Broken { file, line })) => {
            error(format!("{file} is no TOML in line {line}"), format!("correct it, then: {configure}"))
        }
        Some(Ok(Place::Nowhere)) => error(
            format!("{name} has no handler {handler}"),
            format!("install NVIDIA's container toolkit, then: {configure}"),
        ),
        // The runtime has said that it is not there; why does not matter.
        None | Some(Err(_)) if !runtime.name.is_empty() => error(
            format!("{name} has no handler {handler}"),
            format!("install NVIDIA's container toolkit, then configure {name} for it, with containerd: {configure}"),
        ),
        Some(Err(failure)) => {
            Finding::cannot_tell("RuntimeHandler", &format!("whether {name} has the handler {handler}"), failure)
        }
        None => Finding::warning("RuntimeHandler", format!("cannot tell whether {name} has the handler {handler}"))
            .expected(&*expected)
            .remedy("start the container runtime, so that it can be asked"),
    };
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{failure, ids};

    fn runtime(name: &str, handlers: &[&str]) -> ContainerRuntime {
        ContainerRuntime {
            name: name.into(),
            version: String::new(),
            socket: "unix:///run/containerd/containerd.sock".into(),
            handlers: handlers.iter().map(|handler| (*handler).into()).collect(),
            attributes: vec![],
        }
    }

    #[test]
    fn each_reason_is_told_apart() {
        let judged = |runtime, place, program_missing| {
            let finding = judge("nvidia", &Seen { runtime: Ok(runtime), place, program_missing });
            ids(finding.as_slice()).join("")
        };
        let read = || Some(Ok(Place::Read { file: "/x".into(), program: Some("/usr/bin/n".into()) }));
        assert_eq!(judged(runtime("containerd", &["runc", "nvidia"]), Some(Err(failure("denied"))), false), "");
        assert_eq!(judged(runtime("containerd", &["runc", "nvidia"]), read(), false), "");
        assert_eq!(judged(runtime("containerd", &["runc", "nvidia"]), read(), true), "error RuntimeHandler");
        assert_eq!(judged(runtime("containerd", &["runc"]), read(), false), "warning RuntimeHandler");
        assert_eq!(judged(runtime("", &[]), read(), false), "", "not running yet, but configured");
        assert_eq!(judged(runtime("", &[]), Some(Err(failure("not-found"))), false), "warning RuntimeHandler");
        assert_eq!(judged(runtime("containerd", &["runc"]), Some(Ok(Place::Nowhere)), false), "error RuntimeHandler");
        assert_eq!(judged(runtime("docker", &[]), None, false), "error RuntimeHandler");
        let file = "/etc/containerd/conf.d/n.toml".into();
        assert_eq!(judged(runtime("", &["nvidia"]), Some(Ok(Place::NotRead { file })), false), "error RuntimeHandler");
        assert_eq!(judged(runtime("", &["nvidia"]), Some(Err(failure("denied"))), false), "");
        assert_eq!(syntax(&runtime("", &[])), Some(Syntax::Containerd));
        assert_eq!(syntax(&runtime("cri-o", &[])), Some(Syntax::CriO));
        assert_eq!(syntax(&runtime("docker", &[])), None);
    }
}
