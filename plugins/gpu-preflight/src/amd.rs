//! AMD's driver: loaded, new enough, and with the compute device that ROCm opens.

use kubephase_sdk::facts::{KernelModule, PciDevice};
use kubephase_sdk::files::Stat;
use kubephase_sdk::prelude::*;

use crate::devices::{Vendor, named, not_driven};
use crate::settings::{DriverFrom, Settings};
use crate::version::Version;

/// The compute device; the driver makes it for every GPU that ROCm can use.
const KFD: &str = "/dev/kfd";

/// Files that are looked at.
pub const FILES: [&str; 1] = [KFD];

const DRIVER: &str = "https://rocm.docs.amd.com/projects/install-on-linux/en/latest/";
const OPERATOR: &str = "https://instinct.docs.amd.com/projects/gpu-operator/en/latest/";

/// What was seen of the driver.
pub struct Seen {
    /// The module, if it is loaded; then its version, which only AMD's own packages have.
    pub module: Option<Option<String>>,
    /// The compute device. Asked if the driver is to be on the host.
    pub kfd: Result<Option<Stat>, Failure>,
}

/// Asks.
pub fn look(settings: &Settings, modules: &[KernelModule]) -> Seen {
    let module = modules.iter().find(|module| module.name == "amdgpu").map(|module| module.version.clone());
    Seen { module, kfd: if settings.driver_from == DriverFrom::Host { files::look(KFD) } else { Ok(None) } }
}

/// Judges.
pub fn judge(settings: &Settings, gpus: &[&PciDevice], seen: &Seen) -> Vec<Finding> {
    // A driver that is built into the kernel is no module, but shows on the device.
    let is_there = seen.module.is_some() || gpus.iter().any(|gpu| gpu.driver.as_deref() == Some("amdgpu"));
    if settings.driver_from == DriverFrom::Operator {
        if !is_there {
            return Vec::new();
        }
        let message = "the driver amdgpu is loaded already, though the GPU operator is to bring it";
        let finding = Finding::warning("PreinstalledDriver", message).expected("no amdgpu on the node");
        let remedy =
            "boot with `modprobe.blacklist=amdgpu`, or set `driverFrom: host` here and use the node's driver there";
        return vec![finding.remedy(remedy).link(OPERATOR)];
    }
    if !is_there {
        let message = format!("the module amdgpu, for {}, is not loaded", named(gpus));
        let finding = Finding::error("AmdDriver", message).expected("AMD's driver, loaded");
        return vec![finding.remedy("install amdgpu-dkms and load it (`modprobe amdgpu`)").link(DRIVER)];
    }
    let mut findings = not_driven(Vendor::Amd, "amdgpu", gpus);
    let version = seen.module.as_ref().and_then(Option::as_deref);
    findings.extend(settings.min_amdgpu.as_ref().and_then(|least| too_old(least, version)));
    match &seen.kfd {
        Ok(Some(_)) => {}
        Ok(None) => {
            let finding = Finding::error("AmdCompute", format!("the compute device {KFD} is missing"));
            let finding = finding.expected(format!("{KFD}, which ROCm opens"));
            findings.push(finding.remedy("see `dmesg | grep kfd`; the kernel needs CONFIG_HSA_AMD").link(DRIVER));
        }
        Err(failure) => findings.push(Finding::cannot_tell("AmdCompute", "whether ROCm can use the GPUs", failure)),
    }
    findings
}

fn too_old(least: &Version, version: Option<&str>) -> Option<Finding> {
    let finding = match version.map(|text| (text, Version::parse(text))) {
        Some((_, Some(version))) if version >= *least => return None,
        Some((_, Some(version))) => Finding::error("AmdDriverVersion", format!("AMD's driver is {version}")),
        Some((text, None)) => Finding::warning("AmdDriverVersion", format!("AMD's driver has the version {text}")),
        None => Finding::warning("AmdDriverVersion", "amdgpu is the kernel's own, which has no version"),
    };
    Some(finding.expected(format!("{least} or newer")).remedy("install amdgpu-dkms of that version").link(DRIVER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, failure, ids, with_driver};

    #[test]
    fn the_driver_its_version_and_its_device() {
        let gpu = with_driver(device("0000:85:00.0", 0x1002, 0x120000), "amdgpu");
        let kfd = || Some(Stat { kind: "other".into(), size: 0, mode: 0o666, owner: 0, group: 0, attributes: vec![] });
        let seen = |module: Option<Option<&str>>, kfd| Seen { module: module.map(|one| one.map(Into::into)), kfd };
        let settings = Settings { min_amdgpu: Version::parse("6.10"), ..Settings::default() };
        let judged = |gpu: &PciDevice, seen| ids(&judge(&settings, &[gpu], &seen));
        assert_eq!(judged(&gpu, seen(Some(Some("6.10.5")), Ok(kfd()))), [""; 0]);
        assert_eq!(judged(&gpu, seen(Some(Some("6.8.5")), Ok(None))), ["error AmdDriverVersion", "error AmdCompute"]);
        assert_eq!(judged(&gpu, seen(None, Ok(kfd()))), ["warning AmdDriverVersion"], "built in");
        assert_eq!(judged(&gpu, seen(Some(Some("6.10")), Err(failure("denied")))), ["error AmdCompute"]);
        let unbound = device("0000:85:00.0", 0x1002, 0x120000);
        assert_eq!(judged(&unbound, seen(None, Ok(None))), ["error AmdDriver"]);
        assert_eq!(judged(&unbound, seen(Some(Some("6.10")), Ok(kfd()))), ["error DeviceDriver"]);
        assert_eq!(
            judged(&with_driver(unbound, "radeon"), seen(Some(Some("6.10")), Ok(kfd()))),
            ["error DeviceDriver"]
        );
        let operator = Settings { driver_from: DriverFrom::Operator, ..Settings::default() };
        assert_eq!(ids(&judge(&operator, &[&gpu], &seen(None, Ok(None)))), ["warning PreinstalledDriver"]);
    }
}
