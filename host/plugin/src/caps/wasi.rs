//! WASI for components whose language drags it in: no files, no network, no arguments, an empty environment, a wall clock
//! that stands still and numbers that are random in the same way each time, so that the same plugin says the same of the
//! same machine. Only the monotonic clock is real. What it prints goes to its log.

mod http;
mod numbers;
mod stdio;

use std::fmt;
use std::time::Duration;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::sandbox::State;
use crate::told::{Told, Volume};
use http::Hooks;
use numbers::Numbers;
use stdio::Printed;

/// Packages of WASI 0.2 that are given; `wasi:http` needs a grant and is looked at apart.
const PACKAGES: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];
/// Streams, polls, requests and such that one call may hold.
const RESOURCES: usize = 1024;
/// The most random bytes at once.
const RANDOM: u64 = 1 << 20;
/// The most bytes of all headers of one request or answer.
const HEADERS: usize = 64 << 10;

/// What one call has of it: nothing until it asks, because most plugins never do.
#[derive(Default)]
pub(crate) struct Wasi(Option<Box<Inner>>);

struct Inner {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    table: ResourceTable,
    printed: Printed,
}

impl Wasi {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for Wasi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wasi").field("used", &self.0.is_some()).finish()
    }
}

/// Whether a package is given to plugins.
pub(crate) fn has(package: &str) -> bool {
    PACKAGES.contains(&package)
}

/// Links it.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

impl State {
    fn wasi(&mut self) -> &mut Inner {
        let (world, grants) = (&self.world, &self.grants);
        self.wasi.0.get_or_insert_with(|| {
            let printed = Printed::default();
            let mut table = ResourceTable::new();
            table.set_max_capacity(RESOURCES);
            let mut http = WasiHttpCtx::new();
            http.set_field_size_limit(HEADERS);
            let hooks = Hooks::new(world.clone(), grants.clone(), printed.clone());
            Box::new(Inner { wasi: context(&printed), http, hooks, table, printed })
        })
    }

    /// Tells what was printed since this was last called. Nothing is lost when a call ends badly.
    pub(crate) fn tell_printed(&mut self) {
        let Some(inner) = &self.wasi.0 else { return };
        for line in inner.printed.take() {
            if let Some(message) = self.log.take(&line) {
                self.tell(Told::Log { volume: Volume::Info, message });
            }
        }
    }
}

fn context(printed: &Printed) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(printed.out())
        .stderr(printed.err())
        .wall_clock(StandsStill)
        .secure_random(Numbers::new(1))
        .insecure_random(Numbers::new(2))
        .insecure_random_seed(3)
        .max_random_size(RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
        .build()
}

/// 1970-01-01T00:00:00Z, for ever.
struct StandsStill;

impl HostWallClock for StandsStill {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Inner { wasi, table, .. } = self.wasi();
        WasiCtxView { ctx: wasi, table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Inner { http, hooks, table, .. } = self.wasi();
        WasiHttpCtxView { ctx: http, hooks, table }
    }
}
