//! What the operator sets. `settings.schema.json` says the same for people and for kubephase, defaults included.

use std::fmt;

use kubephase_sdk::prelude::*;

use crate::set::Set;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Huge pages that there must be.
    pub hugepages: Vec<Hugepages>,
    /// Processors that must be isolated.
    pub isolated_cpus: Set,
    /// Parameters that the kernel must have been started with.
    pub kernel_parameters: Vec<String>,
    /// Modules that must be loaded.
    pub modules: Vec<String>,
    /// How the IOMMU must be.
    pub iommu: Iommu,
    /// Devices that there must be.
    pub devices: Vec<Device>,
    /// Whether each of these devices must have processors and huge pages near to it.
    pub align_numa: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hugepages: Vec::new(),
            isolated_cpus: Set::default(),
            kernel_parameters: Vec::new(),
            modules: Vec::new(),
            iommu: Iommu::Any,
            devices: Vec::new(),
            align_numa: true,
        }
    }
}

/// Huge pages that there must be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hugepages {
    /// Of which size.
    pub size: PageSize,
    /// How many.
    pub pages: u64,
    /// On which NUMA node; in sum if none is named.
    #[serde(default)]
    pub numa_node: Option<u32>,
}

/// A size of pages as Kubernetes writes it: `2Mi`, `1Gi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PageSize(pub u64);

const UNITS: [(&str, u64); 3] = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

impl TryFrom<String> for PageSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let size =
            UNITS.into_iter().find_map(|(name, unit)| text.strip_suffix(name)?.parse::<u64>().ok()?.checked_mul(unit));
        let size = size.filter(|size| *size > 0 && !text.starts_with('+'));
        size.map(Self).ok_or_else(|| format!("\"{text}\" is no size such as \"2Mi\" or \"1Gi\""))
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{} {name}B", self.0 / unit),
            None => write!(f, "{} bytes", self.0),
        }
    }
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
}

/// Devices that there must be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Device {
    /// What they are for; stands in findings.
    pub name: String,
    /// Which ones: PCI vendor.
    #[serde(default)]
    pub vendor: Option<Id>,
    /// Which ones: PCI device.
    #[serde(default)]
    pub device: Option<Id>,
    /// Which ones: PCI address.
    #[serde(default)]
    pub address: Option<String>,
    /// Which ones: name of the network interface.
    #[serde(default)]
    pub interface: Option<String>,
    /// How many there must be at least.
    #[serde(default = "one")]
    pub count: usize,
    /// NUMA node that they must be attached to.
    #[serde(default)]
    pub numa_node: Option<u32>,
    /// Driver that they must have.
    #[serde(default)]
    pub driver: Option<String>,
    /// How many virtual functions each must be able to have.
    #[serde(default)]
    pub virtual_functions_total: u32,
    /// How many each must have.
    #[serde(default)]
    pub virtual_functions: u32,
    /// Driver that virtual functions must have.
    #[serde(default)]
    pub virtual_function_driver: Option<String>,
}

fn one() -> usize {
    1
}

/// An id of PCI: four hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(pub u16);

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_hex.then(|| u16::from_str_radix(&text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| format!("\"{text}\" is no id of PCI such as \"8086\""))
    }
}

impl Settings {
    /// Whether nothing is to be checked.
    pub fn ask_for_nothing(&self) -> bool {
        let lists = self.hugepages.is_empty() && self.kernel_parameters.is_empty() && self.modules.is_empty();
        lists && self.isolated_cpus.is_empty() && self.devices.is_empty() && self.iommu == Iommu::Any
    }

    /// Finds what no type can say.
    pub fn check(&self) -> Result<(), Failure> {
        for device in &self.devices {
            let by_id = device.vendor.is_some();
            if !by_id && device.address.is_none() && device.interface.is_none() {
                let message = format!("settings: devices: {} has neither vendor, address nor interface", device.name);
                return Err(Failure::invalid(message).remedy("say which devices are meant"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;

    #[test]
    fn the_schema_knows_every_setting_and_its_default() {
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("JSON");
        let names = |object: &Value| {
            let mut names: Vec<String> =
                object["properties"].as_object().expect("properties").keys().cloned().collect();
            names.sort_unstable();
            names.join(" ")
        };
        let properties = schema["properties"].as_object().expect("properties");
        assert_eq!(names(&schema), "alignNuma devices hugepages iommu isolatedCpus kernelParameters modules");
        assert_eq!(names(&properties["hugepages"]["items"]), "numaNode pages size");
        assert_eq!(
            names(&properties["devices"]["items"]),
            "address count device driver interface name numaNode vendor virtualFunctionDriver virtualFunctions \
             virtualFunctionsTotal"
        );
        let readme = include_str!("../README.md");
        assert!(properties.keys().all(|name| readme.contains(&format!("| `{name}` |"))));
        let defaults = properties.iter().map(|(name, one)| (name.clone(), one["default"].clone()));
        let defaults: Settings = serde_json::from_value(defaults.collect()).expect("defaults");
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn sizes_and_ids_are_read() {
        let size = |text: &str| PageSize::try_from(text.to_owned()).map(|size| size.0);
        assert_eq!((size("2Mi"), size("1Gi"), size("64Ki")), (Ok(2 << 20), Ok(1 << 30), Ok(64 << 10)));
        assert!(["2M", "0Mi", "", "+2Mi", "Gi"].into_iter().all(|text| size(text).is_err()));
        assert_eq!((PageSize(2 << 20).to_string(), PageSize(1 << 30).to_string()), ("2 MiB".into(), "1 GiB".into()));
        assert_eq!(Id::try_from("158b".to_owned()), Ok(Id(0x158b)));
        assert!(["158", "0x158b", "158g", "+158"].into_iter().all(|text| Id::try_from(text.to_owned()).is_err()));
    }

    #[test]
    fn a_device_must_be_named_somehow() {
        let settings =
            |device: Value| serde_json::from_value::<Settings>(json!({"devices": [device]})).expect("settings");
        assert_eq!(settings(json!({"name": "a", "vendor": "8086"})).check(), Ok(()));
        assert_eq!(settings(json!({"name": "a", "driver": "ice"})).check().expect_err("no").code, "invalid");
        assert!(Settings::default().ask_for_nothing());
        assert!(!settings(json!({"name": "a", "vendor": "8086"})).ask_for_nothing());
    }
}
