//! Writes a file, before the control plane is made.

use kubephase_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    text: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { text: "hello".to_owned() }
    }
}

struct ThisPlugin;

impl Plugin for ThisPlugin {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "Writes a file")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("writes", ["/etc/{{name}}"], "put the text there")
            .before("control-plane")
    }
}

impl Phase for ThisPlugin {
    fn run(settings: Settings) -> Result<Proposal, Failure> {
        Ok(Proposal::new().file(File::new("/etc/{{name}}", 0o644, format!("{}\n", settings.text))))
    }
}

kubephase_sdk::export!(ThisPlugin: phase);
