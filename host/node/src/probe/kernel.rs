//! The kernel's name and release, and who we are to it.

use crate::Node;

/// uname's sysname: `Linux`.
pub fn kernel_name(node: &Node) -> String {
    node.machine().sysname()
}

/// uname's release, for example `6.12.0-1-amd64`.
pub fn kernel_release(node: &Node) -> String {
    node.machine().kernel_release()
}

/// The real user id.
pub fn uid(node: &Node) -> u32 {
    node.machine().uid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;

    #[test]
    fn a_given_machine_has_what_it_was_given() {
        let ambient =
            Ambient { sysname: "Linux".into(), kernel_release: "5.4.0".into(), uid: 1000, ..Ambient::default() };
        let node = Node::fixed("/nowhere", ambient);
        assert_eq!((&*kernel_name(&node), &*kernel_release(&node), uid(&node)), ("Linux", "5.4.0", 1000));
        assert_eq!(kernel_name(&Node::real()), "Linux");
    }
}
