//! Kernel parameters.

use crate::{FileError, Node};

/// A parameter by its dotted name (`net.ipv4.ip_forward`), trimmed; `None` if this kernel has none of that name.
pub fn sysctl(node: &Node, name: &str) -> Result<Option<String>, FileError> {
    let value = node.read_text(&format!("/proc/sys/{}", name.replace('.', "/")))?;
    Ok(value.map(|value| value.trim().to_owned()))
}

impl Node {
    /// A parameter that every user of the node may read: [`sysctl`]. Keys and seeds are parameters too; those are `None`
    /// in the inner value.
    pub fn open_sysctl(&self, name: &str) -> Result<Option<Option<String>>, FileError> {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        match self.mode(&path) {
            Some(_) if self.is_dir(&path) => Ok(None),
            Some(mode) if mode & 0o004 == 0 => Ok(Some(None)),
            Some(_) => Ok(sysctl(self, name)?.map(Some)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubephase_model::File;

    #[test]
    fn dots_become_directories() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        assert_eq!(sysctl(&node, "net.ipv4.ip_forward").expect("no file"), None);
        node.ensure(&File::public("/proc/sys/net/ipv4/ip_forward", "1\n")).expect("written");
        assert_eq!(sysctl(&node, "net.ipv4.ip_forward").expect("a file").as_deref(), Some("1"));
    }
}
