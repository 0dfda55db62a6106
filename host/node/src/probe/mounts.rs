//! Mounted file systems.

use crate::{FileError, Node};

/// One line of `/proc/mounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Device or other source.
    pub source: String,
    /// Where.
    pub target: String,
    /// Type, for example `cgroup2`.
    pub fs_type: String,
    /// Options, split at commas.
    pub options: Vec<String>,
}

/// All mounts that this process sees, in the kernel's order.
pub fn mounts(node: &Node) -> Result<Vec<Mount>, FileError> {
    let table = node.read_text("/proc/mounts")?.unwrap_or_default();
    Ok(table.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().map(unescape);
    let (source, target, fs_type, options) = (next()?, next()?, next()?, next()?);
    Some(Mount { source, target, fs_type, options: options.split(',').map(str::to_owned).collect() })
}

/// Blank, tab, newline and backslash come as three octal digits after a backslash (fstab(5)).
pub(crate) fn unescape(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_mount() {
        let mount = parse("cgroup2 /sys/fs/my\\040cgroup cgroup2 rw,nosuid 0 0").expect("four fields");
        assert_eq!((&*mount.target, &*mount.fs_type), ("/sys/fs/my cgroup", "cgroup2"));
        assert_eq!(mount.options, ["rw", "nosuid"]);
        assert_eq!(parse("short line"), None);
    }

    #[test]
    fn the_real_table_is_readable() {
        assert!(!mounts(&Node::real()).expect("/proc").is_empty());
    }
}
