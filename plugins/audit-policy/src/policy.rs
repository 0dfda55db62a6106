//! The policy as the text of a file.

use kubephase_sdk::prelude::*;

use crate::Settings;

/// What is written if the operator does not say otherwise.
const BUILT_IN: &str = include_str!("policy.yaml");

/// The file's contents: the operator's policy as JSON, which every reader of YAML takes, or the built-in one.
pub fn text(settings: &Settings) -> Result<String, Failure> {
    let Some(policy) = &settings.policy else { return Ok(BUILT_IN.into()) };
    let Value::Object(given) = policy else { return Err(Failure::invalid("settings: policy must be an object")) };
    let mut whole = given.clone();
    for (key, value) in [("apiVersion", "audit.k8s.io/v1"), ("kind", "Policy")] {
        if *whole.entry(key).or_insert_with(|| value.into()) != value {
            return Err(Failure::invalid(format!("settings: policy.{key} must be `{value}`")));
        }
    }
    let mut text = serde_json::to_string_pretty(&whole)
        .map_err(|error| Failure::invalid(format!("settings: policy cannot be written: {error}")))?;
    text.push('\n');
    Ok(text)
}

/// A short name for the contents: FNV-1a, 64 bits (the hash of draft-eastlake-fnv). It tells versions of a policy apart
/// and protects nothing.
pub fn fingerprint(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // Test vectors of the draft.
        assert_eq!(fingerprint(""), "cbf29ce484222325");
        assert_eq!(fingerprint("foobar"), "85944171f73967e8");
    }

    #[test]
    fn a_given_policy_is_completed_and_keeps_its_rules() {
        let settings = Settings { policy: Some(json!({"rules": [{"level": "Metadata"}]})), ..Settings::default() };
        let written: Value = serde_json::from_str(&text(&settings).expect("it is good")).expect("it is JSON");
        assert_eq!(
            written,
            json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]})
        );
    }

    #[test]
    fn a_policy_of_another_version_is_refused() {
        let policy = json!({"apiVersion": "audit.k8s.io/v1beta1", "rules": []});
        let refused = text(&Settings { policy: Some(policy), ..Settings::default() }).expect_err("it is too old");
        assert_eq!(refused.message, "settings: policy.apiVersion must be `audit.k8s.io/v1`");
    }
}
