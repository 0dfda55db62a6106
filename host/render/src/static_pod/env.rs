//! Environment variables of containers.

use std::collections::BTreeMap;

use kubephase_model::config::record::Field;
use kubephase_model::config::v1beta4::EnvVar;
use serde_json::{Value, json};

use crate::patch;

/// The host's proxy variables and the user's, which win, sorted by name.
pub(super) fn variables(proxy: &[(String, String)], user: &[EnvVar]) -> Vec<Value> {
    let proxy = proxy.iter().map(|(name, value)| (name.as_str(), json!({ "name": name, "value": value })));
    let merged: BTreeMap<&str, Value> =
        proxy.chain(user.iter().map(|variable| (variable.name.0.as_str(), encode(variable)))).collect();
    merged.into_values().collect()
}

fn encode(variable: &EnvVar) -> Value {
    let mut encoded = json!({ "name": variable.name.0 });
    if !variable.value.is_empty() {
        encoded["value"] = variable.value.as_str().into();
    }
    if let Some(source) = &variable.value_from {
        let mut source = patch::recode("EnvVarSource", source.write_always());
        // kubeadm fills this in when it reads its configuration (SetDefaults_EnvVar).
        if let Some(Value::Object(field)) = source.get_mut("fieldRef") {
            field.entry("apiVersion").or_insert("v1".into());
        }
        encoded["valueFrom"] = source;
    }
    encoded
}

#[cfg(test)]
mod tests {
    use kubephase_model::Report;
    use kubephase_model::report::Source;
    use kubephase_model::yaml::documents;

    use super::*;

    fn variables_of(yaml: &str) -> Vec<EnvVar> {
        let mut report = Report::default();
        let source = std::sync::Arc::new(Source { name: "test".into(), text: yaml.into() });
        let nodes = documents(&source, &mut report);
        let variables = Field::read(&nodes[0], "", &mut report).unwrap();
        assert!(report.problems.is_empty(), "{report}");
        variables
    }

    #[test]
    fn the_users_variables_win_over_the_hosts() {
        let proxy = [("no_proxy".to_owned(), "10.0.0.0/8".to_owned()), ("HTTPS_PROXY".into(), "http://host:1".into())];
        let user = variables_of(
            "- {name: HTTPS_PROXY, value: 'http://user:1'}\n- {name: A, value: '1'}\n- {name: A, value: '2'}",
        );
        assert_eq!(
            variables(&proxy, &user),
            [
                json!({ "name": "A", "value": "2" }),
                json!({ "name": "HTTPS_PROXY", "value": "http://user:1" }),
                json!({ "name": "no_proxy", "value": "10.0.0.0/8" }),
            ]
        );
    }

    #[test]
    fn sources_get_what_go_would_write() {
        let user = variables_of(
            "- {name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}\n\
             - {name: B, valueFrom: {fieldRef: {fieldPath: a, apiVersion: v2}}}\n\
             - {name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}\n\
             - {name: D, valueFrom: {secretKeyRef: {name: s, key: k, optional: false}}}\n\
             - {name: E}\n",
        );
        assert_eq!(
            variables(&[], &user),
            [
                json!({ "name": "A", "valueFrom": { "fieldRef": { "fieldPath": "status.hostIP", "apiVersion": "v1" } } }),
                json!({ "name": "B", "valueFrom": { "fieldRef": { "fieldPath": "a", "apiVersion": "v2" } } }),
                json!({ "name": "C", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "divisor": "0" } } }),
                json!({ "name": "D", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k", "optional": false } } }),
                json!({ "name": "E" }),
            ]
        );
    }
}
