//! How plugins fail, in words that say which one, in what, why, and what to do.

use std::time::Duration;

use kubephase_workflow::extension::ExtensionFailure;
use wasmtime::{Trap, WasmBacktrace};

use crate::limits::Exceeded;
use crate::told::one_line;

/// How wasmtime begins to tell where it was.
const BACKTRACE: &str = "error while executing at wasm backtrace";
/// How long a line from a plugin's binary may be.
const LINE: usize = 500;

/// A plugin that cannot be used: found before anything is changed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is something else.
    #[error("it is {0}, not a WebAssembly component")]
    NotAComponent(String),
    /// It is too large.
    #[error("it has {size} bytes, and at most {limit} are read")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// wasmtime does not take it.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// Its exports or imports are not known here.
    #[error("{}", .0.join("; "))]
    Unknown(Vec<String>),
    /// It imports what is not granted. One line per capability, and the grants that it asks for.
    #[error("it needs {}, which {} not granted", names(.0), if .0.len() == 1 { "is" } else { "are" })]
    NotGranted(Vec<NotGranted>),
    /// It did not describe itself.
    #[error("{message}")]
    Describe {
        /// How it failed.
        kind: ExtensionFailure,
        /// In words.
        message: String,
        /// Where in its own code.
        backtrace: Vec<String>,
    },
    /// What it says of itself makes no sense.
    #[error("what it says of itself is wrong: {}", .0.join("; "))]
    Description(Vec<String>),
    /// Compiling it took too long.
    #[error("compiling it took longer than {}", seconds(*.0))]
    CompileTime(Duration),
}

/// A capability that a plugin imports and may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    /// The interface: `files`.
    pub interface: String,
    /// The line that would grant what it asks for.
    pub line: String,
    /// What it says it needs it for.
    pub reason: Option<String>,
}

fn names(missing: &[NotGranted]) -> String {
    missing.iter().map(|missing| format!("`{}`", missing.interface)).collect::<Vec<_>>().join(", ")
}

impl LoadError {
    /// Whether the plugin itself is broken, and not what was said of it.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Describe { .. } | Self::Description(_) | Self::CompileTime(_))
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotAComponent(_) => {
                "build it as a component: `kubephase plugin new` makes a project that does".into()
            }
            Self::TooLarge { .. } => "build it for release, without debug information".into(),
            Self::Invalid(_) => "build it again, or get it again if it came over a network".into(),
            Self::Unknown(_) => "use a newer kubephase, or build the plugin against the interfaces of this one".into(),
            Self::NotGranted(missing) => {
                let lines: Vec<&str> = missing.iter().map(|missing| missing.line.as_str()).collect();
                format!("if that is what you want, add to `grants` of its entry: {}", lines.join("; "))
            }
            Self::Describe { .. } | Self::Description(_) => "this is a fault of the plugin: tell its maker".into(),
            Self::CompileTime(_) => "use a smaller plugin: one in Rust or C compiles in a blink".into(),
        }
    }
}

/// How a call ended, if not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    pub kind: ExtensionFailure,
    pub code: Option<String>,
    pub message: String,
    pub hint: Option<String>,
    pub backtrace: Vec<String>,
}

impl CallError {
    pub fn new(kind: ExtensionFailure, message: impl Into<String>, hint: &str) -> Self {
        Self { kind, code: None, message: message.into(), hint: Some(hint.into()), backtrace: Vec::new() }
    }

    /// Of what was found only when it was called.
    pub fn from_load(error: &LoadError) -> Self {
        Self::new(ExtensionFailure::Invalid, error.to_string(), &error.hint())
    }

    pub fn timeout(budget: Duration) -> Self {
        let hint = "if it needs longer, set `timeout` in its entry";
        Self::new(ExtensionFailure::Timeout, Exceeded::Time(budget).to_string(), hint)
    }
}

/// Tells what happened from what wasmtime returns. `panic` is what the plugin's last words were, if it had any.
pub(crate) fn classify(error: &wasmtime::Error, output: usize, panic: Option<&str>) -> CallError {
    let backtrace = backtrace(error);
    let mut told = kind(error, output, panic);
    told.backtrace = backtrace;
    told
}

fn kind(error: &wasmtime::Error, output: usize, panic: Option<&str>) -> CallError {
    use ExtensionFailure as F;

    const FAULT: &str = "this is a fault of the plugin: tell its maker";
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return match exceeded {
            Exceeded::Time(budget) => CallError::timeout(*budget),
            Exceeded::Memory(_) => {
                let hint = "if it needs more, set `limits.memory` in its entry";
                CallError::new(F::Memory, exceeded.to_string(), hint)
            }
            Exceeded::Table(_) => {
                let hint = "if it needs more, set `limits.tableElements` in its entry";
                CallError::new(F::Memory, exceeded.to_string(), hint)
            }
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            return CallError::new(F::Fuel, "it used up its fuel", "if it needs more, set `limits.fuel` in its entry");
        }
        Some(Trap::StackOverflow) => return CallError::new(F::Trap, "its stack overflowed", FAULT),
        // A Rust plugin has a second stack in its memory, which it runs off the end of.
        Some(Trap::MemoryOutOfBounds) => {
            let message = "it used memory that it does not have; if it calls itself deeply, its stack overflowed";
            return CallError::new(F::Trap, message, FAULT);
        }
        Some(Trap::UnreachableCodeReached) => {
            let message = panic.map_or_else(|| "it gave up (unreachable code reached)".to_owned(), str::to_owned);
            return CallError::new(F::Trap, message, FAULT);
        }
        Some(trap) => return CallError::new(F::Trap, trap.to_string(), FAULT),
        None => {}
    }
    // Of these wasmtime has no types. Where it was stands in the backtrace.
    let causes = error.chain().map(ToString::to_string).filter(|cause| !cause.starts_with(BACKTRACE));
    let text = one_line(&causes.collect::<Vec<_>>().join(": "), LINE);
    if text.contains("too much data is being copied") {
        let message = format!("it handed over more than the {} KiB that it may", output >> 10);
        let hint = "if it needs to, set `limits.output` in its entry";
        return CallError::new(F::TooLarge, message, hint);
    }
    if error.downcast_ref::<std::str::Utf8Error>().is_some() || text.contains("utf-8") || text.contains("UTF-8") {
        return CallError::new(F::Invalid, "it handed over text that is not UTF-8", FAULT);
    }
    if error.downcast_ref::<WasmBacktrace>().is_some() {
        return CallError::new(F::Trap, text, FAULT);
    }
    CallError::new(F::Invalid, text, FAULT)
}

/// Function names, innermost first, as the plugin's source has them.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    /// Deeper calls say nothing new.
    const FRAMES: usize = 12;

    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let text = trace.to_string();
    // `   0:   0x1a2b - name` or `0: name`: numbers and addresses are of use to nobody here.
    let frame = |line: &str| {
        let numbered = line.trim().split_once(": ").filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        let rest = numbered.map_or(line, |(_, rest)| rest);
        one_line(rest.split_once(" - ").map_or(rest, |(_, name)| name), LINE)
    };
    let frames: Vec<String> = text.lines().skip(1).map(frame).filter(|name| !name.is_empty()).collect();
    let more = frames.len().saturating_sub(FRAMES);
    let told = frames.into_iter().take(FRAMES);
    told.chain((more > 0).then(|| format!("… and {more} more"))).collect()
}

/// `5 s`, `1.5 s`, `200 ms`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else if duration.as_millis() < 1000 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
