//! Arguments, volumes, environment variables and certificate names of components.

use std::net::IpAddr;

use super::{Check, node::DNS_RULE};
use crate::Release;
use crate::config::v1beta4::{Arg, EnvVar, HostPathMount};
use crate::names::{is_dns1123_label, is_dns1123_subdomain, is_env_name, is_wildcard_subdomain};
use crate::release::RemovedFlag;

/// Kinds of a hostPath volume (core/v1 HostPathType); empty means no check.
const PATH_TYPES: [&str; 8] =
    ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];

pub(super) fn args(args: &[Arg], path: &str, component: &str, release: Option<&Release>, check: &mut Check<'_>) {
    for (i, arg) in args.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if arg.name.is_empty() {
            check.error(format!("{path}.name"), "the argument has no name", "name the flag, without dashes");
        } else if let Some(bare) = arg.name.strip_prefix('-') {
            let bare = bare.trim_start_matches('-');
            check.warn(
                format!("{path}.name"),
                format!("`{}` becomes `--{}`", arg.name, arg.name),
                format!("write `{bare}`: the dashes are added"),
            );
        } else if arg.name.contains(|c: char| c.is_whitespace() || c == '=') {
            check.warn(
                format!("{path}.name"),
                format!("`{}` is not the name of a flag", arg.name),
                "the name goes to `name`, what it is set to goes to `value`",
            );
        }
        if let Some(release) = release
            && let Some(removed) = RemovedFlag::find(component, &arg.name, release.minor)
        {
            check.warn(
                format!("{path}.name"),
                format!("{component} has no flag `--{}` since v1.{}: it will not start", arg.name, removed.since),
                "take it out",
            );
        }
    }
}

pub(super) fn volumes(volumes: &[HostPathMount], path: &str, check: &mut Check<'_>) {
    for (i, volume) in volumes.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if !is_dns1123_label(&volume.name.0) {
            check.error(
                format!("{path}.name"),
                format!("`{}` cannot be the name of a volume", volume.name.0),
                "use up to 63 lower-case letters, digits and `-`",
            );
        } else if volumes.iter().take(i).any(|other| other.name == volume.name) {
            check.error(
                format!("{path}.name"),
                format!("a second volume `{}`", volume.name.0),
                "every volume needs a name of its own",
            );
        }
        check.absolute(&format!("{path}.hostPath"), &volume.host_path.0);
        check.absolute(&format!("{path}.mountPath"), &volume.mount_path.0);
        if volume.mount_path.0.contains(':') {
            check.error(
                format!("{path}.mountPath"),
                format!("`{}` contains a colon, which no mount path may", volume.mount_path.0),
                "mount it somewhere else",
            );
        }
        if volume.host_path.0.split('/').any(|part| part == "..") {
            check.error(format!("{path}.hostPath"), "a host path must not contain `..`", "write the path without it");
        }
        check.one_of(&format!("{path}.pathType"), &volume.path_type, &PATH_TYPES);
    }
}

pub(super) fn envs(envs: &[EnvVar], path: &str, check: &mut Check<'_>) {
    for (i, env) in envs.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if !is_env_name(&env.name.0) {
            check.error(
                format!("{path}.name"),
                format!("`{}` cannot be the name of an environment variable", env.name.0),
                "use letters, digits and `_`",
            );
        }
        let Some(source) = &env.value_from else { continue };
        let path = format!("{path}.valueFrom");
        let given = [
            source.field_ref.is_some(),
            source.resource_field_ref.is_some(),
            source.config_map_key_ref.is_some(),
            source.secret_key_ref.is_some(),
            source.file_key_ref.is_some(),
        ];
        if !env.value.is_empty() {
            check.error(&path, "value and valueFrom are both given", "keep one of them");
        }
        if given.iter().filter(|given| **given).count() != 1 {
            check.error(&path, "it must name exactly one source", "such as `fieldRef: {fieldPath: status.hostIP}`");
        } else if source.config_map_key_ref.is_some() || source.secret_key_ref.is_some() {
            check.warn(
                &path,
                "a static pod cannot refer to ConfigMaps and Secrets: the kubelet will refuse it",
                "give the value itself",
            );
        }
    }
}

pub(super) fn cert_sans(names: &[String], path: &str, check: &mut Check<'_>) {
    for (i, name) in names.iter().enumerate() {
        if !is_dns1123_subdomain(name) && !is_wildcard_subdomain(name) && name.parse::<IpAddr>().is_err() {
            let hint = if name.contains("://") || name.contains('/') || name.contains(':') {
                "leave scheme, port and path out".to_owned()
            } else {
                format!("write an IP address or a DNS name, `*.` before it if you like: {DNS_RULE}")
            };
            check.error(format!("{path}[{i}]"), format!("`{name}` cannot stand in a certificate"), hint);
        }
    }
}
