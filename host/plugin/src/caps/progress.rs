//! `progress`: how far something is. Needs no grant, and is cut as the log is.

use crate::bindings::kubephase::plugin::progress::Host;
use crate::sandbox::State;
use crate::told::Told;

impl Host for State {
    async fn report(&mut self, what: String, percent: Option<u8>) -> wasmtime::Result<()> {
        if let Some(what) = self.log.take(&what) {
            self.tell(Told::Progress { what, percent: percent.map(|percent| percent.min(100)) });
        }
        Ok(())
    }
}
