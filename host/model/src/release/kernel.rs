//! Which kernels a release was made for: release numbers and options. The rules are those of the system validators
//! that kubeadm of the minor was built with.

use crate::report::Severity;

/// Kernel releases that a Kubernetes minor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelVersions {
    /// Series that are accepted whole, as (major, minor): the long-term ones.
    pub series: &'static [(u64, u64)],
    /// Oldest (major, minor) from which on everything is accepted.
    pub from: (u64, u64),
    /// What another kernel is.
    pub severity: Severity,
    /// The rule in words.
    pub wanted: &'static str,
}

impl KernelVersions {
    /// Whether a kernel release such as `6.1.0-13-amd64` is accepted. One that is no version is not.
    pub fn accepts(&self, release: &str) -> bool {
        let mut parts = release.split(['.', '-', '+', '_', ' ']);
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        match (number(), number()) {
            (Some(major), Some(minor)) => (major, minor) >= self.from || self.series.contains(&(major, minor)),
            _ => false,
        }
    }
}

/// Options that the kernel must have, without `CONFIG_`. Alternatives are separated by `|`; the last one names the
/// option in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// Always.
    pub required: &'static [&'static str],
    /// With cgroup v1.
    pub required_v1: &'static [&'static str],
    /// With cgroup v2.
    pub required_v2: &'static [&'static str],
    /// Good to have: shown, never an error.
    pub optional: &'static [&'static str],
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use crate::Release;

    #[test]
    fn kernels_of_each_rule() {
        for (minor, kernel, accepted) in [
            (20, "3.10.0-1160.el7.x86_64", true),
            (20, "3.9.1", false),
            (20, "6.1.0-13-amd64", true),
            (36, "5.4.0-150-generic", true),
            (36, "5.10.0", true),
            (36, "5.11.0", false),
            (36, "4.19.0", false),
            (36, "6.18.44-fc-v595", true),
            (36, "12.0.1", true),
            (36, "", false),
            (36, "weird", false),
        ] {
            let release = Release::of(&Version::new(1, minor, 0)).unwrap();
            assert_eq!(release.kernel_versions.accepts(kernel), accepted, "1.{minor} on {kernel:?}");
        }
    }
}
