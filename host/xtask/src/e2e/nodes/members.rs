//! Who is in etcd, by its own word: through its JSON gateway, with curl. Not the client of the product, so that a mistake
//! there is not shared.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::e2e::node::Node;

const PKI: &str = "/etc/kubernetes/pki/etcd";
const URL: &str = "https://127.0.0.1:2379/v3/cluster/member/list";

/// The members are these nodes, each under its name, and all of them vote.
pub fn are(first: &Node, nodes: &[&Node]) -> Result<()> {
    let file = |name: &str| format!("{PKI}/{name}");
    let said = first
        .exec(["curl", "-sS", "--fail", "--max-time", "20", "--cacert", &file("ca.crt")])
        .args(["--cert", &file("healthcheck-client.crt"), "--key", &file("healthcheck-client.key")])
        .args(["-X", "POST", "-d", "{}", URL])
        .run()?;
    let said: Value = serde_json::from_str(&said)?;
    let members = said["members"].as_array().with_context(|| format!("etcd says {said}"))?;
    let mut found: Vec<String> = members
        .iter()
        .map(|member| {
            let learner = if member["isLearner"] == true { " (learner)" } else { "" };
            format!("{}{learner} at {}", member["name"].as_str().unwrap_or("?"), member["peerURLs"][0])
        })
        .collect();
    let mut wanted: Vec<String> =
        nodes.iter().map(|node| format!("{} at \"https://{}:2380\"", node.name, node.address)).collect();
    found.sort();
    wanted.sort();
    if found == wanted { Ok(()) } else { bail!("etcd's members are {found:?} instead of {wanted:?}") }
}
