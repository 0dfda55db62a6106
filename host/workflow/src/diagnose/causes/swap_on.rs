//! The kubelet ends because swap is on and failSwapOn is true, its default.

use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "swap-on", about: "the kubelet refuses to run with swap on", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    evidence.kubelet_fatal(|line| line.to_ascii_lowercase().contains("running with swap on is not supported"))?.because(
        "the kubelet refuses to run because swap is on",
        "turn swap off now and for good (`swapoff -a`, and take it out of /etc/fstab or mask the swap units), or set \
             `failSwapOn: false` in the KubeletConfiguration document",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_20() {
        let found = find(&Evidence::dead_kubelet(
            "F1115 20:10:05.994998    1391 server.go:269] failed to run Kubelet: running with swap on is not supported, please disable swap! or set --fail-swap-on flag to false. /proc/swaps contained: [Filename                                Type                Size        Used        Priority /dev/sda2                               partition        8388604        0        -2]",
        ))
        .expect("match");
        assert_eq!(found.first_line, "the kubelet refuses to run because swap is on");
    }

    #[test]
    fn v1_3x() {
        let found = find(&Evidence::dead_kubelet(
            r#"Feb 05 10:58:14 cp1 kubelet[12704]: I0205 10:58:14.917220 12704 swap_util.go:115] "Swap is on" /proc/swaps contents=<
Feb 05 10:58:14 cp1 kubelet[12704]: E0205 10:58:14.917245 12704 run.go:72] "command failed" err="failed to run Kubelet: running with swap on is not supported, please disable swap or set --fail-swap-on flag to false""#,
        ));
        assert!(found.is_some());
    }
}
