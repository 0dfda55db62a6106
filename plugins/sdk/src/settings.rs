//! Settings, by serde.

use serde::de::DeserializeOwned;

use crate::Failure;

/// The settings as the operator wrote them.
pub(crate) fn read<T: DeserializeOwned>() -> Result<T, Failure> {
    #[cfg(target_arch = "wasm32")]
    let text = crate::bindings::base::kubephase::plugin::settings::get();
    #[cfg(not(target_arch = "wasm32"))]
    let text = "{}".to_owned();
    parse(&text)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).or_else(|error| {
        // serde writes `()` as null, but a plugin without settings is given `{}`.
        let none = (text.trim() == "{}").then(|| serde_json::from_str("null").ok()).flatten();
        none.ok_or_else(|| {
            // The line and column are of the JSON that kubephase made, which nobody has seen.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            Failure::invalid(format!("settings: {message}")).remedy("correct `settings` of this plugin")
        })
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::parse;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Settings {
        min_driver: String,
    }

    #[test]
    fn no_settings_are_an_empty_object() {
        assert_eq!(parse::<()>("{}"), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_told_without_a_place_that_nobody_knows() {
        assert_eq!(parse::<Settings>(r#"{"minDriver": "550"}"#), Ok(Settings { min_driver: "550".into() }));
        let failure = parse::<Settings>(r#"{"minDriver": "550", "minDrivr": "1"}"#).unwrap_err();
        assert_eq!(failure.code, "invalid");
        assert_eq!(failure.message, "settings: unknown field `minDrivr`, expected `minDriver`");
        assert_eq!(parse::<Settings>("{}").unwrap_err().message, "settings: missing field `minDriver`");
    }
}
