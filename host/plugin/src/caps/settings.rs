//! `settings`: the plugin's own. Needs no grant.

use crate::bindings::kubephase::plugin::settings::Host;
use crate::sandbox::State;

impl Host for State {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.settings.to_string())
    }
}
