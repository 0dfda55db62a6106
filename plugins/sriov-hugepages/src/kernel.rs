//! What the kernel was told when it started, and which modules it has.

use kubephase_sdk::facts::{KernelModule, PciDevice};
use kubephase_sdk::prelude::*;

use crate::set::Set;

/// Judges parameters. Lists of processors are the same if they name the same ones.
pub fn judge_parameters(wanted: &[String], parameters: &Result<Vec<String>, Failure>) -> Vec<Finding> {
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(failure) => {
            return vec![Finding::cannot_tell("KernelParameter", "what the kernel was started with", failure)];
        }
    };
    let missing = wanted.iter().filter(|wanted| !parameters.iter().any(|parameter| is_same(wanted, parameter)));
    let finding = |wanted: &String| {
        let name = wanted.split_once('=').map_or(&**wanted, |(name, _)| name);
        let is_of_name = |parameter: &&String| parameter.split_once('=').is_some_and(|(other, _)| other == name);
        let seen = match parameters.iter().filter(is_of_name).map(String::as_str).collect::<Vec<_>>()[..] {
            [] => format!("the kernel was started without {name}"),
            ref others => format!("the kernel was started with {}", others.join(" ")),
        };
        let finding = Finding::error("KernelParameter", seen).expected(&**wanted);
        finding.remedy("add it to the boot loader's configuration (with GRUB: GRUB_CMDLINE_LINUX) and reboot")
    };
    missing.map(finding).collect()
}

fn is_same(wanted: &str, parameter: &str) -> bool {
    match (wanted.split_once('='), parameter.split_once('=')) {
        (Some((name, a)), Some((other, b))) if name == other => {
            a == b || matches!((Set::parse(a), Set::parse(b)), (Some(a), Some(b)) if a == b)
        }
        _ => wanted == parameter,
    }
}

/// Judges modules. Their names may be written with `-` or `_`.
pub fn judge_modules(
    wanted: &[String],
    modules: &Result<Vec<KernelModule>, Failure>,
    devices: &[PciDevice],
) -> Vec<Finding> {
    let modules = match modules {
        Ok(modules) => modules,
        Err(failure) => return vec![Finding::cannot_tell("Module", "which kernel modules are loaded", failure)],
    };
    let is_there = |wanted: &&String| {
        let name = wanted.replace('-', "_");
        let drives = |device: &PciDevice| device.driver.as_ref().is_some_and(|driver| driver.replace('-', "_") == name);
        modules.iter().any(|module| module.name.replace('-', "_") == name) || devices.iter().any(drives)
    };
    let finding = |name: &String| {
        let finding = Finding::error("Module", format!("the module {name} is not loaded")).expected("it is loaded");
        finding.remedy(format!(
            "`modprobe {name}`, and write its name to /etc/modules-load.d/{name}.conf; ignore this if it is built in"
        ))
    };
    wanted.iter().filter(|name| !is_there(name)).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{nic, told, words};

    #[test]
    fn parameters_are_compared_by_what_they_mean() {
        let started = Ok(words("ro nohz_full=2-5,6 rcu_nocbs=2-6 isolcpus=domain,2-6 hugepagesz=1G hugepagesz=2M"));
        let judged = |wanted: &str| told(judge_parameters(&words(wanted), &started)).join("; ");
        assert_eq!(judged("ro nohz_full=2-6 isolcpus=domain,2-6 hugepagesz=2M hugepagesz=1G"), "");
        assert_eq!(judged("rcu_nocbs=2-7"), "error KernelParameter: the kernel was started with rcu_nocbs=2-6");
        assert_eq!(judged("nosmt"), "error KernelParameter: the kernel was started without nosmt");
        assert!(judged("hugepagesz=64K").ends_with("with hugepagesz=1G hugepagesz=2M"));
    }

    #[test]
    fn modules_may_be_built_in() {
        let loaded = Ok(vec![KernelModule { name: "vfio_pci".into(), version: None, attributes: vec![] }]);
        let judged = |wanted: &str| told(judge_modules(&words(wanted), &loaded, &[nic("0000:3b:00.0", None)]));
        assert_eq!(judged("vfio-pci i40e"), [""; 0]);
        assert_eq!(judged("iavf"), ["error Module: the module iavf is not loaded"]);
    }
}
