//! The smallest useful plugin: node names follow a convention, or the run stops before anything has changed.

use kubephase_sdk::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    node_name_prefix: String,
}

struct Hello;

impl Plugin for Hello {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("hello", env!("CARGO_PKG_VERSION"), "Checks that this node's name begins as agreed")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster"], "read this node's name")
    }
}

impl Preflight for Hello {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let name = facts::cluster()?.node_name;
        log::info(format!("hello, {name}"));
        Ok(Vec::from_iter(judge(&name, &settings.node_name_prefix)))
    }
}

kubephase_sdk::export!(Hello: preflight);

fn judge(name: &str, prefix: &str) -> Option<Finding> {
    if name.starts_with(prefix) {
        return None;
    }
    let finding = Finding::error("NodeName", format!("this node is called {name}"));
    Some(finding.expected(format!("a name that begins with {prefix}")).remedy("set nodeRegistration.name"))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_name_begins_as_agreed() {
        assert_eq!(judge("prod-a", "prod-"), None);
        assert_eq!(judge("prod-a", ""), None);
        assert_eq!(judge("test-a", "prod-").unwrap().expected.unwrap(), "a name that begins with prod-");
    }
}
