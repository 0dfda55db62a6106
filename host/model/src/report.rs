//! Problems found in what the user gave us: collected, never thrown one at a time, each with its place.

use std::fmt;
use std::sync::Arc;

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// The run cannot start.
    Error,
}

/// One configuration file as the user wrote it, kept so that problems can show its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as given on the command line.
    pub name: String,
    /// Whole text.
    pub text: String,
}

/// A place in a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length in characters, at least 1; it never reaches past the line's end.
    pub len: usize,
}

/// One thing that is wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// True for unknown and duplicate fields: a warning in a run, an error under `--strict` and in `config validate`.
    pub strict: bool,
    /// Field path as Kubernetes writes it (`networking.podSubnet`, `bootstrapTokens[0].usages`), or empty.
    pub path: String,
    /// What is wrong and why: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where, if it was in a file.
    pub place: Option<Place>,
}

impl Problem {
    /// An error at a field path.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            strict: false,
            path: path.into(),
            message: message.into(),
            hint: None,
            place: None,
        }
    }

    /// A warning at a field path.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where it is.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Marks it as one that strict reading turns into an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.source.name, place.line, place.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything found wrong in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In order of discovery.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// True if anything stops the run.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// Turns strict warnings (unknown and duplicate fields) into errors.
    pub fn make_strict(&mut self) {
        for problem in self.problems.iter_mut().filter(|p| p.strict) {
            problem.severity = Severity::Error;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
