//! Events as text or as JSON lines, and the only functions that write to the two streams: data to standard output, talk
//! to standard error.

pub mod changes;
pub mod grants;
pub mod table;
mod text;
pub mod transfer;

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use kubephase_engine::{Event, Sink};
use kubephase_node::Change;

use crate::args::{Global, Output};

/// The first error of writing data.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes data. A closed pipe (`| head`) is the reader's right, so it is no error; what else goes wrong is kept for the
/// end, because nothing is to stop midway for it.
pub fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Why some data was not written.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Writes talk.
pub fn err(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
}

/// Whether a stream shows colours: a screen, unless `NO_COLOR` is set (no-color.org).
pub fn colours(stream: &impl IsTerminal) -> bool {
    screen(stream) && set("NO_COLOR").is_empty()
}

/// Whether lines of a stream can be written over: a terminal, unless it is a dumb one.
pub fn screen(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && set("TERM") != "dumb"
}

#[expect(clippy::disallowed_methods, reason = "how the terminal is to be used is said by its environment alone")]
fn set(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Where a workflow's events go.
pub fn sink(global: &Global) -> Sink<Change> {
    if global.output == Output::Json {
        return Arc::new(|event: Event<Change>| {
            let line = serde_json::to_string(&event).unwrap_or_default();
            out(&format!("{line}\n"));
        });
    }
    text::sink(global.verbosity)
}
