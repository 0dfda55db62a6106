//! May we start? Named checks of the machine, lists of them per workflow, and a runner that runs them all and reports
//! everything at once. It reads the node and pulls images; it changes nothing else, and it does not print.

mod check;
pub mod checks;
mod ignore;
pub mod lists;
mod proxy;
mod pull;
mod run;
#[cfg(test)]
mod testing;

pub use check::{Check, Finding, Findings, Severity};
pub use checks::image_pull::ImagePull;
pub use ignore::{Ignore, IgnoreError};
pub use lists::{Batch, Checklist};
pub use pull::{Pull, PullEvent, PullFailure, PullPolicy, PullProgress, pull_images};
pub use run::{Checked, Outcome, Progress, Verdict, run};
