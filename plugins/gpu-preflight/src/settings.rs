//! What the operator sets. `settings.schema.json` says the same for people and for kubephase, defaults included.

use kubephase_sdk::prelude::*;

use crate::devices::Vendor;
use crate::version::Version;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Whose GPUs are looked at.
    pub vendors: Vec<Vendor>,
    /// How many GPUs there must be at least.
    pub min_devices: usize,
    /// Who brings the driver.
    pub driver_from: DriverFrom,
    /// Lowest version of NVIDIA's driver.
    pub min_driver: Option<Version>,
    /// Lowest version of AMD's driver.
    pub min_amdgpu: Option<Version>,
    /// Name of the runtime handler for NVIDIA's GPUs; empty to ask for none.
    pub runtime_handler: String,
    /// How the IOMMU must be.
    pub iommu: Iommu,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vendors: vec![Vendor::Nvidia, Vendor::Amd],
            min_devices: 0,
            driver_from: DriverFrom::Host,
            min_driver: None,
            min_amdgpu: None,
            runtime_handler: "nvidia".into(),
            iommu: Iommu::Any,
        }
    }
}

/// Who brings the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverFrom {
    /// It is installed on the node.
    Host,
    /// NVIDIA's or AMD's GPU operator, later, in a pod.
    Operator,
}

/// How the IOMMU must be. Not `on` and `off`, which YAML takes for truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Iommu {
    /// It does not matter.
    Any,
    /// It works.
    Enabled,
    /// It works, and does not translate for the host's own drivers.
    Passthrough,
    /// It is off.
    Disabled,
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;

    #[test]
    fn the_schema_knows_every_setting_and_no_other() {
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("JSON");
        let properties = schema["properties"].as_object().expect("properties");
        let mut known: Vec<&str> = properties.keys().map(String::as_str).collect();
        known.sort_unstable();
        let fields = ["driverFrom", "iommu", "minAmdgpu", "minDevices", "minDriver", "runtimeHandler", "vendors"];
        assert_eq!(known, fields);
        assert!(known.iter().all(|name| include_str!("../README.md").contains(&format!("| `{name}` |"))));
        let defaults = properties.iter().filter_map(|(name, one)| Some((name.clone(), one.get("default")?.clone())));
        let defaults: Settings = serde_json::from_value(defaults.collect()).expect("defaults");
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn misspelt_names_and_values_are_refused() {
        for text in [r#"{"minDrivers": "550"}"#, r#"{"iommu": "yes"}"#, r#"{"minDriver": "five"}"#] {
            assert!(serde_json::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
