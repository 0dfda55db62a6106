//! Puts a ConfigMap into the cluster.

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
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "Puts a ConfigMap into the cluster")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("objects", ["v1/ConfigMap/kube-system/{{name}}"], "put the text there")
    }
}

impl Addon for ThisPlugin {
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        Ok(Proposal::new().object(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "{{name}}", "namespace": "kube-system"},
            "data": {"text": settings.text},
        })))
    }
}

kubephase_sdk::export!(ThisPlugin: addon);
