//! The schema of the lines that `-o json` prints, from the types that are printed.

use kubephase_engine::Event;
use kubephase_node::Change;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The page.
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Event<Change>>().to_value();
    schema["title"] = json!("One line of kubephase's output with -o json");
    schema["description"] = json!(
        "Every line is one object; `event` says which. Fields may be added, so ignore those that you do not know."
    );
    if let Some(Value::Array(events)) = schema.get_mut("oneOf") {
        events.extend([problem(), error()]);
    }
    format!("{schema:#}\n")
}

/// What `host/cli/report.rs` prints of a configuration.
fn problem() -> Value {
    let text = |about: &str| json!({ "description": about, "type": "string" });
    let optional = |about: &str, kind: &str| json!({ "description": about, "type": [kind, "null"] });
    json!({
        "description": "Something is wrong with the input.",
        "type": "object",
        "properties": {
            "event": { "type": "string", "const": "problem" },
            "severity": { "description": "How bad it is.", "type": "string", "enum": ["error", "warning"] },
            "path": text("The field or flag; empty if it is about the whole."),
            "message": text("What is wrong."),
            "hint": optional("What to do about it.", "string"),
            "file": optional("The file, as it was named.", "string"),
            "line": optional("Its line, from 1.", "integer"),
            "column": optional("Its column in characters, from 1.", "integer"),
        },
        "required": ["event", "severity", "path", "message", "hint", "file", "line", "column"],
    })
}

/// What `host/cli/report.rs` prints of a failure outside of any phase.
fn error() -> Value {
    json!({
        "description": "The command failed outside of any phase.",
        "type": "object",
        "properties": {
            "event": { "type": "string", "const": "error" },
            "error": { "description": "What went wrong, without its causes.", "type": "string" },
            "causes": { "description": "The causes, outermost first.", "type": "array", "items": { "type": "string" } },
            "hint": { "description": "What to do about it.", "type": ["string", "null"] },
        },
        "required": ["event", "error", "causes", "hint"],
    })
}
