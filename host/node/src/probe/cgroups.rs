//! Control groups: which version is mounted where, and which controllers there are. As `CgroupsValidator` of
//! k8s.io/system-validators looks, except that nothing is written to see whether the freezer is there.

use crate::probe::{kernel_release, mounts};
use crate::{FileError, Node};

const USUAL: &str = "/sys/fs/cgroup";

/// Which hierarchy the node uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    /// One hierarchy per controller, or systemd's hybrid of both.
    V1,
    /// The unified hierarchy.
    V2,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroups {
    /// Which hierarchy.
    pub version: CgroupVersion,
    /// Where it is mounted.
    pub mount: String,
    /// Enabled controllers, sorted, under the names that system-validators uses: in version 2 `devices` (which is a BPF
    /// program there) is taken for granted, and `freezer` is there if `cgroup.freeze` files are.
    pub controllers: Vec<String>,
}

/// Looks at the mounts and at the controllers; `None` if no cgroup file system is mounted.
pub fn cgroups(node: &Node) -> Result<Option<Cgroups>, FileError> {
    let Some((version, mount)) = find(node)? else { return Ok(None) };
    let mut controllers = match version {
        CgroupVersion::V1 => enabled_v1(&node.read_text("/proc/cgroups")?.unwrap_or_default()),
        CgroupVersion::V2 => {
            let listed = node.read_text(&format!("{mount}/cgroup.controllers"))?.unwrap_or_default();
            let mut names: Vec<String> = listed.split_ascii_whitespace().map(str::to_owned).collect();
            names.push("devices".into());
            if has_freezer(node, &mount)? {
                names.push("freezer".into());
            }
            names
        }
    };
    controllers.sort();
    controllers.dedup();
    Ok(Some(Cgroups { version, mount, controllers }))
}

fn find(node: &Node) -> Result<Option<(CgroupVersion, String)>, FileError> {
    let mounts = mounts(node)?;
    // Later mounts cover earlier ones at the same place.
    if let Some(usual) = mounts.iter().rev().find(|mount| mount.target == USUAL) {
        let unified = match &*usual.fs_type {
            "cgroup2" => true,
            "tmpfs" => !node.is_dir(&format!("{USUAL}/memory")),
            _ => false,
        };
        let version = if unified { CgroupVersion::V2 } else { CgroupVersion::V1 };
        return Ok(Some((version, USUAL.to_owned())));
    }
    let first = |fs_type: &str, version| {
        mounts.iter().find(|mount| mount.fs_type == fs_type).map(|mount| (version, mount.target.clone()))
    };
    Ok(first("cgroup2", CgroupVersion::V2).or_else(|| first("cgroup", CgroupVersion::V1)))
}

fn enabled_v1(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        (fields.len() == 4 && fields[3] != "0").then(|| fields[0].to_owned())
    })
    .collect()
}

/// Every group but the root of the hierarchy has `cgroup.freeze`, on kernels that know it (5.2). A machine without any
/// group is judged by its kernel.
fn has_freezer(node: &Node, mount: &str) -> Result<bool, FileError> {
    let children = node.list(mount)?;
    let child = children.iter().map(|name| format!("{mount}/{name}")).find(|path| node.is_dir(path));
    Ok(match child {
        Some(group) => node.exists(&format!("{group}/cgroup.freeze")),
        None => {
            let release = kernel_release(node);
            let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0_u32));
            (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 2)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;
    use kubephase_model::File;

    fn node(files: &[(&str, &str)]) -> (tempfile::TempDir, Node) {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::fixed(root.path(), Ambient { kernel_release: "6.1.0".into(), ..Ambient::default() });
        for (path, text) in files {
            node.ensure(&File::public(*path, *text)).expect("written");
        }
        (root, node)
    }

    #[test]
    fn unified() {
        let (_root, node) = node(&[
            ("/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"),
            ("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n"),
            ("/sys/fs/cgroup/system.slice/cgroup.freeze", "0\n"),
        ]);
        let seen = cgroups(&node).expect("readable").expect("mounted");
        assert_eq!((seen.version, &*seen.mount), (CgroupVersion::V2, "/sys/fs/cgroup"));
        assert_eq!(seen.controllers.join(" "), "cpu cpuset devices freezer hugetlb io memory pids");
    }

    #[test]
    fn a_group_without_the_file_means_no_freezer() {
        let (_root, node) = node(&[
            ("/proc/mounts", "none /cg cgroup2 rw 0 0\n"),
            ("/cg/cgroup.controllers", "cpu\n"),
            ("/cg/system.slice/cgroup.events", ""),
        ]);
        let seen = cgroups(&node).expect("readable").expect("mounted");
        assert_eq!((&*seen.mount, seen.controllers.join(" ")), ("/cg", "cpu devices".to_owned()));
        node.remove("/cg/system.slice/cgroup.events").expect("removed");
        node.remove("/cg/system.slice").expect("removed");
        let seen = cgroups(&node).expect("readable").expect("mounted");
        assert_eq!(seen.controllers.join(" "), "cpu devices freezer", "by the kernel's release");
    }

    #[test]
    fn legacy_and_hybrid() {
        let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\nmemory\t4\t1\t1\nhugetlb\t0\t1\t0\n";
        let (_root, node) = node(&[
            ("/proc/mounts", "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"),
            ("/proc/cgroups", table),
            ("/sys/fs/cgroup/memory/tasks", ""),
        ]);
        let seen = cgroups(&node).expect("readable").expect("mounted");
        assert_eq!((seen.version, seen.controllers.join(" ")), (CgroupVersion::V1, "cpu memory".to_owned()));
    }

    #[test]
    fn none_mounted() {
        let (_root, node) = node(&[("/proc/mounts", "/dev/sda1 / ext4 rw 0 0\n")]);
        assert_eq!(cgroups(&node).expect("readable"), None);
    }
}
