//! Which version of metrics-server supports which Kubernetes.

use kubephase_sdk::prelude::*;

/// The first minor version of Kubernetes 1 that a release supports, newest first, as its makers' compatibility matrix has
/// it.
const SUPPORTED: &[(u32, &str)] = &[(34, "v0.9.0"), (31, "v0.8.1"), (27, "v0.7.2"), (25, "v0.6.4")];

/// The newest release that supports a version of Kubernetes such as `v1.36.2`.
///
/// # Errors
///
/// If there is none in the table.
pub fn for_kubernetes(version: &str) -> Result<&'static str, Failure> {
    let minor = || version.strip_prefix("v1.")?.split('.').next()?.parse::<u32>().ok();
    let found = minor().and_then(|minor| SUPPORTED.iter().find(|(oldest, _)| minor >= *oldest));
    found.map(|(_, release)| *release).ok_or_else(|| {
        Failure::invalid(format!("no version of metrics-server is known for Kubernetes {version}"))
            .remedy("set `version` in the plugin's settings")
    })
}

#[cfg(test)]
mod tests {
    use super::for_kubernetes;

    #[test]
    fn the_newest_that_fits_is_taken() {
        for (kubernetes, release) in [
            ("v1.36.2", Some("v0.9.0")),
            ("v1.34.0", Some("v0.9.0")),
            ("v1.33.9", Some("v0.8.1")),
            ("v1.30.0-rc.1", Some("v0.7.2")),
            ("v1.25.0", Some("v0.6.4")),
            ("v1.24.17", None),
            ("v2.0.0", None),
            ("", None),
        ] {
            assert_eq!(for_kubernetes(kubernetes).ok(), release, "{kubernetes}");
        }
    }
}
