//! Makes kube-apiserver write an audit log: the policy as a file, what is mounted for it, and flags with rotation.
//!
//! What the operator's own configuration says about auditing counts; this plugin only adds what is not there, and tells
//! what it left alone.

mod policy;
mod server;

use kubephase_sdk::prelude::*;

/// What the operator may say; see `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    policy: Option<Value>,
    policy_file: String,
    log_file: String,
    max_age: u32,
    max_backups: u32,
    max_size: u32,
    mode: Option<Mode>,
    compress: bool,
}

/// `--audit-log-mode`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Blocking,
    BlockingStrict,
    Batch,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::BlockingStrict => "blocking-strict",
            Self::Batch => "batch",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        // The benchmark of the Center for Internet Security asks for at least this much (its items 1.2.17 to 1.2.19).
        let (max_age, max_backups, max_size) = (30, 10, 100);
        Self {
            policy: None,
            policy_file: "/etc/kubernetes/audit/policy.yaml".into(),
            log_file: "/var/log/kubernetes/audit/audit.log".into(),
            max_age,
            max_backups,
            max_size,
            mode: None,
            compress: false,
        }
    }
}

/// The plugin.
struct AuditPolicy;

impl Plugin for AuditPolicy {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("audit-policy", env!("CARGO_PKG_VERSION"), "Makes kube-apiserver write an audit log")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("patches", ["kube-apiserver"], "add the flags, volumes and mounts of the audit log")
            .wants("hostPaths", ["/etc/kubernetes/audit", "/var/log/kubernetes/audit"], "mount the policy and the log")
            .wants("writes", ["/etc/kubernetes/audit/policy.yaml"], "write the policy")
    }
}

impl Mutator for AuditPolicy {
    fn mutate(settings: Settings, target: &str, document: Value) -> Result<Proposal, Failure> {
        if target != server::TARGET {
            return Ok(Proposal::new());
        }
        server::mutate(&settings, &document)
    }
}

kubephase_sdk::export!(AuditPolicy: mutator);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_and_setting() {
        let readme = include_str!("../README.md");
        for scope in AuditPolicy::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.keys()) {
            assert!(readme.contains(&format!("`{setting}")), "{setting}");
        }
    }
}
