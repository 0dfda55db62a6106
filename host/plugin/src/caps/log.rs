//! `log`: lines for people. Needs no grant.

use crate::bindings::kubephase::plugin::log::{Host, Level};
use crate::sandbox::State;
use crate::told::{Told, Volume};

impl Host for State {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let volume = match level {
            Level::Trace => Volume::Trace,
            Level::Debug => Volume::Debug,
            Level::Info => Volume::Info,
            Level::Warn | Level::Error => Volume::Warning,
        };
        if let Some(line) = self.log.take(&message) {
            self.tell(Told::Log { volume, message: line });
        }
        Ok(())
    }
}
