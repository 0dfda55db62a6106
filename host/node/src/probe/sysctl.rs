//! Kernel parameters.

use crate::{FileError, Node};

/// A parameter by its dotted name (`net.ipv4.ip_forward`), trimmed; `None` if this kernel has none of that name.
pub fn sysctl(node: &Node, name: &str) -> Result<Option<String>, FileError> {
    let value = node.read_text(&format!("/proc/sys/{}", name.replace('.', "/")))?;
    Ok(value.map(|value| value.trim().to_owned()))
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
