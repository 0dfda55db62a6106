//! Memory.

use crate::Node;

/// Total memory in MiB as sysinfo(2) gives it, rounded down: what the kernel keeps for itself is not in it.
pub fn memory_mib(node: &Node) -> u64 {
    node.machine().memory() >> 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;

    #[test]
    fn bytes_become_whole_mebibytes() {
        let node = Node::fixed("/nowhere", Ambient { memory: (1700 << 20) - 1, ..Ambient::default() });
        assert_eq!(memory_mib(&node), 1699);
    }
}
