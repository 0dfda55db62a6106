//! How a command ends badly. The kind of fault picks the exit code.

use std::error::Error;

use kubephase_model::Report;
use kubephase_workflow::PhaseError;

use crate::args::{Global, Output};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The user's input is wrong: exit code 2.
    Input(Report),
    /// The machine or the cluster said no: exit code 1. A plugin broke: exit code 3.
    Machine {
        /// What went wrong, with its causes.
        error: Box<dyn Error + Send + Sync>,
        /// What to do about it.
        hint: Option<String>,
        /// True if the printer has told it already.
        told: bool,
    },
    /// Plugins are broken: exit code 3.
    Fault(Report),
    /// Our own fault: exit code 3.
    Bug(String),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            // A plugin that breaks is our kind of fault.
            Self::Machine { error, .. } if error.downcast_ref().is_some_and(PhaseError::is_fault) => 3,
            Self::Machine { .. } => 1,
            Self::Input(_) => 2,
            Self::Fault(_) | Self::Bug(_) => 3,
        }
    }

    /// The machine said no.
    pub fn machine(error: impl Error + Send + Sync + 'static, hint: Option<String>) -> Self {
        Self::Machine { error: Box::new(error), hint, told: false }
    }

    /// A phase failed. Which one has been told, and as an event all of it: the first line is for the cause.
    pub fn phase(source: PhaseError, global: &Global) -> Self {
        let hint = source.hint().map(Into::into);
        Self::Machine { error: Box::new(source), hint, told: global.output == Output::Json }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Input(report)
    }
}

/// What a command returns.
pub type Outcome = Result<(), Failure>;
