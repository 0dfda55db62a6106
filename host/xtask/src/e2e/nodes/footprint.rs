//! What being a node leaves on a machine, listed one by one, so that before and after can be compared.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, bail};

use crate::e2e::node::Node;
use crate::e2e::scenario::difference;

/// Lines of a kind and a name each. Configurations of CNI are not among them: the test itself puts them there.
const LIST: &str = r#"
find /etc/kubernetes /var/lib/kubelet /var/lib/kubephase /var/lib/etcd ! -type d -printf 'file %p\n' 2>/dev/null || true
awk '{print "mount " $5}' /proc/self/mountinfo
for save in iptables-nft-save iptables-legacy-save ip6tables-nft-save ip6tables-legacy-save; do
    $save 2>/dev/null | grep -e KUBE- -e CNI- | sed "s/ \[[0-9:]*\]$//;s/^/rule $save /" || true
done
ctr -n k8s.io containers ls -q | sed 's/^/container /'
ps -eo comm= | grep -E '^(kubelet|kube-|etcd|pause|containerd-shim)' | sort | uniq -c | sed 's/^ */process /' || true
"#;

/// Kinds that a worker must have more of than a machine that is none.
const KINDS: [&str; 5] = ["file", "mount", "rule", "container", "process"];

/// The list.
pub struct Footprint(BTreeSet<String>);

impl Footprint {
    /// Of a machine now.
    pub fn of(node: &Node) -> Result<Self> {
        let listed = node.exec(["sh", "-e"]).stdin(LIST).run()?;
        Ok(Self(listed.lines().map(str::to_owned).collect()))
    }

    fn count(&self, kind: &str) -> usize {
        self.0.iter().filter(|line| line.split(' ').next() == Some(kind)).count()
    }

    fn text(&self) -> String {
        self.0.iter().map(|line| format!("{line}\n")).collect()
    }

    /// There is more of every kind than before; else nothing would be proven by there being less later.
    pub fn exceeds(&self, before: &Self) -> Result<()> {
        for kind in KINDS {
            if self.count(kind) <= before.count(kind) {
                bail!("a node has no more of the kind {kind} than before: {self}; {before}");
            }
        }
        Ok(())
    }

    /// The lists are the same.
    pub fn equals(&self, before: &Self) -> Result<()> {
        if self.0 != before.0 {
            bail!("this is not as before (- gone, + left):\n{}", difference(&before.text(), &self.text()));
        }
        Ok(())
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = KINDS.iter().map(|kind| format!("{kind} {}", self.count(kind))).collect();
        f.write_str(&counts.join(", "))
    }
}
