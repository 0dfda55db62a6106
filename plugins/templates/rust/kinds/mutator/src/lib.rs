//! Annotates the API server's pod.

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
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "Annotates the API server's pod")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("patches", ["kube-apiserver"], "annotate its pod")
    }
}

impl Mutator for ThisPlugin {
    fn mutate(settings: Settings, target: &str, _document: Value) -> Result<Proposal, Failure> {
        if target != "kube-apiserver" {
            return Ok(Proposal::new());
        }
        let body = json!({"metadata": {"annotations": {"example.org/{{name}}": settings.text}}});
        Ok(Proposal::new().patch(Patch::merge(target, body, "say hi")))
    }
}

kubephase_sdk::export!(ThisPlugin: mutator);
