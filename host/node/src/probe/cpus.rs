//! Processors.

use crate::Node;

/// How many processors this process may run on: its affinity counts, a cgroup's quota does not (Go's
/// `runtime.NumCPU`, which kubeadm asks).
pub fn cpus(node: &Node) -> usize {
    node.machine().cpus()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;

    #[test]
    fn a_given_machine_has_what_it_was_given() {
        assert_eq!(cpus(&Node::fixed("/nowhere", Ambient { cpus: 3, ..Ambient::default() })), 3);
        assert!(cpus(&Node::real()) >= 1);
    }
}
