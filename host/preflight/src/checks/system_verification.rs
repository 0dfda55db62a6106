//! `SystemVerification`: the kernel and its cgroups are what Kubernetes needs (kubeadm's system-validators). The rules
//! are the target release's; the parts are in `system_verification/`.

mod cgroups;
mod kernel_config;
mod kernel_version;

use kubephase_model::Release;
use kubephase_node::{Node, probe};
use semver::Version;

use super::kubelet_version::installed_kubelet;
use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `SystemVerificationCheck`.
pub struct SystemVerification {
    /// Whose rules count.
    pub release: &'static Release,
    /// The kubelet that will run where it is not the installed one: an upgrade looks one minor ahead.
    pub kubelet: Option<Version>,
}

const NAME: &str = "SystemVerification";

impl Check for SystemVerification {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "kernel version, kernel options, operating system and cgroups fit"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            let mut findings = Vec::new();
            let sysname = probe::kernel_name(node);
            if sysname != "Linux" {
                findings.push(
                    Finding::error(NAME, format!("the operating system is {sysname}"))
                        .expected("Linux")
                        .remedy("run it on Linux"),
                );
                return findings;
            }
            findings.extend(kernel_version::judge(&probe::kernel_release(node), &self.release.kernel_versions));
            // What the kubelet is decides what cgroup v1 means. Without one, KubeletVersion complains; here the
            // strictest rule then counts.
            let kubelet = match &self.kubelet {
                Some(version) => Some(version.clone()),
                None => installed_kubelet(node).await.ok(),
            };
            let cgroups = probe::cgroups(node).map_err(|error| chain(&error));
            let v2 = match &cgroups {
                Ok(Some(cgroups)) => Some(cgroups.version == probe::CgroupVersion::V2),
                _ => None,
            };
            findings.extend(kernel_config::judge(probe::kernel_config(node).await, &self.release.kernel_config, v2));
            findings.extend(cgroups::judge(cgroups, self.release, kubelet.as_ref()));
            findings
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;
    use crate::testing::Machine;
    use kubephase_model::release::RELEASES;

    fn check(minor: u64) -> SystemVerification {
        let release = RELEASES.iter().find(|release| release.minor == minor).expect("known");
        SystemVerification { release, kubelet: None }
    }

    const ALL_OPTIONS: &str = "# Automatically generated\nCONFIG_NAMESPACES=y\nCONFIG_NET_NS=y\nCONFIG_PID_NS=y\nCONFIG_IPC_NS=y\n\
        CONFIG_UTS_NS=y\nCONFIG_CPUSETS=y\nCONFIG_MEMCG=y\nCONFIG_INET=y\nCONFIG_EXT4_FS=m\nCONFIG_PROC_FS=y\n\
        CONFIG_IP_NF_TARGET_REDIRECT=m\nCONFIG_NETFILTER_XT_MATCH_COMMENT=m\nCONFIG_FAIR_GROUP_SCHED=y\nCONFIG_CGROUPS=y\n\
        CONFIG_CGROUP_BPF=y\nCONFIG_CGROUP_CPUACCT=y\nCONFIG_CGROUP_DEVICE=y\nCONFIG_CGROUP_FREEZER=y\nCONFIG_CGROUP_PIDS=y\n\
        CONFIG_CGROUP_SCHED=y\n";

    fn good() -> Machine {
        Machine::new()
            .file("/boot/config-6.12.0-1-amd64", ALL_OPTIONS)
            .file("/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n")
            .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n")
            .file("/sys/fs/cgroup/system.slice/cgroup.freeze", "0\n")
            .script("kubelet", "echo Kubernetes v1.36.2")
    }

    fn v1(machine: Machine) -> Machine {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
        let cgroups = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\ncpu\t4\t1\t1\ncpuacct\t4\t1\t1\nblkio\t5\t1\t1\n\
                       memory\t6\t1\t1\ndevices\t7\t1\t1\nfreezer\t8\t1\t1\nhugetlb\t9\t1\t1\npids\t10\t1\t1\n";
        machine.file("/proc/mounts", mounts).dir("/sys/fs/cgroup/memory").file("/proc/cgroups", cgroups)
    }

    #[tokio::test]
    async fn a_good_machine_passes_for_every_release() {
        let machine = good();
        for release in RELEASES {
            assert_eq!(machine.run(&check(release.minor)).await, [], "{}", release.name());
        }
    }

    #[tokio::test]
    async fn cgroup_v1_depends_on_the_kubelet_that_is_installed() {
        let machine = v1(good());
        assert_eq!(machine.one(&check(36)).await.severity, Severity::Error);
        let machine = v1(good()).script("kubelet", "echo Kubernetes v1.34.1");
        assert_eq!(machine.one(&check(36)).await.severity, Severity::Warning);
        assert_eq!(machine.one(&check(34)).await.severity, Severity::Warning);
        assert_eq!(machine.run(&check(20)).await, []);
    }

    #[tokio::test]
    async fn another_kernel_is_a_warning_or_an_error() {
        let machine = || good().file("/boot/config-3.8.0", ALL_OPTIONS).ambient(|a| a.kernel_release = "3.8.0".into());
        assert_eq!(machine().one(&check(36)).await.severity, Severity::Warning);
        assert_eq!(machine().one(&check(20)).await.severity, Severity::Error);
    }

    #[tokio::test]
    async fn another_system_is_an_error() {
        let finding = good().ambient(|a| a.sysname = "FreeBSD".into()).one(&check(36)).await;
        assert_eq!(finding.to_string(), "the operating system is FreeBSD; expected: Linux");
    }
}
