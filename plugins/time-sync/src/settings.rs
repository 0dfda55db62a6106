//! What the operator sets. `settings.schema.json` says the same for people and for kubephase, defaults included.

use kubephase_sdk::prelude::*;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Daemons of which one must run; empty if none must.
    pub daemons: Vec<Daemon>,
    /// Whether the kernel must believe its clock.
    pub require_synchronised: bool,
    /// By how much the clock may be off, in milliseconds.
    pub max_offset_milliseconds: u32,
    /// By how much the kernel may believe that it could be off, in milliseconds.
    pub max_error_milliseconds: u32,
    /// NTP servers to compare with.
    pub servers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            daemons: Daemon::ALL.to_vec(),
            require_synchronised: true,
            max_offset_milliseconds: 500,
            max_error_milliseconds: 5000,
            servers: Vec::new(),
        }
    }
}

/// A daemon that keeps a clock right, as kubephase names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Daemon {
    /// chrony.
    Chronyd,
    /// The reference implementation of NTP.
    Ntpd,
    /// NTPsec, made from it.
    Ntpsec,
    /// OpenBSD's.
    Openntpd,
    /// systemd's.
    SystemdTimesyncd,
    /// PTP for a network card's clock.
    Ptp4l,
    /// What takes the card's clock over to the machine's.
    Phc2sys,
}

impl Daemon {
    /// All of them, as the schema lists them.
    pub const ALL: [Self; 7] =
        [Self::Chronyd, Self::Ntpd, Self::Ntpsec, Self::Openntpd, Self::SystemdTimesyncd, Self::Ptp4l, Self::Phc2sys];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chronyd => "chronyd",
            Self::Ntpd => "ntpd",
            Self::Ntpsec => "ntpsec",
            Self::Openntpd => "openntpd",
            Self::SystemdTimesyncd => "systemd-timesyncd",
            Self::Ptp4l => "ptp4l",
            Self::Phc2sys => "phc2sys",
        }
    }
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;

    #[test]
    fn the_schema_knows_every_setting_and_its_default() {
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("JSON");
        let properties = schema["properties"].as_object().expect("properties");
        let mut known: Vec<&str> = properties.keys().map(String::as_str).collect();
        known.sort_unstable();
        let fields = ["daemons", "maxErrorMilliseconds", "maxOffsetMilliseconds", "requireSynchronised", "servers"];
        assert_eq!(known, fields);
        let defaults = properties.iter().map(|(name, one)| (name.clone(), one["default"].clone()));
        let defaults: Settings = serde_json::from_value(defaults.collect()).expect("defaults");
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn daemons_are_read_by_their_names() {
        for daemon in Daemon::ALL {
            let read: Daemon = serde_json::from_value(Value::from(daemon.name())).expect("its name");
            assert_eq!(read, daemon);
        }
        assert!(serde_json::from_str::<Settings>(r#"{"daemons": ["chrony"]}"#).is_err(), "misspelt");
        assert!(serde_json::from_str::<Settings>(r#"{"server": "a"}"#).is_err(), "misspelt");
    }
}
