//! The configuration of a cluster that exists, for commands that look after it: from a file, from the cluster itself, or
//! defaults.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::{Cluster, Facts, Report};
use kubephase_node::Node;
use kubephase_workflow::PhaseError;
use kubephase_workflow::certs::Settings;
use kubephase_workflow::cluster::{self, stored};

use crate::args::{Global, Output};
use crate::failure::Failure;
use crate::printer::err;
use crate::{input, report};

/// When certificates are over nothing answers any more: then this is what renewing them waits for in vain.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether this node's own address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It reaches certificates or files.
    Needed,
    /// A node that has none at the moment will do.
    Unused,
}

/// From a file, or defaults.
pub fn given(host: &Node, config: Option<&str>, address: Address, global: &Global) -> Result<Settings, Failure> {
    let mut problems = Report::default();
    let documents = config.map(|path| input::documents(host, path, Command::Init, &mut problems));
    if problems.has_errors() {
        return Err(problems.into());
    }
    let cluster = resolve(host, documents.as_ref(), address, &mut problems);
    let Some(cluster) = cluster else { return Err(problems.into()) };
    // Defaults that nobody asked for need no remarks. As text always: what these commands print is one object.
    if config.is_some() {
        report::problems(&problems.problems, &Global { output: Output::Text, ..global.clone() });
    }
    Ok(Settings { cluster, known: config.is_some() })
}

/// From a file, from the cluster that `kubeconfig` leads to, or, with a word, defaults.
pub fn of_cluster(
    host: &Node,
    config: Option<&str>,
    kubeconfig: &str,
    address: Address,
    global: &Global,
) -> Result<Settings, Failure> {
    if config.is_some() {
        return given(host, config, address, global);
    }
    match stored(host, kubeconfig, address) {
        Ok(cluster) => Ok(Settings { cluster, known: true }),
        Err(why) => {
            err(&format!("the configuration that the cluster has stored cannot be had, defaults are used: {why}\n"));
            given(host, None, address, global)
        }
    }
}

/// What the cluster has stored, with this node's part; a sentence if it cannot be had.
fn stored(host: &Node, kubeconfig: &str, address: Address) -> Result<Cluster, String> {
    let runtime = input::runtime().map_err(|error| error.to_string())?;
    let documents = runtime.block_on(async {
        let api = cluster::connect(host, kubeconfig).map_err(|error: PhaseError| with_causes(&error))?;
        stored::documents(&api.within(ANSWER)).await.map_err(|error| with_causes(&error))
    })?;
    let mut problems = Report::default();
    resolve(host, Some(&documents), address, &mut problems).ok_or_else(|| problems.to_string())
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

fn resolve(host: &Node, documents: Option<&Documents>, address: Address, problems: &mut Report) -> Option<Cluster> {
    let mut facts = host.facts();
    if address == Address::Unused {
        pretend_address(&mut facts);
    }
    let newest = || format!("v{}", kubephase_model::release::REFERENCE.newest());
    let flags = InitFlags { kubernetes_version: documents.is_none().then(newest), ..InitFlags::default() };
    // These commands deploy nothing. A label says which version its cluster had once, not which it has: not worth asking
    // the network.
    let lookup = |_: &str| Ok(newest());
    resolve_init(documents, &flags, &facts, &lookup, &mut |bytes| host.random(bytes), false, problems)
}

fn pretend_address(facts: &mut Facts) {
    if facts.default_route_addresses.is_empty() && facts.loopback_global_addresses.is_empty() {
        facts.default_route_addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
