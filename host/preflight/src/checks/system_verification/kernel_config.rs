//! The options that the kernel was built with.

use kubephase_model::release::KernelConfig as Wanted;
use kubephase_node::probe::{KernelConfig, KernelConfigError};

use super::NAME;
use crate::check::{Finding, chain};

/// Without knowing the cgroup version, of the options that depend on it only those that both need are required.
pub fn judge(config: Result<KernelConfig, KernelConfigError>, wanted: &Wanted, v2: Option<bool>) -> Option<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            return Some(
                Finding::error(NAME, format!("cannot tell which options the kernel was built with: {}", chain(&error)))
                    .expected("/proc/config.gz or /boot/config-<release>")
                    .remedy("run `modprobe configs`, or install the kernel's configuration file"),
            );
        }
    };
    let of_version: Vec<&str> = match v2 {
        Some(true) => wanted.required_v2.to_vec(),
        Some(false) => wanted.required_v1.to_vec(),
        None => wanted.required_v1.iter().filter(|option| wanted.required_v2.contains(option)).copied().collect(),
    };
    let missing: Vec<String> = wanted
        .required
        .iter()
        .chain(&of_version)
        .filter(|names| !names.split('|').any(|name| config.has(name)))
        .map(|names| format!("CONFIG_{}", names.rsplit('|').next().unwrap_or(names)))
        .collect();
    (!missing.is_empty()).then(|| {
        Finding::error(NAME, format!("the kernel was built without {}", missing.join(", ")))
            .expected("these options as y or m")
            .remedy("use your distribution's standard kernel, or build one with them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        required: &["NAMESPACES", "NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT"],
        required_v1: &["CGROUPS", "CGROUP_DEVICE"],
        required_v2: &["CGROUPS", "CGROUP_BPF"],
        optional: &[],
    };

    fn missing(options: &[(&str, char)], v2: Option<bool>) -> Option<String> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        judge(Ok(KernelConfig { source: "/boot/config".into(), options }), &WANTED, v2).map(|finding| finding.seen)
    }

    #[test]
    fn alternatives_modules_and_cgroup_versions() {
        let options = [("NAMESPACES", 'y'), ("IP_NF_TARGET_REDIRECT", 'm'), ("CGROUPS", 'y'), ("CGROUP_BPF", 'y')];
        assert_eq!(missing(&options, Some(true)), None);
        assert_eq!(missing(&options, None), None);
        assert_eq!(
            missing(&options, Some(false)).as_deref(),
            Some("the kernel was built without CONFIG_CGROUP_DEVICE")
        );
    }

    #[test]
    fn all_missing_ones_in_one_line_by_their_last_name() {
        assert_eq!(
            missing(&[("CGROUPS", 'n')], Some(true)).as_deref(),
            Some(
                "the kernel was built without CONFIG_NAMESPACES, CONFIG_IP_NF_TARGET_REDIRECT, CONFIG_CGROUPS, CONFIG_CGROUP_BPF"
            )
        );
    }

    #[test]
    fn none_found_cannot_be_told() {
        let finding = judge(Err(KernelConfigError::Missing { places: vec!["/proc/config.gz".into()] }), &WANTED, None);
        assert!(finding.expect("a finding").seen.starts_with("cannot tell which options"));
    }
}
