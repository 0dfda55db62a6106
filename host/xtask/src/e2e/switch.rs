//! The network that nodes share: a bridge in a namespace of its own and one cable per node. Its addresses exist
//! only inside these namespaces, and no way leads out of it, so a test cannot reach anything else.

use std::process;

use anyhow::{Context, Result};

use super::command::cmd;
use super::undo::Undo;

/// First three octets of every node's address.
const PREFIX: &str = "10.173.28";

/// A bridge with room for 200 nodes.
pub struct Switch {
    namespace: String,
    nodes: u8,
}

/// A node's end of its cable.
pub struct Port {
    /// The namespace that the node's programs live in.
    pub namespace: String,
    /// The node's address, without prefix length.
    pub address: String,
}

impl Switch {
    /// Makes the bridge.
    pub fn start(undo: &mut Undo) -> Result<Self> {
        let namespace = format!("kubephase-{}-switch", process::id());
        add_namespace(&namespace, undo)?;
        let ip = |words: &str| cmd("ip").args(["-n", &namespace]).args(words.split(' ')).run();
        ip("link add bridge type bridge").context("could not make the bridge between nodes")?;
        ip(&format!("address add {PREFIX}.1/24 dev bridge"))?;
        ip("link set bridge up")?;
        ip("link set lo up")?;
        // A router without a route answers "unreachable" at once. Without that, every program that asks a cloud's
        // metadata address at its start, as kubelet does, waits ten seconds for nothing.
        let forward = ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"];
        cmd("ip").args(["netns", "exec", &namespace]).args(forward).run()?;
        Ok(Self { namespace, nodes: 0 })
    }

    /// Makes a namespace for a node and plugs it in.
    pub fn plug(&mut self, node: &str, undo: &mut Undo) -> Result<Port> {
        self.nodes += 1;
        let namespace = format!("kubephase-{}-{node}", process::id());
        let address = format!("{PREFIX}.{}", 10 + self.nodes);
        add_namespace(&namespace, undo)?;
        let port = format!("port{}", self.nodes);
        let inside = |words: &str| cmd("ip").args(["-n", &namespace]).args(words.split(' ')).run();
        let switch = |words: &str| cmd("ip").args(["-n", &self.namespace]).args(words.split(' ')).run();
        switch(&format!("link add {port} type veth peer name eth0 netns {namespace}"))?;
        switch(&format!("link set {port} master bridge up"))?;
        inside("link set lo up")?;
        inside(&format!("address add {address}/24 dev eth0"))?;
        inside("link set eth0 up")?;
        // Bootstrappers take the address of the interface with the default route for the node's own.
        inside(&format!("route add default via {PREFIX}.1"))?;
        Ok(Port { namespace, address })
    }
}

fn add_namespace(name: &str, undo: &mut Undo) -> Result<()> {
    undo.push(&format!("[ ! -e /run/netns/{name} ] || ip netns delete {name}"))?;
    cmd("ip").args(["netns", "add", name]).run().map(drop)
}
