//! Starting static pods: what must be there for the program to start is looked for, and what others ask it is answered.

use std::net::IpAddr;

use serde_json::Value;

use super::super::Machine;
use super::super::command::CommandLine;
use super::super::health::{self, Health};
use super::config::Settings;
use super::plane::Plane;
use crate::controllers::bracketed;
use crate::etcd::Listener;
use crate::front::Front;

/// What a static pod is, by the program that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// etcd.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// A pod of somebody's own.
    Other,
}

impl Component {
    /// By the first word of its command.
    pub fn of(line: &CommandLine) -> Self {
        let program = line.words().first().map(|word| word.rsplit('/').next().unwrap_or_default());
        match program.unwrap_or_default() {
            "etcd" => Self::Etcd,
            "kube-apiserver" => Self::ApiServer,
            "kube-controller-manager" => Self::ControllerManager,
            "kube-scheduler" => Self::Scheduler,
            _ => Self::Other,
        }
    }
}

/// Who is started first.
pub fn order(pod: &Value) -> usize {
    match Component::of(&CommandLine::of(pod)) {
        Component::Etcd => 0,
        Component::ApiServer => 1,
        Component::ControllerManager | Component::Scheduler => 2,
        Component::Other => 3,
    }
}

/// Refuses a pod whose program would end at once because a file is not there, in the program's words.
pub fn missing_files(machine: &Machine, pod: &Value) -> Result<(), String> {
    let line = CommandLine::of(pod);
    let missing = line.files().find(|(_, path)| !machine.place(path).exists());
    missing.map_or(Ok(()), |(_, path)| Err(format!("open {path}: no such file or directory")))
}

/// What answers for a static pod, for as long as it is there.
#[derive(Debug, Default)]
pub struct Answering {
    _health: Option<Health>,
    _etcd: Option<Listener>,
}

impl From<Option<Health>> for Answering {
    fn from(health: Option<Health>) -> Self {
        Self { _health: health, _etcd: None }
    }
}

/// Starts it: a real server, or an endpoint that says that all is well.
pub async fn launch(
    component: Component,
    line: &CommandLine,
    machine: &Machine,
    front: &Front,
    plane: &dyn Plane,
    settings: &Settings,
) -> Result<Answering, String> {
    match component {
        Component::Etcd => {
            let etcd = plane.etcd(machine, line, front).await?;
            let url = line.flag("listen-metrics-urls").unwrap_or("http://127.0.0.1:2381");
            let place = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
            Ok(Answering { _health: Some(plain(front, &place).await?), _etcd: etcd })
        }
        Component::ApiServer => {
            let started = plane.api_server(machine, line).await?;
            for place in places(line, machine, settings) {
                front.route(&place, started.address);
            }
            for place in abroad(line, machine, plane.founds()) {
                front.publish(&place, started.address);
            }
            Ok(Answering::default())
        }
        Component::ControllerManager | Component::Scheduler => {
            let port = if component == Component::Scheduler { "10259" } else { "10257" };
            let real = match component {
                Component::ControllerManager => plane.controllers(machine, line).await?,
                _ => None,
            };
            let port = line.flag("secure-port").unwrap_or(port);
            let bound = line.flag("bind-address").and_then(|address| address.parse().ok());
            let health = match real {
                Some(_) => None,
                None => {
                    let tls = health::own_certificate(std::time::SystemTime::now());
                    Some(health::serve(tls).await.map_err(|error| error.to_string())?)
                }
            };
            if let Some(target) = real.or(health.as_ref().map(|health| health.address)) {
                for address in addresses(bound, machine) {
                    front.route(&format!("{}:{port}", bracketed(address)), target);
                }
            }
            Ok(health.into())
        }
        Component::Other => Ok(Answering::default()),
    }
}

async fn plain(front: &Front, place: &str) -> Result<Health, String> {
    let health = health::serve(None).await.map_err(|error| error.to_string())?;
    front.route(place, health.address);
    Ok(health)
}

/// Where a server that is bound to an address can be reached on this machine.
fn addresses(bound: Option<IpAddr>, machine: &Machine) -> Vec<IpAddr> {
    match bound {
        Some(address) if !address.is_unspecified() => vec![address],
        _ => {
            let loopback: [IpAddr; 2] = [[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()];
            loopback.into_iter().chain(machine.spec().addresses.iter().copied()).collect()
        }
    }
}

/// Where other machines find the API server: at this one's addresses and, if the cluster began here, at its endpoint.
fn abroad(line: &CommandLine, machine: &Machine, founds: bool) -> Vec<String> {
    let port = line.flag("secure-port").unwrap_or("6443");
    let advertised = line.flag("advertise-address").and_then(|address| address.parse().ok());
    let addresses = machine.spec().addresses.iter().copied().chain(advertised);
    let mut places: Vec<String> = addresses.map(|address| format!("{}:{port}", bracketed(address))).collect();
    if founds {
        places.extend(machine.state().lock().endpoints.iter().cloned());
    }
    places
}

/// Everything under which the API server may be asked for: its addresses, the one that it advertises and the names in
/// its certificate, each at its port and, since a load balancer may stand before it, at those of the cluster's endpoint.
fn places(line: &CommandLine, machine: &Machine, settings: &Settings) -> Vec<String> {
    let port = line.flag("secure-port").unwrap_or("6443");
    let bound = line.flag("bind-address").and_then(|address| address.parse().ok());
    let mut hosts: Vec<String> = addresses(bound, machine).into_iter().map(bracketed).collect();
    hosts.extend(line.flag("advertise-address").and_then(|address| address.parse().ok()).map(bracketed));
    hosts.push("localhost".to_owned());
    hosts.push(settings.name.clone());
    let mut places: Vec<String> = hosts.into_iter().map(|host| format!("{host}:{port}")).collect();
    places.extend(machine.state().lock().endpoints.iter().cloned());
    places
}
