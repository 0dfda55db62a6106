//! One member: what its command line says, the data that it leaves, and its start.

use std::io;
use std::net::SocketAddr;

use super::serve::{self, Listener, Tls};
use super::{Cluster, LastWords};
use crate::machine::Machine;
use crate::machine::command::CommandLine;

/// Tells in a data directory whose data they are.
const MARK: &str = "member/kubephase-rehearsal";

/// What of its command line counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Its name.
    pub name: String,
    /// Where the others find it.
    pub peer_urls: Vec<String>,
    /// Where clients find it.
    pub client_urls: Vec<String>,
    /// Name and peer URL of everybody.
    pub initial: Vec<(String, String)>,
    /// Whether the others are there already.
    pub is_existing: bool,
    /// Where its data are, on its machine.
    pub data_dir: String,
}

impl Flags {
    /// Those of a manifest; what is left out is what etcd takes.
    pub fn of(line: &CommandLine) -> Self {
        let list = |flag: &str| -> Vec<String> {
            line.flag(flag).into_iter().flat_map(|urls| urls.split(',')).map(str::to_owned).collect()
        };
        let initial = list("initial-cluster").into_iter();
        let name = line.flag("name").unwrap_or("default").to_owned();
        Self {
            peer_urls: list("initial-advertise-peer-urls"),
            client_urls: list("advertise-client-urls"),
            initial: initial.filter_map(|one| one.split_once('=').map(own)).collect(),
            is_existing: line.flag("initial-cluster-state") == Some("existing"),
            data_dir: line.flag("data-dir").map_or_else(|| format!("/{name}.etcd"), str::to_owned),
            name,
        }
    }
}

fn own((name, url): (&str, &str)) -> (String, String) {
    (name.to_owned(), url.to_owned())
}

/// Where a URL leads to: `https://192.0.2.10:2379` is `192.0.2.10:2379`.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

/// Starts one as its manifest says. `publish` is told where it can be reached, and where it really is. It ends when what
/// is returned goes.
pub async fn start(
    cluster: &Cluster,
    machine: &Machine,
    line: &CommandLine,
    publish: &(dyn Fn(&str, SocketAddr) + Sync),
) -> Result<Listener, LastWords> {
    let flags = Flags::of(line);
    let tls = Tls::read(machine, line)?;
    let id = enter(cluster, machine, &flags)?;
    let listener = serve::listen(cluster.clone(), id, tls).await.map_err(|error| error.to_string())?;
    let listens = line.flag("listen-client-urls").unwrap_or_default().split(',').map(place);
    for place in listens.chain(flags.client_urls.iter().map(|url| place(url))).filter(|place| !place.is_empty()) {
        publish(&place, listener.address);
    }
    Ok(listener)
}

/// Becomes a member, or goes on as the one that it was.
fn enter(cluster: &Cluster, machine: &Machine, flags: &Flags) -> Result<u64, LastWords> {
    let mark = machine.place(&flags.data_dir).join(MARK);
    let id = std::fs::read_to_string(&mark).ok().and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    if let Some(id) = id {
        return cluster.go_on(id, flags);
    }
    let id = if flags.is_existing { cluster.take_place(flags)? } else { cluster.found(flags)? };
    let keep = || -> io::Result<()> {
        mark.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&mark, format!("{id:x}\n"))
    };
    match keep() {
        Ok(()) => Ok(id),
        Err(error) => {
            cluster.end(id);
            Err(format!("cannot access data directory: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_says_it_all() {
        let pod = json!({ "spec": { "containers": [{ "command": [
            "etcd", "--name=cp-2", "--data-dir=/var/lib/etcd",
            "--advertise-client-urls=https://192.0.2.12:2379",
            "--initial-advertise-peer-urls=https://192.0.2.12:2380",
            "--initial-cluster=cp-1=https://192.0.2.10:2380,cp-2=https://192.0.2.12:2380",
            "--initial-cluster-state=existing",
        ] }] } });
        let flags = Flags::of(&CommandLine::of(&pod));
        assert_eq!((flags.name.as_str(), flags.data_dir.as_str(), flags.is_existing), ("cp-2", "/var/lib/etcd", true));
        assert_eq!(flags.client_urls, ["https://192.0.2.12:2379"]);
        let everybody = [("cp-1", "https://192.0.2.10:2380"), ("cp-2", "https://192.0.2.12:2380")];
        assert_eq!(flags.initial, everybody.map(own));
        assert_eq!(place("https://[2001:db8::1]:2379/"), "[2001:db8::1]:2379");
    }
}
