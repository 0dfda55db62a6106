//! Phases as an ordered tree of data: selecting, planning, running and documenting it. Knows nothing about
//! Kubernetes, touches nothing, prints nothing: what happens comes out as [`Event`]s.

mod event;
mod phase;
mod run;
mod select;

pub use event::{Event, Level, Sink};
pub use phase::{Action, Context, Phase, PhaseFuture, RunFn, UnlessFn, Workflow};
pub use run::{RunError, Summary};
pub use select::{SelectError, Selected, Selection};
