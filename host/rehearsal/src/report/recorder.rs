//! Keeps what happens, with when it happened.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kubephase_engine::{Event, Sink};
use kubephase_node::Change;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When, since the start of the run.
    pub at: Duration,
    /// What.
    pub event: Event<Change>,
}

/// Listens to a run. Clones share what is kept.
#[derive(Clone, Debug)]
pub struct Recorder {
    begun: Instant,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Recorder {
    /// The run starts now.
    pub fn start() -> Self {
        Self { begun: Instant::now(), moments: Arc::default() }
    }

    /// Keeps every event before it passes it on.
    pub fn sink(&self, next: Sink<Change>) -> Sink<Change> {
        let recorder = self.clone();
        Arc::new(move |event: Event<Change>| {
            let moment = Moment { at: recorder.begun.elapsed(), event: event.clone() };
            recorder.moments.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
            next(event);
        })
    }

    /// What was kept so far.
    pub fn moments(&self) -> Vec<Moment> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long it has been.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}
