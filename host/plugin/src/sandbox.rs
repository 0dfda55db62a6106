//! Where one call of a plugin runs: a store of its own, fresh for each call and thrown away after it, with the plugin's
//! limits and its deadline.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kubephase_model::plugin::Grants;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, UpdateDeadline};

use crate::caps::wasi::Wasi;
use crate::error::{CallError, classify};
use crate::limits::{Exceeded, Limits, Meter};
use crate::told::{Budget, Ear, Told};
use crate::world::World;

/// How long after the deadline a call is cut off from outside, if its own clock did not stop it.
const GRACE: Duration = Duration::from_millis(50);
/// Handles of resources that one call may hold.
const HANDLES: usize = 1024;

/// What a plugin's imports work on: one per call.
pub(crate) struct State {
    /// Its name.
    pub plugin: Arc<str>,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// Its settings as JSON.
    pub settings: Arc<str>,
    /// Where answers come from.
    pub world: Arc<dyn World>,
    /// Its log.
    pub log: Budget,
    /// Until when it may run.
    pub deadline: Instant,
    /// For components that import WASI.
    pub wasi: Wasi,
    ear: Ear,
    meter: Meter,
}

impl State {
    /// Tells something in the plugin's name.
    pub fn tell(&self, told: Told) {
        (self.ear)(&self.plugin, told);
    }

    /// How much of its time is left.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
impl State {
    /// One of a plugin `test`, without a component, for capabilities alone. `grants` is a mapping as in a configuration.
    pub fn alone(grants: serde_json::Value, world: Arc<dyn World>) -> Self {
        let mut granted = Grants::default();
        for (capability, scopes) in grants.as_object().into_iter().flatten() {
            let scopes = serde_json::from_value(scopes.clone()).expect("a list of texts");
            *granted.list_mut(capability).expect("a capability") = scopes;
        }
        Self {
            plugin: "test".into(),
            grants: Arc::new(granted),
            settings: "{}".into(),
            world,
            log: Budget::default(),
            deadline: Instant::now() + Duration::from_secs(30),
            wasi: Wasi::new(),
            ear: Arc::new(|_, _| {}),
            meter: Meter::new(&Limits::of(&kubephase_model::plugin::PluginEntry::default())),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// What all calls of one plugin share; all of it is immutable.
#[derive(Clone)]
pub(crate) struct Sandbox {
    pub plugin: Arc<str>,
    pub grants: Arc<Grants>,
    pub settings: Arc<str>,
    pub world: Arc<dyn World>,
    pub limits: Limits,
    pub ear: Ear,
}

/// A call that failed, and what it told before.
#[derive(Debug)]
pub(crate) struct Failed {
    pub error: CallError,
    pub log: Vec<String>,
}

impl Sandbox {
    /// Runs `call` on a fresh instance within `budget`, instantiation included.
    pub async fn run<T>(
        &self,
        pre: &InstancePre<State>,
        budget: Duration,
        call: impl AsyncFnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, Failed> {
        let mut store = self.store(pre, budget);
        let running = async {
            let instance = pre.instantiate_async(&mut store).await?;
            call(&mut store, &instance).await
        };
        // Covers our own functions, which the epoch does not.
        let result = tokio::time::timeout(budget + GRACE, running).await;
        let state = store.data_mut();
        state.tell_printed();
        if state.log.dropped > 0 {
            let message = format!("{} more lines were left out", state.log.dropped);
            state.tell(Told::Log { volume: crate::told::Volume::Warning, message });
        }
        let error = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => classify(&error, self.limits.output, state.log.panic()),
            Err(_) => CallError::timeout(budget),
        };
        Err(Failed { error, log: state.log.last.iter().cloned().collect() })
    }

    fn store(&self, pre: &InstancePre<State>, budget: Duration) -> Store<State> {
        let deadline = Instant::now() + budget;
        let state = State {
            plugin: self.plugin.clone(),
            grants: self.grants.clone(),
            settings: self.settings.clone(),
            world: self.world.clone(),
            log: Budget::default(),
            deadline,
            wasi: Wasi::new(),
            ear: self.ear.clone(),
            meter: Meter::new(&self.limits),
        };
        let mut store = Store::new(pre.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(self.limits.output);
        store.set_max_component_handles(HANDLES);
        if let Some(fuel) = self.limits.fuel {
            // Only an engine that does not count refuses.
            drop(store.set_fuel(fuel));
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if Instant::now() >= deadline {
                return Err(wasmtime::Error::new(Exceeded::Time(budget)));
            }
            // Others get their turn, and a timeout around this is noticed.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }
}
