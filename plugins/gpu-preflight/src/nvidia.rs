//! NVIDIA's driver: loaded, working, new enough, and with libraries of its own version.
//!
//! NVIDIA's GPU operator validates the same by running nvidia-smi; a plugin runs nothing, so this looks at what the
//! kernel module itself says.

use kubephase_sdk::facts::{KernelModule, PciDevice};
use kubephase_sdk::prelude::*;

use crate::devices::{Vendor, named, not_driven};
use crate::settings::{DriverFrom, Settings};
use crate::version::Version;

/// What the module says of itself, once it works.
const VERSION: &str = "/proc/driver/nvidia/version";
/// The firmware's variable (UEFI specification, global variables): four bytes of attributes, then 0 or 1.
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Where distributions put libraries.
const LIBRARIES: [&str; 4] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
/// The library that every program asks first; its version is the end of its name.
const LIBRARY: &str = "libnvidia-ml.so.";

/// Files that are looked at.
pub const FILES: [&str; 6] = [
    VERSION,
    SECURE_BOOT,
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.*",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.*",
    "/usr/lib64/libnvidia-ml.so.*",
    "/usr/lib/libnvidia-ml.so.*",
];

const DRIVER: &str = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/index.html";
const OPERATOR: &str = "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/getting-started.html";

/// What was seen of the driver.
pub struct Seen {
    /// The module, if it is loaded; then the version that it has by `/sys/module/nvidia/version`.
    pub module: Option<Option<String>>,
    /// Whether `nvidia_uvm` is loaded.
    pub uvm: bool,
    /// Text of `/proc/driver/nvidia/version`; nothing if it is not there. Asked if the module is loaded.
    pub proc_version: Result<Option<String>, Failure>,
    /// Versions of libraries. Asked if the module is loaded.
    pub libraries: Result<Vec<String>, Failure>,
    /// Whether the firmware lets only signed modules in; false if nobody knows. Asked if the module is not loaded.
    pub secure_boot: bool,
}

/// Asks.
pub fn look(settings: &Settings, modules: &[KernelModule]) -> Seen {
    let find = |name: &str| modules.iter().find(|module| module.name == name);
    let module = find("nvidia").map(|module| module.version.clone());
    let on_host = settings.driver_from == DriverFrom::Host;
    Seen {
        uvm: find("nvidia_uvm").is_some(),
        proc_version: if on_host && module.is_some() { files::read_text_if_there(VERSION) } else { Ok(None) },
        libraries: if on_host && module.is_some() { libraries() } else { Ok(Vec::new()) },
        secure_boot: on_host
            && module.is_none()
            && files::read(SECURE_BOOT).is_ok_and(|variable| variable.get(4) == Some(&1)),
        module,
    }
}

/// Versions of the libraries that are installed. A folder that is not granted counts only if no other has one.
fn libraries() -> Result<Vec<String>, Failure> {
    let mut versions = Vec::new();
    let mut refused = None;
    for folder in LIBRARIES {
        match files::list_directory(folder) {
            Ok(names) => versions.extend(names.iter().filter_map(|name| library_version(name)).map(String::from)),
            Err(failure) if failure.code == "not-found" => {}
            Err(failure) => refused = Some(failure),
        }
    }
    versions.sort_unstable();
    versions.dedup();
    match refused {
        Some(failure) if versions.is_empty() => Err(failure),
        _ => Ok(versions),
    }
}

/// `550.54.14` of `libnvidia-ml.so.550.54.14`; nothing of `libnvidia-ml.so.1`, which is a link to it.
fn library_version(name: &str) -> Option<&str> {
    name.strip_prefix(LIBRARY).filter(|version| version.contains('.') && Version::parse(version).is_some())
}

/// The version in the line `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 …` or
/// `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build …`.
fn nvrm_version(text: &str) -> Option<Version> {
    let line = text.lines().find(|line| line.starts_with("NVRM version:"))?;
    line.split_whitespace().filter(|word| word.contains('.')).find_map(Version::parse)
}

/// Judges what containers' GPUs need.
pub fn judge(settings: &Settings, gpus: &[&PciDevice], seen: &Seen) -> Vec<Finding> {
    match (settings.driver_from, &seen.module) {
        (DriverFrom::Operator, None) => Vec::new(),
        (DriverFrom::Operator, Some(version)) => {
            let version = version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
            let finding = Finding::warning(
                "PreinstalledDriver",
                format!("the module nvidia{version} is loaded already, though the GPU operator is to bring the driver"),
            );
            let remedy =
                "remove the driver from the node, or set `driverFrom: host` here and `driver.enabled=false` there";
            vec![finding.expected("no NVIDIA driver on the node").remedy(remedy).link(OPERATOR)]
        }
        (DriverFrom::Host, None) => {
            let mut remedy = String::from("install NVIDIA's driver and load it (`modprobe nvidia`)");
            if seen.secure_boot {
                remedy.push_str("; Secure Boot is on, so the module must be signed by a key that the firmware knows");
            }
            let finding =
                Finding::error("NvidiaDriver", format!("the module nvidia, for {}, is not loaded", named(gpus)));
            vec![finding.expected("NVIDIA's driver, loaded").remedy(remedy).link(DRIVER)]
        }
        (DriverFrom::Host, Some(version)) => loaded(settings, gpus, seen, version.as_deref()),
    }
}

fn loaded(settings: &Settings, gpus: &[&PciDevice], seen: &Seen, version: Option<&str>) -> Vec<Finding> {
    let proc_version = match &seen.proc_version {
        Ok(Some(text)) => nvrm_version(text),
        Ok(None) => {
            let finding =
                Finding::error("NvidiaDriver", format!("the module nvidia is loaded, but {VERSION} is missing"));
            let finding = finding.expected("a driver that has taken its GPUs over");
            return vec![finding.remedy("see `dmesg | grep NVRM` for why it gave up").link(DRIVER)];
        }
        Err(failure) => {
            return vec![Finding::cannot_tell("NvidiaDriver", "whether NVIDIA's driver works", failure)];
        }
    };
    // Nouveau has a finding of its own.
    let not_nouveau: Vec<&PciDevice> =
        gpus.iter().copied().filter(|gpu| gpu.driver.as_deref() != Some("nouveau")).collect();
    let mut findings = not_driven(Vendor::Nvidia, "nvidia", &not_nouveau);
    let version = proc_version.or_else(|| version.and_then(Version::parse));
    findings.extend(settings.min_driver.as_ref().and_then(|least| too_old(least, version.as_ref())));
    match (&seen.libraries, &version) {
        (Err(failure), _) => {
            let what = "which version NVIDIA's libraries have";
            findings.push(Finding::cannot_tell("NvidiaLibrary", what, failure));
        }
        (Ok(libraries), Some(version)) => findings.extend(mismatch(libraries, version)),
        (Ok(_), None) => {}
    }
    if !seen.uvm {
        let finding = Finding::info("NvidiaUvm", "the module nvidia_uvm, which CUDA needs, is not loaded yet");
        findings.push(finding.remedy("load it at boot (`/etc/modules-load.d`) unless the container toolkit does"));
    }
    findings
}

fn too_old(least: &Version, version: Option<&Version>) -> Option<Finding> {
    let finding = match version {
        Some(version) if version >= least => return None,
        Some(version) => Finding::error("NvidiaDriverVersion", format!("NVIDIA's driver is {version}"))
            .remedy("update NVIDIA's driver and reboot, or reload its modules"),
        None => Finding::warning("NvidiaDriverVersion", "NVIDIA's driver does not say its version")
            .remedy(format!("see `cat {VERSION}`")),
    };
    Some(finding.expected(format!("{least} or newer")).link(DRIVER))
}

/// "Driver/library version mismatch", which nvidia-smi says after an update without a reboot.
fn mismatch(libraries: &[String], version: &Version) -> Option<Finding> {
    if libraries.is_empty() {
        let seen = "no libnvidia-ml was found where distributions put libraries";
        let finding = Finding::warning("NvidiaLibrary", seen).expected(format!("{LIBRARY}{version}"));
        return Some(
            finding.remedy("install the driver's libraries; nothing to do if they are elsewhere").link(DRIVER),
        );
    }
    if libraries.iter().any(|library| Version::parse(library).as_ref() == Some(version)) {
        return None;
    }
    let seen = format!("the loaded driver is {version}, the installed libraries are {}", libraries.join(", "));
    let finding = Finding::error("NvidiaLibrary", seen).expected("driver and libraries of the same version");
    Some(finding.remedy("reboot, or reload the driver's modules, after an update of the driver").link(DRIVER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, failure, ids, with_driver};

    fn good() -> Seen {
        Seen {
            module: Some(Some("550.54.14".into())),
            uvm: true,
            proc_version: Ok(Some("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\n".into())),
            libraries: Ok(vec!["550.54.14".into()]),
            secure_boot: false,
        }
    }

    #[test]
    fn both_kinds_of_module_say_their_version() {
        for (text, version) in [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\nGCC 12",
                "550.54.14",
            ),
            ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build", "570.124.06"),
            ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.65  Release Build", "580.65"),
        ] {
            assert_eq!(nvrm_version(text).expect("a version").to_string(), version);
        }
        assert_eq!(nvrm_version("GCC version: 12.2.0"), None);
        assert_eq!(library_version("libnvidia-ml.so.550.54.14"), Some("550.54.14"));
        assert_eq!(library_version("libnvidia-ml.so.1"), None);
    }

    #[test]
    fn what_is_missing_is_told_with_its_reason() {
        let gpu = with_driver(device("0000:01:00.0", 0x10de, 0x030200), "nvidia");
        let settings = Settings { min_driver: Version::parse("550"), ..Settings::default() };
        let judged = |seen: Seen| ids(&judge(&settings, &[&gpu], &seen));
        assert_eq!(judged(good()), [""; 0]);
        assert_eq!(judged(Seen { module: None, ..good() }), ["error NvidiaDriver"]);
        assert_eq!(judged(Seen { proc_version: Ok(None), ..good() }), ["error NvidiaDriver"]);
        assert_eq!(judged(Seen { proc_version: Err(failure("denied")), ..good() }), ["error NvidiaDriver"]);
        assert_eq!(judged(Seen { libraries: Ok(vec!["560.35.3".into()]), ..good() }), ["error NvidiaLibrary"]);
        assert_eq!(
            judged(Seen { libraries: Ok(vec![]), uvm: false, ..good() }),
            ["warning NvidiaLibrary", "info NvidiaUvm"]
        );
        let old = Some("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.1.1  x".to_owned());
        let old = Seen { proc_version: Ok(old), libraries: Ok(vec!["535.1.1".into()]), ..good() };
        assert_eq!(judged(old), ["error NvidiaDriverVersion"]);
        let signed = judge(&settings, &[&gpu], &Seen { module: None, secure_boot: true, ..good() });
        assert!(signed[0].remedy.as_ref().expect("a remedy").contains("Secure Boot"));
    }

    #[test]
    fn the_operator_brings_its_own_driver() {
        let gpu = device("0000:01:00.0", 0x10de, 0x030200);
        let settings = Settings { driver_from: DriverFrom::Operator, ..Settings::default() };
        assert_eq!(ids(&judge(&settings, &[&gpu], &Seen { module: None, ..good() })), [""; 0]);
        assert_eq!(ids(&judge(&settings, &[&gpu], &good())), ["warning PreinstalledDriver"]);
    }
}
