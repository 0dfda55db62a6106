//! Encrypts Secrets, and what else the operator names, before kube-apiserver stores them in etcd.
//!
//! The key is made by kubephase and filled into the file by it; this plugin never sees it, not even later: it asks
//! whether the file's directory exists, and has no right to read what is in there.

mod configuration;
mod server;
mod sharing;

use kubephase_sdk::prelude::*;

/// What the operator may say; see `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    provider: Provider,
    resources: Vec<String>,
    key_name: String,
    file: String,
    automatic_reload: bool,
}

/// How values are encrypted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Provider {
    Secretbox,
    Aescbc,
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Secretbox => "secretbox",
            Self::Aescbc => "aescbc",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider: Provider::Secretbox,
            resources: vec!["secrets".into()],
            key_name: "key1".into(),
            file: "/etc/kubernetes/encryption/config.yaml".into(),
            automatic_reload: false,
        }
    }
}

impl Settings {
    /// The directory that is mounted.
    fn directory(&self) -> Result<&str, Failure> {
        match self.file.rsplit_once('/') {
            Some((directory, name)) if !directory.is_empty() && !name.is_empty() => Ok(directory),
            _ => Err(Failure::invalid(format!(
                "settings: file: `{}` is not a file in a directory of its own",
                self.file
            ))),
        }
    }
}

/// The plugin.
struct EncryptionAtRest;

impl Plugin for EncryptionAtRest {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "encryption-at-rest",
            env!("CARGO_PKG_VERSION"),
            "Encrypts Secrets before kube-apiserver stores them in etcd",
        )
        .settings_schema(include_str!("../settings.schema.json"))
        .wants("patches", ["kube-apiserver"], "add the flag, the volume and the mount")
        .wants("hostPaths", ["/etc/kubernetes/encryption"], "mount the configuration")
        .wants("writes", ["/etc/kubernetes/encryption/config.yaml"], "make the configuration, with a key, once")
        .wants("facts", ["cluster"], "make a key on the cluster's first node only")
        .wants(
            "files",
            ["/etc/kubernetes/encryption"],
            "see whether a joining node has it; not to read what is in it",
        )
    }
}

impl Preflight for EncryptionAtRest {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        sharing::check(&settings)
    }
}

impl Mutator for EncryptionAtRest {
    fn mutate(settings: Settings, target: &str, document: Value) -> Result<Proposal, Failure> {
        if target != server::TARGET {
            return Ok(Proposal::new());
        }
        server::mutate(&settings, &document, sharing::part()?)
    }
}

kubephase_sdk::export!(EncryptionAtRest: preflight, mutator);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_and_setting() {
        let readme = include_str!("../README.md");
        for scope in EncryptionAtRest::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.keys()) {
            assert!(readme.contains(&format!("`{setting}")), "{setting}");
        }
    }
}
