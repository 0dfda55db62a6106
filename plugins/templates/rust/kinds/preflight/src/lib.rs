//! Checks that there are enough processors.

use kubephase_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    minimum: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { minimum: 2 }
    }
}

struct ThisPlugin;

impl Plugin for ThisPlugin {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "Checks that there are enough processors")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cpu"], "count the processors")
    }
}

impl Preflight for ThisPlugin {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::from_iter(judge(facts::cpu()?.count, settings.minimum)))
    }
}

kubephase_sdk::export!(ThisPlugin: preflight);

fn judge(count: u32, minimum: u32) -> Option<Finding> {
    if count >= minimum {
        return None;
    }
    let seen = format!("this machine has {count} of the processors that are asked for");
    let finding = Finding::error("TooFewProcessors", seen);
    Some(finding.expected(format!("at least {minimum}")).remedy("use a larger machine"))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn as_many_as_asked_for_are_enough() {
        assert_eq!(judge(2, 2), None);
        assert_eq!(judge(1, 2).unwrap().id, "TooFewProcessors");
    }
}
