//! Which configuration of a pod network the container runtime takes.

/// Names in a directory of CNI configurations that come before `ours`. containerd and CRI-O take the first file in the
/// order of names that ends in `.conf`, `.conflist` or `.json`.
pub fn earlier_configurations<'a>(names: &'a [String], ours: &str) -> Vec<&'a str> {
    let is_configuration = |name: &&str| [".conf", ".conflist", ".json"].iter().any(|end| name.ends_with(end));
    let mut earlier: Vec<&str> =
        names.iter().map(String::as_str).filter(is_configuration).filter(|name| *name < ours).collect();
    earlier.sort_unstable();
    earlier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_before_counts() {
        let names = ["87-podman.conflist", "05-cilium.conflist", "10-a.conf.bak", "10-flannel.conflist", "00-x.json"];
        let names = names.map(str::to_owned);
        assert_eq!(earlier_configurations(&names, "10-flannel.conflist"), ["00-x.json", "05-cilium.conflist"]);
        assert!(earlier_configurations(&[], "10-flannel.conflist").is_empty());
    }
}
