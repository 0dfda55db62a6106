//! Control groups for one node: a child of our own group in every hierarchy that the machine has mounted.
//!
//! On cgroup v1 each controller is a hierarchy of its own and the node gets a group in each. On cgroup v2 it
//! gets one group beside ours, because a group with processes in it cannot hand controllers down.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::super::undo::{Undo, quote};

/// A node's groups.
pub struct Cgroups {
    hierarchies: Vec<Hierarchy>,
}

struct Hierarchy {
    /// Directory name under /sys/fs/cgroup; empty for the only one.
    name: String,
    /// What `mount -o` needs to find it; empty for cgroup v2.
    options: String,
    /// The node's group.
    group: PathBuf,
}

impl Cgroups {
    /// Makes the groups and has them removed when the node's processes are gone.
    pub fn create(name: &str, undo: &mut Undo) -> Result<Self> {
        let ours = fs::read_to_string("/proc/self/cgroup").context("could not read our control groups")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("could not read the mounts")?;
        let mut hierarchies = v1(&ours, &mounts);
        if hierarchies.is_empty() {
            hierarchies = v2(&ours, &mounts);
        }
        if hierarchies.is_empty() {
            bail!("no control groups are mounted on this machine");
        }
        for hierarchy in &mut hierarchies {
            let parent = hierarchy.group.clone();
            hierarchy.group = parent.join(name);
            let group = quote(&hierarchy.group);
            // Groups vanish a moment after their last process.
            undo.push(&format!(
                "for i in $(seq 50); do [ -d {group} ] || exit 0; find {group} -depth -type d -exec rmdir {{}} + 2>/dev/null; \
                 sleep 0.1; done; exit 1"
            ))?;
            fs::create_dir_all(&hierarchy.group)
                .with_context(|| format!("could not make control group {}", hierarchy.group.display()))?;
            if hierarchy.options.is_empty() {
                delegate(&parent)?;
            } else if hierarchy.options.split(',').any(|c| c == "cpuset") {
                copy_cpuset(&parent, &hierarchy.group)?;
            }
        }
        Ok(Self { hierarchies })
    }

    /// The groups' directories, for the process that is to join them.
    pub fn groups(&self) -> impl Iterator<Item = &Path> {
        self.hierarchies.iter().map(|h| h.group.as_path())
    }

    /// One line `name options` per hierarchy to mount under the node's /sys/fs/cgroup; `v2` for the only one.
    pub fn mounts(&self) -> String {
        let line =
            |h: &Hierarchy| if h.options.is_empty() { "v2\n".into() } else { format!("{} {}\n", h.name, h.options) };
        self.hierarchies.iter().map(line).collect()
    }
}

/// Where a hierarchy with these super options is mounted.
fn mount_point(mounts: &str, kind: &str, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let found = right.next()? == kind && right.nth(1).is_some_and(&wanted);
        found.then(|| left.split(' ').nth(4).map(PathBuf::from))?
    })
}

fn v1(ours: &str, mounts: &str) -> Vec<Hierarchy> {
    let lines = ours.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let first = controllers.split(',').next().filter(|c| !c.is_empty())?;
        let mount = mount_point(mounts, "cgroup", |options| options.split(',').any(|o| o == first))?;
        let name = controllers.trim_start_matches("name=").to_owned();
        Some(Hierarchy { name, options: controllers.into(), group: mount.join(path.trim_start_matches('/')) })
    });
    lines.collect()
}

fn v2(ours: &str, mounts: &str) -> Vec<Hierarchy> {
    let path = ours.lines().find_map(|l| l.strip_prefix("0::"));
    let mount = mount_point(mounts, "cgroup2", |_| true);
    let (Some(path), Some(mount)) = (path, mount) else { return Vec::new() };
    let group = mount.join(path.trim_start_matches('/'));
    let beside = if group == mount { group } else { group.parent().map_or(mount, Path::to_path_buf) };
    vec![Hierarchy { name: String::new(), options: String::new(), group: beside }]
}

/// Hands every controller of `parent` down to its children.
fn delegate(parent: &Path) -> Result<()> {
    let controllers = fs::read_to_string(parent.join("cgroup.controllers"))?;
    let wanted: Vec<String> = controllers.split_whitespace().map(|c| format!("+{c}")).collect();
    fs::write(parent.join("cgroup.subtree_control"), wanted.join(" "))
        .with_context(|| format!("could not hand controllers down from {}", parent.display()))
}

/// A new cpuset is empty, and a process cannot join an empty one.
fn copy_cpuset(parent: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        fs::write(group.join(file), fs::read_to_string(parent.join(file))?)
            .with_context(|| format!("could not set {file} of {}", group.display()))?;
    }
    Ok(fs::write(group.join("cgroup.clone_children"), "1")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "24 23 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        25 24 0:22 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        26 24 0:23 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
        27 24 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn every_mounted_v1_hierarchy_is_found_under_our_own_group() {
        let found = v1("2:cpu,cpuacct:/ci/job\n5:hugetlb:/\n1:name=systemd:/\n0::/\n", MOUNTS);
        let seen: Vec<_> = found.iter().map(|h| (h.name.as_str(), h.options.as_str(), h.group.to_str())).collect();
        assert_eq!(
            seen,
            [
                ("cpu,cpuacct", "cpu,cpuacct", Some("/sys/fs/cgroup/cpu,cpuacct/ci/job")),
                ("systemd", "name=systemd", Some("/sys/fs/cgroup/systemd/")),
            ]
        );
    }

    #[test]
    fn on_v2_the_group_lies_beside_ours() {
        let mounts = "27 24 0:24 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(v2("0::/user.slice/s1.scope\n", mounts)[0].group, Path::new("/sys/fs/cgroup/user.slice"));
        assert_eq!(v2("0::/\n", mounts)[0].group, Path::new("/sys/fs/cgroup/"));
    }
}
