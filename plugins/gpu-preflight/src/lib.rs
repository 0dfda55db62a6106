//! Checks GPUs, their driver and the container runtime: what would otherwise come up as a pod that never gets its GPU.
//!
//! Each topic is one module. In it `look` asks kubephase, and the rest is pure: it judges what was seen.

mod amd;
mod devices;
mod iommu;
mod nouveau;
mod nvidia;
mod runtime;
mod settings;
#[cfg(test)]
mod testing;
mod version;

use kubephase_sdk::prelude::*;

use devices::{Gpus, Vendor};
use settings::Settings;

struct Gpu;

impl Plugin for Gpu {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "gpu-preflight",
            env!("CARGO_PKG_VERSION"),
            "Checks GPUs, their driver and the container runtime",
        )
        .settings_schema(include_str!("../settings.schema.json"))
        .wants("facts", ["pci", "modules"], "find GPUs and the modules of their drivers")
        .wants("facts", ["command-line"], "see whether the IOMMU is on and nouveau is kept out")
        .wants("facts", ["runtime"], "see whether the container runtime has a handler for GPUs")
        .wants("files", nvidia::FILES, "see whether NVIDIA's driver works and its libraries fit")
        .wants("files", nouveau::FILES, "see whether nouveau is kept out")
        .wants("files", amd::FILES, "see whether AMD's compute device is there")
        .wants("files", iommu::FILES, "see whether the IOMMU translates")
        .wants("files", runtime::FILES, "see what is wrong with the runtime's configuration")
    }
}

impl Preflight for Gpu {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let devices = match facts::pci() {
            Ok(devices) => devices,
            Err(failure) => return Ok(vec![Finding::cannot_tell("Devices", "which GPUs there are", &failure)]),
        };
        let gpus = Gpus::find(&devices, &settings.vendors);
        let mut findings = gpus.judge(settings.min_devices);
        for vendor in [Vendor::Nvidia, Vendor::Amd] {
            let gpus = gpus.for_containers(vendor);
            if gpus.is_empty() {
                continue;
            }
            match (facts::modules(), vendor) {
                (Err(failure), _) => {
                    let id = vendor.driver_check();
                    findings.push(Finding::cannot_tell(id, "which kernel modules are loaded", &failure));
                }
                (Ok(modules), Vendor::Nvidia) => {
                    findings.extend(nouveau::judge(&gpus, &nouveau::look(&modules)));
                    findings.extend(nvidia::judge(&settings, &gpus, &nvidia::look(&settings, &modules)));
                }
                (Ok(modules), Vendor::Amd) => {
                    findings.extend(amd::judge(&settings, &gpus, &amd::look(&settings, &modules)));
                }
            }
            if vendor == Vendor::Nvidia && !settings.runtime_handler.is_empty() {
                findings.extend(runtime::judge(&settings.runtime_handler, &runtime::look(&settings.runtime_handler)));
            }
        }
        if let Some(wish) = iommu::wish(&settings, &gpus) {
            findings.extend(iommu::judge(wish, &iommu::look(&devices, &gpus)));
        }
        Ok(findings)
    }
}

kubephase_sdk::export!(Gpu: preflight);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_to_paste() {
        let readme = include_str!("../README.md");
        for scope in Gpu::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
    }
}
