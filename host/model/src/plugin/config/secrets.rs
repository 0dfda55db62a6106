//! Settings that look like secrets: the configuration is stored in the cluster, where every node reads it, and shown in
//! plans. Only names and marks are looked at, and nothing of a value is told.

use serde_json::Value;

/// What names of fields with secrets have in them.
const NAMES: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "credential", "accesskey"];
/// What they end with if the field only says where a secret is, or what about it.
const POINTERS: &[&str] = &[
    "name",
    "names",
    "ref",
    "refs",
    "file",
    "files",
    "path",
    "paths",
    "namespace",
    "ttl",
    "type",
    "env",
    "issuer",
    "audience",
    "url",
];

/// Paths below `at` of all settings that look like secrets.
pub(super) fn find(settings: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(settings, at, "", &mut found);
    found
}

fn walk(value: &Value, at: &str, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| walk(value, &format!("{at}.{name}"), name, found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| walk(value, &format!("{at}[{i}]"), name, found));
        }
        Value::String(text) => {
            let private = text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----");
            // `/path`, `${VAR}` and the like say where it is.
            let named = !text.is_empty() && !text.starts_with(['/', '$', '<']) && is_secret(name);
            if private || named {
                found.push(at.to_owned());
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|word| plain.contains(word)) && !POINTERS.iter().any(|end| plain.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn by_name_and_by_mark() {
        let settings = json!({
            "password": "x", "api_key": "x", "users": [{ "accessToken": "x", "name": "y" }],
            "key": "-----BEGIN EC PRIVATE KEY-----\n", "secretName": "a", "tokenFile": "/x", "tokenTTL": "1h",
            "privateKey": "/etc/key", "passwords": ["a"], "secret": true, "token": "", "interface": "eth0",
        });
        let mut found = find(&settings, "s");
        found.sort();
        assert_eq!(found, ["s.api_key", "s.key", "s.password", "s.passwords[0]", "s.users[0].accessToken"]);
    }
}
