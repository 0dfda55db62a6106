//! What is wrong with a configuration of plugins, as far as it can be said without its plugins.

use super::source::{Source, is_sha256};
use super::{Digests, Limits, PluginConfiguration, PluginEntry, Registry, TrustRule, TrustedKey, amount};
use crate::config::duration::GoDuration;
use crate::config::record::nearest;
use crate::names::{is_dns1123_label, is_image_repository, is_rfc3339};
use crate::plugin::grants;
use crate::report::Problem;

/// Every problem, with its path in the document.
pub fn problems(config: &PluginConfiguration, digests: Digests) -> Vec<Problem> {
    let mut list = List::default();
    let names: Vec<&str> = config.plugins.iter().map(|plugin| &*plugin.name).collect();
    for (i, plugin) in config.plugins.iter().enumerate() {
        let at = format!("plugins[{i}]");
        name(&format!("{at}.name"), &plugin.name, &names[..i], &mut list);
        entry(&at, plugin, digests, &mut list);
    }
    let sources: Vec<&str> = config.trust.iter().map(|rule| &*rule.source).collect();
    for (i, rule) in config.trust.iter().enumerate() {
        let at = format!("trust[{i}]");
        if sources[..i].contains(&&*rule.source) {
            let message = format!("there is another rule for `{}`", rule.source);
            list.error(&format!("{at}.source"), message, "put the keys of both into one rule");
        }
        trust(&at, rule, &mut list);
    }
    let hosts: Vec<&str> = config.registries.iter().map(|registry| &*registry.host).collect();
    for (i, entry) in config.registries.iter().enumerate() {
        let at = format!("registries[{i}]");
        if hosts[..i].iter().any(|host| host.eq_ignore_ascii_case(&entry.host)) {
            list.error(&format!("{at}.host"), format!("`{}` stands here twice", entry.host), "merge the two");
        }
        registry(&at, entry, &mut list);
    }
    list.0
}

#[derive(Default)]
struct List(Vec<Problem>);

impl List {
    fn error(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem::error(path, message).hint(hint));
    }

    fn warn(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem::warning(path, message).hint(hint));
    }

    /// One of some words, or nothing for the first one.
    fn word(&mut self, path: &str, value: &str, known: &[&str]) {
        if value.is_empty() || known.contains(&value) {
            return;
        }
        let hint = match nearest(value, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("leave it out for `{}`", known.first().unwrap_or(&"the default")),
        };
        self.error(path, format!("`{value}` is not one of {}", known.join(", ")), hint);
    }
}

fn name(at: &str, name: &str, others: &[&str], list: &mut List) {
    if name.is_empty() {
        list.error(at, "a plugin needs a name", "such as `name: gpu-preflight`");
    } else if !is_dns1123_label(name) {
        let message = format!("`{name}` is no name for a plugin");
        let hint = match name.to_ascii_lowercase().replace(['_', '.', ' '], "-") {
            better if is_dns1123_label(&better) => format!("call it `{better}`"),
            _ => "use lower case letters, digits and inner dashes, 63 at most".into(),
        };
        list.error(at, message, hint);
    } else if others.contains(&name) {
        list.error(at, format!("there is another plugin with the name `{name}`"), "give one of them another name");
    }
}

fn entry(at: &str, plugin: &PluginEntry, digests: Digests, list: &mut List) {
    let path = |field: &str| format!("{at}.{field}");
    let source = Source::read(&plugin.source);
    match source {
        Err(_) if plugin.source.is_empty() => {
            list.error(
                &path("source"),
                "it has no source",
                "write `oci://host/repository[:tag]`, or the path of a component",
            );
        }
        Err((why, hint)) => list.error(&path("source"), format!("`{}`: {why}", shown(&plugin.source)), hint),
        Ok(Source::Path(file)) if looks_remote(file) => {
            let message = format!("`{file}` is taken for the path of a file");
            list.warn(&path("source"), message, format!("if it is in a registry, write `oci://{file}`"));
        }
        Ok(_) => {}
    }
    let is_remote = source.is_ok_and(Source::is_remote);
    digest(&path("digest"), &plugin.digest, is_remote, digests, list);
    if plugin.enabled == "worker" && plugin.digest.is_empty() && !is_remote && digests == Digests::Required {
        let message =
            "a plugin that runs on workers alone needs a digest: the control plane tells them which one to run";
        list.error(&path("digest"), message, "`kubephase plugin lock` looks the digest up and writes it into the file");
    }
    if !plugin.settings.is_null() && !plugin.settings.is_object() {
        list.error(&path("settings"), "settings are a mapping", "write `settings: {name: value}`");
    }
    list.0.extend(grants::problems(&plugin.grants, &path("grants")));
    for (field, names) in [("before", &plugin.before), ("after", &plugin.after)] {
        for (i, name) in names.iter().enumerate() {
            let at = format!("{at}.{field}[{i}]");
            if name.is_empty() {
                list.error(&at, "it is empty", "name a phase or a plugin");
            } else if *name == plugin.name {
                list.error(&at, format!("a plugin cannot stand {field} itself"), "take it out");
            } else if field == "after" && plugin.before.contains(name) {
                list.error(&at, format!("it stands before and after `{name}`"), "take one of the two out");
            }
        }
    }
    list.word(&path("stage"), &plugin.stage, &["normal", "before-cni"]);
    list.word(&path("onFailure"), &plugin.on_failure, &["fail", "warn"]);
    list.word(&path("enabled"), &plugin.enabled, &["always", "never", "control-plane", "worker"]);
    if let Some(timeout) =
        plugin.timeout.filter(|timeout| !(GoDuration::seconds(1)..=GoDuration::hours(1)).contains(timeout))
    {
        let message = format!("{timeout} is not between 1s and 1h");
        list.error(&path("timeout"), message, "write it like `30s`, or leave it out");
    }
    limits(&path("limits"), &plugin.limits, list);
}

/// Whether a path looks as if it should have been `oci://…`.
fn looks_remote(file: &str) -> bool {
    let (host, rest) = file.split_once('/').unwrap_or((file, ""));
    !file.starts_with(['/', '.']) && host.contains('.') && !rest.is_empty() && !file.ends_with(".wasm")
}

/// A source as it may be shown: without a password before its host.
fn shown(source: &str) -> String {
    match (source.split_once("://"), source.rsplit_once('@')) {
        (Some((scheme, _)), Some((before, host))) if !before.contains("/sha256") && !host.starts_with("sha256:") => {
            format!("{scheme}://…@{host}")
        }
        _ => source.to_owned(),
    }
}

fn digest(at: &str, digest: &str, is_remote: bool, digests: Digests, list: &mut List) {
    if digest.is_empty() {
        if is_remote && digests == Digests::Required {
            let hint = "`kubephase plugin lock` looks the digest up and writes it into the file";
            list.error(at, "a plugin from a registry needs a digest: what a tag means can change", hint);
        }
    } else if !is_sha256(digest) {
        let lower = digest.to_ascii_lowercase();
        let hint = match () {
            () if is_sha256(&lower) => format!("write it in lower case: `{lower}`"),
            () if is_sha256(&format!("sha256:{lower}")) => format!("write `sha256:{lower}`"),
            () => "write `sha256:` and 64 hex digits; `kubephase plugin lock` writes it".into(),
        };
        list.error(at, format!("`{digest}` is no SHA-256 digest"), hint);
    }
}

fn limits(at: &str, limits: &Limits, list: &mut List) {
    let mut amounts = |field: &str, text: &str, least: &str, most: &str| {
        let bound = |text| amount::bytes(text).unwrap_or_default();
        match amount::bytes(text) {
            _ if text.is_empty() => {}
            None => list.error(&format!("{at}.{field}"), format!("`{text}` is no amount"), "write it like `64Mi`"),
            Some(bytes) if !(bound(least)..=bound(most)).contains(&bytes) => {
                let message = format!("`{text}` is not between {least} and {most}");
                list.error(&format!("{at}.{field}"), message, "write it like `64Mi`");
            }
            Some(_) => {}
        }
    };
    amounts("memory", &limits.memory, "1Mi", "4Gi");
    amounts("output", &limits.output, "1Ki", "256Mi");
    for (field, value) in
        [("fuel", limits.fuel), ("tableElements", limits.table_elements), ("instances", limits.instances)]
    {
        if let Some(value) = value.filter(|value| *value < 1) {
            list.error(&format!("{at}.{field}"), format!("{value} leaves nothing"), "write 1 or more, or leave it out");
        }
    }
}

fn trust(at: &str, rule: &TrustRule, list: &mut List) {
    let path = |field: &str| format!("{at}.{field}");
    if rule.source.contains("://") && !rule.source.starts_with(super::source::OCI) {
        let hint = "write what sources begin with: `oci://host/team/`, a directory, or nothing for all";
        list.error(&path("source"), format!("no source begins with `{}`", shown(&rule.source)), hint);
    }
    list.word(&path("signature"), &rule.signature, &["required", "none"]);
    if rule.signature == "none" && !rule.keys.is_empty() {
        list.warn(&path("keys"), "no signature is asked for, so these keys mean nothing", "take `signature: none` out");
    }
    if rule.signature != "none" && rule.keys.is_empty() {
        let hint = "name a key, or say `signature: none` to take unsigned plugins";
        list.error(&path("keys"), "there is no key that could have signed", hint);
    }
    let names: Vec<&str> = rule.keys.iter().map(|key| &*key.name).collect();
    for (i, entry) in rule.keys.iter().enumerate() {
        let at = format!("{at}.keys[{i}]");
        if entry.name.is_empty() {
            list.error(
                &format!("{at}.name"),
                "a key needs a name",
                "it stands in messages, such as `name: platform-team`",
            );
        } else if names[..i].contains(&&*entry.name) {
            let message = format!("there is another key with the name `{}`", entry.name);
            list.error(&format!("{at}.name"), message, "give one of them another name");
        }
        key(&at, entry, list);
    }
}

fn key(at: &str, key: &TrustedKey, list: &mut List) {
    const FORM: &str = "write the PEM block that begins with `-----BEGIN PUBLIC KEY-----`";
    match (key.public_key.is_empty(), key.public_key_file.is_empty()) {
        (true, true) => list.error(at, "it has neither publicKey nor publicKeyFile", "give one of them"),
        (false, false) => list.error(at, "it has both publicKey and publicKeyFile", "take one of them out"),
        (false, true) if key.public_key.contains("PRIVATE KEY-----") => {
            let hint = "take it out and make a new key: this one has been written where others may have read it";
            list.error(&format!("{at}.publicKey"), "this is a private key", hint);
        }
        (false, true) => {
            let text = key.public_key.trim();
            if !text.starts_with("-----BEGIN PUBLIC KEY-----") || !text.ends_with("-----END PUBLIC KEY-----") {
                list.error(&format!("{at}.publicKey"), "this is no public key in PEM", FORM);
            }
        }
        (true, false) => {}
    }
    if !key.not_after.is_empty() && !is_rfc3339(&key.not_after) {
        let message = format!("`{}` is no time", key.not_after);
        list.error(&format!("{at}.notAfter"), message, "write it as RFC 3339 has it, such as 2027-01-31T00:00:00Z");
    }
}

fn registry(at: &str, registry: &Registry, list: &mut List) {
    let host = format!("{at}.host");
    if registry.host.is_empty() {
        list.error(&host, "a registry needs a host", "such as `host: registry.example:5000`");
    } else if registry.host.contains('/') || !is_image_repository(&registry.host) {
        let hint = "write `host` or `host:port`, without `oci://` and without a path";
        list.error(&host, format!("`{}` is no host", shown(&registry.host)), hint);
    }
    if registry.plain_http && !registry.ca_file.is_empty() {
        let hint = "take one of the two out";
        list.error(&format!("{at}.caFile"), "without TLS (plainHTTP) no authority is asked", hint);
    }
}
