//! The kubelet cannot read or does not accept its configuration file.

use crate::diagnose::lines::{has, rest_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "kubelet-config",
    about: "the kubelet cannot read or does not accept its configuration",
    fallback: false,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.kubelet_fatal(|line| {
        let lower = line.to_ascii_lowercase();
        has(&lower, &["failed to load kubelet config file"])
            || has(&lower, &["failed to validate kubelet configuration"])
            || has(&lower, &["failed to set feature gates from initial flags-based config"])
            || has(&lower, &["invalid configuration:", "kubelet"])
            // A quantity of evictionHard, kubeReserved and the like; the kubelet says no more than that.
            || has(&lower, &["failed to run kubelet", "quantities must match"])
    })?;
    let line = &hit.line;
    if line.contains("no such file or directory") {
        return hit.because(
            "the kubelet has no configuration file and ends",
            "run `kubephase init phase kubelet-start` (or `init` as a whole); the unit has to pass --config=/var/lib/kubelet/config.yaml",
        );
    }
    let detail = [
        "failed to decode, error: ",
        "failed to decode: ",
        "error failed to decode",
        ", error: ",
        "invalid configuration: ",
        "failed to run Kubelet: ",
    ]
    .iter()
    .find_map(|marker| rest_after(line, marker))
    .or_else(|| rest_after(line, "err=\""))
    .unwrap_or(line)
    .split(", path: &TypeMeta")
    .next()
    .unwrap_or_default()
    .to_owned();
    hit.because(
        format!("the kubelet does not accept its configuration and ends: {detail}"),
        "correct the KubeletConfiguration document (or the patch for `kubeletconfiguration`) and run \
         `kubephase init phase kubelet-start` again; it is written to /var/lib/kubelet/config.yaml",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_in_v1_20() {
        let found = find(&Evidence::dead_kubelet(
            "Mar 01 15:21:49 cp1 kubelet[4637]: F0301 15:21:49.725906    4637 server.go:198] failed to load Kubelet config file /var/lib/kubelet/config.yaml, error failed to read kubelet config file \"/var/lib/kubelet/config.yaml\", error: open /var/lib/kubelet/config.yaml: no such file or directory",
        ))
        .expect("match");
        assert_eq!(found.first_line, "the kubelet has no configuration file and ends");
    }

    #[test]
    fn quantity_in_v1_20() {
        let found = find(&Evidence::dead_kubelet(
            "Nov 23 03:19:12 cp1 kubelet[5454]: F1123 03:19:12.583392    5454 server.go:269] failed to run Kubelet: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ))
        .expect("match");
        assert!(
            found.first_line.starts_with("the kubelet does not accept its configuration and ends: quantities must")
        );
    }

    #[test]
    fn undecodable_in_v1_3x() {
        let found = find(&Evidence::dead_kubelet(
            r#"E0616 11:44:20.127561   22166 run.go:72] "command failed" err="failed to load kubelet config file, path: /var/lib/kubelet/config.yaml, error: failed to load Kubelet config file /var/lib/kubelet/config.yaml, error: failed to decode: json: cannot unmarshal string into Go struct field KubeletConfiguration.maxPods of type int32""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "the kubelet does not accept its configuration and ends: json: cannot unmarshal string into Go struct field KubeletConfiguration.maxPods of type int32"
        );
    }

    #[test]
    fn invalid_in_v1_3x() {
        let found = find(&Evidence::dead_kubelet(
            r#"E0616 11:44:20.127561   22166 run.go:72] "command failed" err="failed to validate kubelet configuration, error: invalid configuration: featureGates.Foo: unknown feature gate, path: &TypeMeta{Kind:,APIVersion:,}""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "the kubelet does not accept its configuration and ends: invalid configuration: featureGates.Foo: unknown feature gate"
        );
    }
}
