//! Swap space.

use crate::{FileError, Node};

/// The swap devices and files in use, as `/proc/swaps` names them; none if the kernel has no such table.
pub fn swap(node: &Node) -> Result<Vec<String>, FileError> {
    let table = node.read_text("/proc/swaps")?.unwrap_or_default();
    Ok(table.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubephase_model::File;

    #[test]
    fn the_header_is_no_swap() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        assert_eq!(swap(&node).expect("no table"), Vec::<String>::new());
        let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        node.ensure(&File::public("/proc/swaps", header)).expect("written");
        assert_eq!(swap(&node).expect("a table"), Vec::<String>::new());
        let table = format!("{header}/dev/sda2                               partition\t2097148\t0\t-2\n");
        node.ensure(&File::public("/proc/swaps", table)).expect("written");
        assert_eq!(swap(&node).expect("a table"), ["/dev/sda2"]);
    }
}
