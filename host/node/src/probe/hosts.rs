//! The static table of host names.

use std::net::IpAddr;

use crate::{FileError, Node};

/// One line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsEntry {
    /// The address.
    pub address: IpAddr,
    /// Its names, the canonical one first.
    pub names: Vec<String>,
}

/// All entries in order; what hosts(5) does not know is left out.
pub fn hosts(node: &Node) -> Result<Vec<HostsEntry>, FileError> {
    let table = node.read_text("/etc/hosts")?.unwrap_or_default();
    Ok(table.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<HostsEntry> {
    let mut fields = line.split('#').next()?.split_ascii_whitespace();
    // A zone (`fe80::1%lo0`) means nothing to a lookup by name.
    let address = fields.next()?.split('%').next()?.parse().ok()?;
    Some(HostsEntry { address, names: fields.map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubephase_model::File;

    #[test]
    fn comments_and_nonsense_are_left_out() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        assert_eq!(hosts(&node).expect("no table"), []);
        let table = "127.0.0.1 localhost # me\n# 1.2.3.4 x\nnonsense y\n::1\tip6-localhost ip6-loopback\n";
        node.ensure(&File::public("/etc/hosts", table)).expect("written");
        let seen = hosts(&node).expect("a table");
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].names, ["localhost"]);
        assert_eq!((seen[1].address.is_ipv6(), seen[1].names.len()), (true, 2));
    }
}
