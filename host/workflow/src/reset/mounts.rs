//! What is mounted below the kubelet's directory: volumes of pods, and whatever else. It is unmounted, and nothing that
//! is in it is touched.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use kubephase_node::{FileError, Node, probe};

use super::Reset;
use crate::error::PhaseError;

/// Containers that have just been killed hold on to their volumes for a moment.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// Unmounts all that is mounted below a directory, and not the directory itself, which may be a disk of its own. The
/// last mounted goes first. What cannot be unmounted is a failure, before anything is deleted. Returns the mount points.
pub async fn unmount_below(cx: &Reset, directory: &str) -> Result<BTreeSet<String>, PhaseError> {
    let node = &cx.node;
    let targets = below(node, directory)?;
    let mut busy: Vec<(String, FileError)> = Vec::new();
    for target in targets.iter().rev() {
        if let Err(error) = unmount(cx, directory, target).await? {
            busy.push((target.clone(), error));
        }
    }
    if busy.is_empty() { Ok(targets.into_iter().collect()) } else { Err(PhaseError::StillMounted { busy }) }
}

async fn unmount(cx: &Reset, directory: &str, target: &str) -> Result<Result<(), FileError>, PhaseError> {
    let mut attempt = 1;
    loop {
        let Err(error) = cx.node.unmount(target, &cx.config.unmount_flags) else { return Ok(Ok(())) };
        // It went together with another one, or with a container's mounts.
        if !below(&cx.node, directory)?.iter().any(|known| known == target) {
            return Ok(Ok(()));
        }
        if attempt == ATTEMPTS || error.kind() != ErrorKind::ResourceBusy {
            return Ok(Err(error));
        }
        tokio::time::sleep(PAUSE).await;
        attempt += 1;
    }
}

/// Mount points below a directory, in the order of mounting; those that are mounted over several times as often.
fn below(node: &Node, directory: &str) -> Result<Vec<String>, PhaseError> {
    let prefix = format!("{}/", node.real_path(directory).trim_end_matches('/'));
    let mounts = probe::mounts(node)?.into_iter().map(|mount| mount.target);
    Ok(mounts.filter(|target| target.starts_with(&prefix)).collect())
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;

    use super::*;

    #[test]
    fn only_what_is_below_counts() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let table = "d / ext4 rw 0 0\nd /var/lib/kubelet ext4 rw 0 0\nt /var/lib/kubelet/pods/a/v tmpfs rw 0 0\n\
                     t /var/lib/kubelet/a\\040b tmpfs rw 0 0\nt /var/lib/kubelet-plugins tmpfs rw 0 0\n";
        node.ensure(&File::public("/proc/mounts", table)).expect("written");
        let found = below(&node, "/var/lib/kubelet").expect("read");
        assert_eq!(found, ["/var/lib/kubelet/pods/a/v", "/var/lib/kubelet/a b"]);
    }
}
