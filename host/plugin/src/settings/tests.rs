use std::sync::Arc;

use kubephase_model::Report;
use kubephase_model::config::load::{Command, load};
use kubephase_model::report::Source;
use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["minDriver"],
        "properties": {
            "minDriver": { "description": "Oldest driver, such as 550.", "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)*$" },
            "backend": { "enum": ["vxlan", "host-gw"] },
            "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
            "devices": { "type": "array", "minItems": 1, "uniqueItems": true, "items": { "$ref": "#/$defs/device" } },
            "address": { "type": "string", "format": "ipv4" },
            "one": { "oneOf": [{ "type": "string" }, { "type": "object", "required": ["name"] }] },
            "old": false,
        },
        "$defs": { "device": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "vendor": { "type": "integer" }, "name": { "type": "string", "minLength": 1 } },
        } },
    })
}

/// `line:column path: message (hint)` for settings in a file.
fn found(settings: &str) -> Vec<String> {
    let text = format!(
        "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\nplugins:\n- {{name: a, source: a.wasm}}\n- name: gpu\n  source: gpu.wasm\n  settings:\n{settings}"
    );
    let mut report = Report::default();
    let documents = load(&Arc::new(Source { name: "f".into(), text }), Command::Plugins, &mut report);
    assert!(report.problems.is_empty(), "{report}");
    let config = documents.plugins.clone().expect("plugins");
    judge(Some(&schema()), &config.plugins[1], 1, Some(&documents))
        .iter()
        .map(|problem| {
            let place = problem.place.as_ref().expect("it is in the file");
            let hint = problem.hint.as_deref().map_or_else(String::new, |hint| format!(" ({hint})"));
            format!("{}:{} {}: {}{hint}", place.line, place.column, problem.path, problem.message)
        })
        .collect()
}

#[test]
fn good_settings_pass() {
    let good = "    minDriver: \"550.54\"\n    backend: vxlan\n    port: 4789\n    devices: [{vendor: 4318, name: a}]\n    one: x\n    address: 10.0.0.1\n";
    assert_eq!(found(good), Vec::<String>::new());
}

#[test]
fn everything_at_once_with_its_place() {
    let settings = "    minDrivr: \"550\"
    backend: vxlann
    port: 70000
    devices:
    - {vendor: x, name: \"\", serial: 1}
    - {vendor: 1}
    - {vendor: 1}
    address: 300.1.1.1
    one: 5
    old: 1
";
    let lines = found(settings);
    assert_eq!(
        lines,
        [
            "7:3 plugins[1].settings: `minDriver` is missing",
            "8:5 plugins[1].settings.minDrivr: unknown setting `minDrivr` (did you mean `minDriver`?)",
            "9:5 plugins[1].settings.backend: it is not one of vxlan, host-gw (did you mean `vxlan`?)",
            "10:5 plugins[1].settings.port: it must be 65535 or less",
            "11:5 plugins[1].settings.devices: it has the same entry twice",
            "12:8 plugins[1].settings.devices[0].vendor: expected a whole number, found a string",
            "12:19 plugins[1].settings.devices[0].name: it is empty",
            "12:29 plugins[1].settings.devices[0].serial: unknown setting `serial` (known ones: name, vendor)",
            "15:5 plugins[1].settings.address: it is no ipv4",
            "16:5 plugins[1].settings.one: it fits none of the forms that are allowed (what comes closest says: expected a string, found a whole number)",
            "17:5 plugins[1].settings.old: it is not allowed here",
        ]
    );
    assert_eq!(
        found("    minDriver: 550\n"),
        ["8:5 plugins[1].settings.minDriver: expected a string, found a whole number (put it in quotes)"]
    );
    // Nothing that was written is repeated.
    let secret = found("    minDriver: hunter2\n");
    assert_eq!(
        secret,
        [
            "8:5 plugins[1].settings.minDriver: it does not match the pattern `^[0-9]+(\\.[0-9]+)*$` (Oldest driver, such as 550.)"
        ]
    );
}

#[test]
fn no_schema_means_no_settings() {
    let entry = |settings: Value| PluginEntry { name: "a".into(), settings, ..PluginEntry::default() };
    assert_eq!(judge(None, &entry(Value::Null), 0, None), []);
    assert_eq!(judge(None, &entry(json!({})), 0, None), []);
    let found = judge(None, &entry(json!({ "a": 1 })), 0, None);
    assert_eq!(found[0].to_string(), "plugins[0].settings: the plugin `a` has no settings");
    assert_eq!(problems(&schema(), &Value::Null), ["settings: `minDriver` is missing"]);
}

#[test]
fn schemas_that_cannot_be_used_are_the_plugins_fault() {
    let doubling: Vec<(String, Value)> = (0..40)
        .map(|i| (format!("a{i}"), json!({ "allOf": [{ "$ref": format!("#/$defs/a{}", i + 1) }, { "$ref": format!("#/$defs/a{}", i + 1) }] })))
        .chain([("a40".to_owned(), json!({ "type": "object" }))])
        .collect();
    let doubling = json!({ "$ref": "#/$defs/a0", "$defs": doubling.into_iter().collect::<serde_json::Map<_, _>>() });
    for (schema, why) in [
        (json!([]), "neither an object"),
        (json!({ "type": "objekt" }), "/type"),
        (json!({ "properties": { "a": { "minimum": "x" } } }), "/properties/a/minimum"),
        (json!({ "$schema": "http://json-schema.org/draft-07/schema#" }), "2020-12"),
        (json!({ "$ref": "https://example.org/schema.json" }), "leads out of it"),
        (json!({ "$ref": "file:///etc/passwd" }), "leads out of it"),
        (json!({ "$ref": "other.json" }), "leads out of it"),
        (json!({ "$ref": "#" }), "refers to itself"),
        (
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "properties": { "b": { "$ref": "#/$defs/a" } } } } }),
            "refers to itself",
        ),
        (json!({ "$ref": "#/$defs/none" }), "there is nothing at"),
        (json!({ "$dynamicRef": "#a" }), "`$dynamicRef` is not used here"),
        (doubling, "are allowed"),
        (json!({ "pattern": "(?=x)" }), "pattern"),
        (json!({ "pattern": "((a{1000}){1000}){1000}" }), "pattern"),
        (json!({ "description": "x".repeat(300_000) }), "262144 are allowed"),
    ] {
        let error = check_schema(&schema).expect_err(&schema.to_string());
        assert!(error.contains(why), "{error}");
        let entry = PluginEntry { name: "a".into(), ..PluginEntry::default() };
        let found = judge(Some(&schema), &entry, 0, None);
        assert!(
            found.len() == 1
                && found[0].message.starts_with("the schema of the plugin `a` for its settings is not valid"),
            "{found:?}"
        );
        assert_eq!(found[0].hint.as_deref(), Some("this is a fault of the plugin: tell its maker"));
    }
    assert_eq!(check_schema(&json!(true)), Ok(()));
}

#[test]
fn patterns_take_no_longer_than_their_text() {
    let schema = json!({ "properties": { "a": { "pattern": "^(a+)+$" } } });
    let settings = json!({ "a": format!("{}b", "a".repeat(100_000)) });
    assert_eq!(problems(&schema, &settings).len(), 1);
}

/// The schemas of the plugins that stand beside.
#[test]
fn our_own_plugins_have_schemas_that_can_be_used() {
    #[expect(clippy::disallowed_methods, reason = "a test that reads the repository")]
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins")).expect("plugins");
    let mut count = 0;
    for plugin in folder.flatten() {
        let path = plugin.path().join("settings.schema.json");
        #[expect(clippy::disallowed_methods, reason = "a test that reads the repository")]
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(check_schema(&schema), Ok(()), "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "there are plugins with settings");
}
