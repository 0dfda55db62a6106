//! The machine and the cluster that are being set up. Facts are gathered when somebody first asks, once for all plugins.

mod cluster;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubephase_model::object::ObjectRef;
use kubephase_model::plugin::facts::{ClusterFacts, Fact, NodeFacts};
use kubephase_model::plugin::measured::{Clock, Latency};
use kubephase_model::plugin::proposal::Failure;
use kubephase_node::http::exchange::{self, ExchangeError};
use kubephase_node::http::{Cause, Client, Options};
use kubephase_node::kube::{Api, ApiError, Select};
use kubephase_node::probe::{self, MeasureError};
use kubephase_node::{Node, Place};
use serde_json::Value;
use tokio::sync::OnceCell;

pub use cluster::cluster_facts;

use super::spot::reason;
use super::{Asked, Contents, Request, Response, Spot, Told, World, failure};

/// How long the cluster is asked: a plugin that reads is no reason to wait for a server that starts.
const API: Duration = Duration::from_secs(10);
/// How long a name server is waited for.
const NAMES: Duration = Duration::from_secs(5);

/// A node, and its cluster once there is one.
#[derive(Debug)]
pub struct Machine {
    node: Node,
    cluster: Option<ClusterFacts>,
    runtime: Option<String>,
    api: Mutex<Option<Api>>,
    facts: [OnceCell<Arc<NodeFacts>>; Fact::ALL.len()],
    sysctls: Mutex<BTreeMap<String, Option<String>>>,
    http: OnceCell<Client>,
}

impl Machine {
    /// `cluster` is what is being set up, if anything is; `runtime` the CRI socket, if it is known.
    pub fn new(node: &Node, cluster: Option<ClusterFacts>, runtime: Option<&str>) -> Self {
        Self {
            node: node.clone(),
            cluster,
            runtime: runtime.map(str::to_owned),
            api: Mutex::default(),
            facts: [const { OnceCell::const_new() }; Fact::ALL.len()],
            sysctls: Mutex::default(),
            http: OnceCell::new(),
        }
    }

    /// All facts that can be had, sysctls left out.
    pub async fn all_facts(&self) -> NodeFacts {
        let mut all = NodeFacts::default();
        for fact in Fact::ALL {
            if let Ok(one) = self.fact(fact).await {
                all.take(fact, &one);
            }
        }
        all
    }

    fn api(&self) -> Result<Api, Failure> {
        let api = lock(&self.api).clone().ok_or_else(|| failure("unavailable", "there is no cluster yet"))?;
        Ok(api.credulous().within(API))
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let client = async {
            // Where the environment names proxies they are what leads out.
            let options = Options { proxies: true, stay: true, ..Options::default() };
            self.node.http(&options).map_err(|error| failure("unavailable", reason(&error)))
        };
        self.http.get_or_try_init(|| client).await
    }
}

impl World for Machine {
    fn connected(&self, api: &Api) {
        *lock(&self.api) = Some(api.clone());
    }

    fn fact(&self, fact: Fact) -> Told<'_, Arc<NodeFacts>> {
        Box::pin(async move {
            let look = || async {
                if fact == Fact::Cluster {
                    return Arc::new(NodeFacts { cluster: self.cluster.clone(), ..NodeFacts::default() });
                }
                Arc::new(self.node.survey(fact, self.runtime.as_deref()).await)
            };
            // The enumeration's order is the array's.
            Ok(self.facts[fact as usize].get_or_init(look).await.clone())
        })
    }

    fn sysctl<'a>(&'a self, name: &'a str) -> Told<'a, Option<String>> {
        Box::pin(async move {
            if let Some(known) = lock(&self.sysctls).get(name) {
                return Ok(known.clone());
            }
            let value = match self.node.open_sysctl(name) {
                Ok(Some(None)) => {
                    return Err(failure("denied", format!("the sysctl {name} is a secret of the kernel's")));
                }
                Ok(Some(value)) => value,
                Ok(None) => None,
                Err(error) => return Err(failure("unavailable", reason(&error))),
            };
            lock(&self.sysctls).insert(name.to_owned(), value.clone());
            Ok(value)
        })
    }

    fn find<'a>(&'a self, path: &'a str) -> Told<'a, Option<Spot>> {
        Box::pin(async move {
            let (node, wanted) = (self.node.clone(), path.to_owned());
            // A file system may hang, and others go on.
            let found = tokio::task::spawn_blocking(move || node.walk(&wanted)).await;
            match found.map_err(|_| failure("other", "looking was cut off"))? {
                Ok(place) => Ok(place.map(spot)),
                Err(error) => {
                    let remedy = error.hint().map(str::to_owned);
                    Err(Failure { remedy, ..failure("other", reason(&error)) })
                }
            }
        })
    }

    fn get<'a>(&'a self, object: Asked<'a>, name: &'a str) -> Told<'a, Option<Value>> {
        Box::pin(async move {
            let api = self.api()?;
            let Some(kind) = api.kind(object.api_version, object.kind).await.map_err(refused)? else {
                return Ok(None);
            };
            if kind.namespaced && object.namespace.is_none() {
                return Err(failure(
                    "invalid",
                    format!("objects of the kind {} are in namespaces: name one", kind.kind),
                ));
            }
            api.get(&ObjectRef::new(kind, object.namespace, name)).await.map_err(refused)
        })
    }

    fn list<'a>(&'a self, objects: Asked<'a>, labels: &'a str, limit: usize) -> Told<'a, Vec<Value>> {
        Box::pin(async move {
            let api = self.api()?;
            let Some(kind) = api.kind(objects.api_version, objects.kind).await.map_err(refused)? else {
                return Ok(Vec::new());
            };
            let select = Select { labels, ..Select::default() };
            let found = api.list(kind, objects.namespace, select).await.map_err(refused)?;
            if found.len() > limit {
                let message = format!("there are {} {}, more than {limit}", found.len(), kind.plural);
                return Err(Failure { remedy: Some("select fewer".into()), ..failure("too-large", message) });
            }
            Ok(found)
        })
    }

    fn send(&self, request: Request) -> Told<'_, Response> {
        Box::pin(async move {
            let Request { method, url, headers, body, timeout, limit } = request;
            let asked =
                exchange::Request { headers, body, timeout, idle: timeout, ..exchange::Request::new(method, url) };
            let failed = |error: ExchangeError| {
                let code = match (&error, error.cause()) {
                    (ExchangeError::TooLong { .. }, _) => "too-large",
                    (_, Cause::Certificate) => "other",
                    _ => "unavailable",
                };
                Failure { remedy: error.hint().map(str::to_owned), ..failure(code, reason(&error)) }
            };
            let answer = self.client().await?.exchange(asked).await.map_err(failed)?;
            let status = answer.status();
            let headers = answer.all_headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let body = answer.body(u64::try_from(limit).unwrap_or(u64::MAX)).await.map_err(failed)?;
            Ok(Response { status, headers, body })
        })
    }

    fn fdatasync<'a>(&'a self, directory: &'a str, count: u32, size: u32, within: Duration) -> Told<'a, Latency> {
        Box::pin(async move { told(probe::fdatasync(&self.node, directory, count, size, within).await) })
    }

    fn tcp_connect<'a>(&'a self, host: &'a str, port: u16, timeout: Duration) -> Told<'a, u64> {
        Box::pin(async move { told(probe::connect(&self.node, host, port, timeout).await) })
    }

    fn dns_lookup<'a>(&'a self, name: &'a str) -> Told<'a, Vec<String>> {
        Box::pin(async move {
            if !self.node.is_rehearsed() {
                let found = probe::lookup(&self.node, name, NAMES).await;
                let found = found.map_err(|error| failure("unavailable", format!("cannot look {name} up: {error}")))?;
                return Ok(sorted(found));
            }
            Err(failure("unavailable", "the machine is pretended, and so is its network"))
        })
    }

    fn path_mtu<'a>(&'a self, address: &'a str) -> Told<'a, u32> {
        Box::pin(async move { told(probe::path_mtu(&self.node, address).await) })
    }

    fn clock_offset<'a>(&'a self, server: &'a str) -> Told<'a, i64> {
        Box::pin(async move { told(probe::clock_offset(&self.node, server).await) })
    }

    fn clock_state(&self) -> Told<'_, Clock> {
        Box::pin(async move { told(probe::clock_state(&self.node)) })
    }
}

fn spot(place: Place) -> Spot {
    Spot {
        path: without_process(place.path()),
        private: place.is_private(),
        kind: place.kind(),
        size: place.size(),
        mode: place.mode(),
        owner: place.owner(),
        contents: Contents::Machine(Arc::new(place)),
    }
}

/// Our own process has another number in every run; under the name that everybody knows it can be granted.
fn without_process(path: &str) -> String {
    let own = format!("/proc/{}/", std::process::id());
    path.strip_prefix(&own).map_or_else(|| path.to_owned(), |rest| format!("/proc/self/{rest}"))
}

fn told<T>(measured: Result<T, MeasureError>) -> Result<T, Failure> {
    measured.map_err(|error| failure(error.code(), reason(&error)))
}

fn refused(error: ApiError) -> Failure {
    let code = match &error {
        ApiError::Refused { code: 401 | 403, .. } => "other",
        ApiError::Refused { code: 400 | 422, .. } => "invalid",
        ApiError::Refused { code: 429 | 500..=599, .. } | ApiError::NoAnswer { .. } => "unavailable",
        _ => "other",
    };
    Failure { remedy: error.hint().map(str::to_owned), ..failure(code, error.to_string()) }
}

fn sorted(values: Vec<impl Display>) -> Vec<String> {
    let mut texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

/// What is behind the lock is whole whoever held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
