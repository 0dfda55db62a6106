//! cgroups: which version, which controllers.

use kubephase_model::Release;
use kubephase_model::release::CgroupV1;
use kubephase_node::probe::{CgroupVersion, Cgroups};
use semver::Version;

use super::NAME;
use crate::check::{Finding, Severity};

/// Mirrors system-validators' `CgroupsValidator`. An unknown kubelet counts as the release's own.
pub fn judge(cgroups: Result<Option<Cgroups>, String>, release: &Release, kubelet: Option<&Version>) -> Vec<Finding> {
    let cgroups = match cgroups {
        Ok(Some(cgroups)) => cgroups,
        other => {
            let why = other.err().unwrap_or_else(|| "no cgroup file system is mounted".into());
            return vec![
                Finding::error(NAME, format!("cannot tell which cgroups there are: {why}"))
                    .expected("cgroup v2 mounted on /sys/fs/cgroup")
                    .remedy("mount it: systemd does so by itself"),
            ];
        }
    };
    let v2 = cgroups.version == CgroupVersion::V2;
    let mut findings = Vec::new();
    let (version, wanted) =
        if v2 { ("v2", release.cgroup_v2_controllers) } else { ("v1", release.cgroup_v1_controllers) };
    let missing = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .filter(|name| !cgroups.controllers.iter().any(|there| there == *name))
            .map(|name| (*name).to_owned())
            .collect()
    };
    let required = missing(wanted.required);
    if !required.is_empty() {
        findings.push(
            Finding::error(NAME, format!("cgroup {version} lacks the controllers {}", required.join(", ")))
                .expected("them enabled")
                .remedy("enable them on the kernel's command line (cgroup_enable=<name>; memory often needs it), then reboot"),
        );
    }
    let optional = missing(wanted.optional);
    if !optional.is_empty() {
        findings.push(
            Finding::warning(NAME, format!("cgroup {version} lacks the optional controllers {}", optional.join(", ")))
                .expected("them enabled, to limit huge pages and block devices")
                .remedy("enable them in the kernel if you need such limits"),
        );
    }
    if !v2 {
        findings.extend(version_1(release, kubelet));
    }
    findings
}

fn version_1(release: &Release, kubelet: Option<&Version>) -> Option<Finding> {
    let minor = kubelet.map_or(release.minor, |kubelet| kubelet.minor);
    let severity = match release.cgroup_v1 {
        CgroupV1::Fine => return None,
        CgroupV1::ErrorFromKubelet(from) if minor >= from => Severity::Error,
        CgroupV1::Warning | CgroupV1::ErrorFromKubelet(_) => Severity::Warning,
    };
    let finding = Finding::new(NAME, severity, "the machine uses cgroup v1").expected("cgroup v2");
    Some(finding.remedy(if severity == Severity::Error {
        "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1); or set `failCgroupV1: false` in KubeletConfiguration and \
         ignore SystemVerification: this kubelet will not start otherwise (KEP-5573)"
    } else {
        "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1) before you update: kubelets from 1.35 on refuse cgroup v1"
    }))
}

#[cfg(test)]
mod tests {
    use kubephase_model::release::NEWEST;

    use super::*;

    fn judged(v2: bool, controllers: &str, kubelet: u64) -> Vec<(Severity, String)> {
        let controllers = controllers.split_whitespace().map(str::to_owned).collect();
        let version = if v2 { CgroupVersion::V2 } else { CgroupVersion::V1 };
        let cgroups = Cgroups { version, mount: "/sys/fs/cgroup".into(), controllers };
        let kubelet = Version::new(1, kubelet, 0);
        let findings = judge(Ok(Some(cgroups)), NEWEST, Some(&kubelet));
        findings.into_iter().map(|finding| (finding.severity, finding.seen)).collect()
    }

    #[test]
    fn controllers() {
        let all = "cpu cpuset devices freezer memory pids hugetlb io";
        assert_eq!(judged(true, all, 36), []);
        assert_eq!(
            judged(true, "cpu cpuset devices freezer hugetlb", 36),
            [
                (Severity::Error, "cgroup v2 lacks the controllers memory, pids".to_owned()),
                (Severity::Warning, "cgroup v2 lacks the optional controllers io".to_owned()),
            ]
        );
    }

    #[test]
    fn version_1_by_kubelet() {
        let all = "cpu cpuacct cpuset devices freezer memory pids hugetlb blkio";
        let seen = "the machine uses cgroup v1".to_owned();
        assert_eq!(judged(false, all, 35), [(Severity::Error, seen.clone())]);
        assert_eq!(judged(false, all, 34), [(Severity::Warning, seen)]);
    }

    #[test]
    fn nothing_mounted_cannot_be_told() {
        let findings = judge(Ok(None), NEWEST, None);
        assert_eq!(findings[0].seen, "cannot tell which cgroups there are: no cgroup file system is mounted");
    }
}
