//! Checks huge pages, isolated processors and SR-IOV devices against what the operator expects of this kind of node. All of
//! them are settled when the machine starts, so a node that lacks one must be booted again before it is worth joining.
//!
//! Each topic is one module, and pure: the facts are asked for here, and only those that a setting needs.

mod cpus;
mod devices;
mod hugepages;
mod iommu;
mod kernel;
mod numa;
mod set;
mod settings;
#[cfg(test)]
mod testing;

use kubephase_sdk::prelude::*;

use settings::Settings;

struct SriovHugepages;

impl Plugin for SriovHugepages {
    type Settings = Settings;

    fn describe() -> Description {
        let about = "Checks huge pages, isolated processors and SR-IOV devices";
        Description::new("sriov-hugepages", env!("CARGO_PKG_VERSION"), about)
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["hugepages"], "count huge pages")
            .wants("facts", ["cpu", "numa"], "see isolated processors, and what is near to what")
            .wants("facts", ["pci"], "find devices, their virtual functions and drivers")
            .wants("facts", ["command-line", "modules"], "see what the kernel was told and has loaded")
    }
}

impl Preflight for SriovHugepages {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        settings.check()?;
        if settings.ask_for_nothing() {
            let finding = Finding::warning("Settings", "no settings say what this node should have");
            return Ok(vec![finding.remedy("set what it should have, such as `hugepages`, or leave this plugin out")]);
        }
        let mut findings = Vec::new();
        if !settings.hugepages.is_empty() {
            // Without the parameters a finding only says less.
            let parameters = facts::command_line().unwrap_or_default();
            findings.extend(hugepages::judge(&settings.hugepages, &facts::hugepages(), &parameters));
        }
        if !settings.isolated_cpus.is_empty() {
            findings.extend(cpus::judge(&settings.isolated_cpus, &facts::cpu()));
        }
        if !settings.kernel_parameters.is_empty() {
            findings.extend(kernel::judge_parameters(&settings.kernel_parameters, &facts::command_line()));
        }
        if !settings.modules.is_empty() {
            // A driver that is built in shows on the devices that it drives.
            let devices = facts::pci().unwrap_or_default();
            findings.extend(kernel::judge_modules(&settings.modules, &facts::modules(), &devices));
        }
        if !settings.devices.is_empty() {
            findings.extend(devices::judge(&settings.devices, &facts::pci()));
        }
        if let Some(wish) = iommu::wish(&settings) {
            findings.extend(iommu::judge(&wish, &facts::pci(), facts::command_line));
        }
        if settings.align_numa && !settings.devices.is_empty() {
            findings.extend(numa::judge(&settings, facts::pci(), facts::numa(), facts::cpu, facts::hugepages));
        }
        Ok(findings)
    }
}

kubephase_sdk::export!(SriovHugepages: preflight);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_to_paste() {
        let readme = include_str!("../README.md");
        for scope in SriovHugepages::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
    }
}
