//! Telling something. Needs no grant. Natively it goes to standard error, where tests show it.

use crate::bindings::base::kubephase::plugin::log::Level;

/// Shown from `-v=3` on.
pub fn trace(message: impl AsRef<str>) {
    tell(Level::Trace, message.as_ref());
}

/// Shown from `-v=2` on.
pub fn debug(message: impl AsRef<str>) {
    tell(Level::Debug, message.as_ref());
}

/// Shown from `-v=1` on.
pub fn info(message: impl AsRef<str>) {
    tell(Level::Info, message.as_ref());
}

/// Always shown, as a warning.
pub fn warn(message: impl AsRef<str>) {
    tell(Level::Warn, message.as_ref());
}

/// Always shown, as a warning.
pub fn error(message: impl AsRef<str>) {
    tell(Level::Error, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
fn tell(level: Level, message: &str) {
    crate::bindings::base::kubephase::plugin::log::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::print_stderr, reason = "nobody else listens")]
fn tell(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
