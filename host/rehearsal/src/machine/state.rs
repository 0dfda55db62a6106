//! What the pretended machine is at now: its programs, its kubelet's log, images and containers. Shared by everything
//! that pretends a part of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Whether the kubelet's service runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kubelet {
    /// Nobody has started it.
    #[default]
    Stopped,
    /// It runs.
    Running,
    /// It was started and has ended; its log says why.
    Failed,
}

/// A container that is said to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// 64 hex digits.
    pub id: String,
    /// Its pod's sandbox.
    pub sandbox: String,
    /// Its name in the pod.
    pub name: String,
    /// The pod's.
    pub pod: String,
    /// The pod's.
    pub namespace: String,
    /// The pod's.
    pub uid: String,
    /// What it runs.
    pub image: String,
    /// When it started.
    pub started: SystemTime,
    /// Why it has ended, if it has: its last words.
    pub failure: Option<String>,
}

impl Container {
    /// Labels that the kubelet gives it.
    pub fn labels(&self) -> HashMap<String, String> {
        let label = |name: &str, value: &str| (format!("io.kubernetes.{name}"), value.to_owned());
        HashMap::from([
            label("container.name", &self.name),
            label("pod.name", &self.pod),
            label("pod.namespace", &self.namespace),
            label("pod.uid", &self.uid),
        ])
    }
}

/// All of it. Holds keys, so it is not shown.
#[derive(Default)]
pub struct State {
    /// `1.36.2`: what `kubelet --version` says.
    pub version: String,
    /// What the container runtime starts pods from.
    pub sandbox_image: String,
    /// Images that it has.
    pub images: BTreeSet<String>,
    /// In the order of their start.
    pub containers: Vec<Container>,
    /// The kubelet's service.
    pub kubelet: Kubelet,
    /// The kubelet's log, a line each.
    pub log: Vec<String>,
    /// Where else the API server is to be found: the cluster's endpoint, `host:port`.
    pub endpoints: Vec<String>,
    /// Certificates that the kubelet has asked for: name of the request, what the file is called, the key.
    pub asked: Vec<(String, &'static str, String)>,
    /// Static pods that do not come up, by name.
    pub endings: BTreeMap<String, Ending>,
}

/// A program that ends whenever it is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// How often, in a row.
    pub times: usize,
    /// Its last words.
    pub why: String,
}

impl State {
    /// A static pod was started; it runs, or has ended because of something.
    pub fn note_ending(&mut self, pod: &str, why: Option<&str>) {
        match why {
            None => drop(self.endings.remove(pod)),
            Some(why) => {
                let ending = self.endings.entry(pod.to_owned()).or_default();
                ending.times += 1;
                why.clone_into(&mut ending.why);
            }
        }
    }
}

/// Clones share it.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// Looks at it, or changes it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the kubelet's log.
    pub fn log(&self, line: impl Into<String>) {
        self.lock().log.push(line.into());
    }
}
