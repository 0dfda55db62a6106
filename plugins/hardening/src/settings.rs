//! What the operator may say; see `settings.schema.json`.

use kubephase_sdk::prelude::*;

use crate::items::{ITEMS, Item, Profile};
use crate::rule::weak;

/// All of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    profile: Start,
    include: Vec<String>,
    exclude: Vec<String>,
    pub values: Values,
    pub report: Report,
    pub severity: Told,
}

/// What is selected to begin with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    #[default]
    Default,
    Strict,
    None,
}

/// Values of items that leave them open.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Values {
    #[serde(rename = "terminatedPodGCThreshold")]
    pub terminated_pods: u32,
    #[serde(rename = "podPidsLimit")]
    pub pod_pids: u32,
    #[serde(rename = "tlsCipherSuites")]
    pub ciphers: Vec<String>,
}

impl Default for Values {
    fn default() -> Self {
        // What the benchmark names for kubelets, so that both of its items are content. Go speaks HTTP/2 with these only
        // if AES_128_GCM_SHA256 is among them.
        let ciphers = [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ];
        Self { terminated_pods: 1000, pod_pids: 4096, ciphers: ciphers.map(str::to_owned).into() }
    }
}

/// What the phase tells.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    #[default]
    Failures,
    All,
}

/// How bad an item is that is not fulfilled.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    Info,
    #[default]
    Warning,
    Error,
}

impl From<Told> for Severity {
    fn from(told: Told) -> Self {
        match told {
            Told::Info => Self::Info,
            Told::Warning => Self::Warning,
            Told::Error => Self::Error,
        }
    }
}

impl Settings {
    /// The items that the operator selects, in their order.
    pub fn selected(&self) -> Result<Vec<&'static Item>, Failure> {
        let named = self.include.iter().chain(&self.exclude);
        let unknown: Vec<&str> =
            named.map(String::as_str).filter(|id| ITEMS.iter().all(|item| item.id != *id)).collect();
        if !unknown.is_empty() {
            return Err(Failure::invalid(format!("settings: there are no items {}", unknown.join(", ")))
                .remedy("the README names all items"));
        }
        self.values.check()?;
        let has = |ids: &[String], item: &Item| ids.iter().any(|id| id == item.id);
        let begins = |item: &Item| match self.profile {
            Start::Default => item.profile == Profile::Default,
            Start::Strict => item.profile <= Profile::Strict,
            Start::None => false,
        };
        let is_in = |item: &&Item| (begins(item) || has(&self.include, item)) && !has(&self.exclude, item);
        Ok(ITEMS.iter().filter(is_in).collect())
    }
}

impl Values {
    fn check(&self) -> Result<(), Failure> {
        let weak = weak(self.ciphers.iter().map(String::as_str));
        if !weak.is_empty() {
            return Err(Failure::invalid(format!(
                "settings: values.tlsCipherSuites: {} are not strong",
                weak.join(", ")
            )));
        }
        if !self.ciphers.iter().any(|cipher| cipher.ends_with("_WITH_AES_128_GCM_SHA256")) {
            let message = "settings: values.tlsCipherSuites: one with AES_128_GCM_SHA256 is needed for HTTP/2";
            return Err(Failure::invalid(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(settings: Value) -> Vec<&'static str> {
        let settings: Settings = serde_json::from_value(settings).expect("they fit");
        settings.selected().expect("they are known").iter().map(|item| item.id).collect()
    }

    #[test]
    fn profiles_grow_and_ids_add_and_take_away() {
        let (default, strict) = (ids(json!({})), ids(json!({"profile": "strict"})));
        assert!(default.iter().all(|id| strict.contains(id)) && default.len() < strict.len());
        assert!(!strict.contains(&"1.2.1"), "it would break the cluster");
        assert_eq!(ids(json!({"profile": "none", "include": ["4.2.13", "1.2.1"]})), ["1.2.1", "4.2.13"]);
        let without = ids(json!({"exclude": ["1.2.15"]}));
        assert_eq!(without.len() + 1, default.len());
        assert!(!without.contains(&"1.2.15"));
    }

    #[test]
    fn unknown_items_are_told_together() {
        let settings: Settings =
            serde_json::from_value(json!({"include": ["1.2.99"], "exclude": ["9"]})).expect("they fit");
        let failure = settings.selected().err().expect("they are unknown");
        assert_eq!(failure.message, "settings: there are no items 1.2.99, 9");
    }

    #[test]
    fn ciphers_are_strong_and_good_for_http2() {
        for (ciphers, told) in [
            (json!(["TLS_RSA_WITH_AES_128_GCM_SHA256"]), "TLS_RSA_WITH_AES_128_GCM_SHA256 are not strong"),
            (json!(["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]), "one with AES_128_GCM_SHA256 is needed for HTTP/2"),
        ] {
            let settings: Settings =
                serde_json::from_value(json!({"values": {"tlsCipherSuites": ciphers}})).expect("they fit");
            let failure = settings.selected().err().expect("they are refused");
            assert_eq!(failure.message, format!("settings: values.tlsCipherSuites: {told}"));
        }
    }

    #[test]
    fn the_readme_has_every_item_with_its_profile() {
        for item in ITEMS {
            let profile = match item.profile {
                Profile::Default => "default",
                Profile::Strict => "strict",
                Profile::Named => "by id",
            };
            let set = if item.is_set && item.rule.can_be_set() { " yes" } else { "" };
            let row = format!("| {} | {profile} |{set} |\n", item.about);
            let line = include_str!("../README.md").lines().find(|line| line.starts_with(&format!("| {} |", item.id)));
            assert!(line.is_some_and(|line| line.ends_with(row.trim_end())), "{}: {row}", item.id);
        }
    }

    #[test]
    fn the_schema_names_every_item_once() {
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        let ids: Vec<&str> = ITEMS.iter().map(|item| item.id).collect();
        assert_eq!(schema["$defs"]["item"]["enum"], json!(ids));
        assert_eq!(schema["$defs"]["cipher"]["enum"], json!(crate::rule::STRONG));
        let mut once = ids.clone();
        once.dedup();
        assert_eq!(once, ids);
    }
}
