//! Kubelet and container runtime disagree on who manages cgroups: systemd or the file system.

use crate::diagnose::lines::has;
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "cgroup-driver",
    about: "kubelet and container runtime use different cgroup drivers",
    fallback: false,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.kubelet(|line| {
        has(line, &["kubelet cgroup driver:", "is different from"])
            || has(line, &["expected cgroupsPath to be of format", "slice:prefix:name"])
            || has(line, &["cgroup-parent for systemd cgroup should be a valid slice"])
            || has(line, &["did not receive slice as parent"])
            || has(line, &["cri-o configured with cgroupfs cgroup manager, but received systemd slice as parent"])
    })?;
    let cgroupfs_runtime = has(&hit.line, &["is different from docker cgroup driver: \"cgroupfs\""])
        || has(&hit.line, &["received systemd slice"]);
    let (runtime, kubelet) = if cgroupfs_runtime { ("cgroupfs", "systemd") } else { ("systemd", "cgroupfs") };
    hit.because(
        format!("wrong cgroup driver: the container runtime uses `{runtime}`, the kubelet `{kubelet}`"),
        format!(
            "set `cgroupDriver: {runtime}` in the KubeletConfiguration document, or change the runtime (containerd: \
             SystemdCgroup of the runc runtime in /etc/containerd/config.toml) and restart both"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containerd() {
        let found = find(&Evidence::busy_kubelet(
            r#"Oct 24 11:07:02 cp1 kubelet[397647]: E1024 11:07:02.248428  397647 remote_runtime.go:116] "RunPodSandbox from runtime service failed" err="rpc error: code = Unknown desc = failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/kubepods/burstable/poda668c4166c6878f474f019afbf7729d6/64727a3e9a19\" instead: unknown""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "wrong cgroup driver: the container runtime uses `systemd`, the kubelet `cgroupfs`"
        );
    }

    #[test]
    fn docker_with_v1_20() {
        let found = find(&Evidence::dead_kubelet(
            "Apr 05 05:33:40 cp1 kubelet[4759]: F0405 05:33:40.511159    4759 server.go:269] failed to run Kubelet: misconfiguration: kubelet cgroup driver: \"systemd\" is different from docker cgroup driver: \"cgroupfs\"",
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "wrong cgroup driver: the container runtime uses `cgroupfs`, the kubelet `systemd`"
        );
    }
}
