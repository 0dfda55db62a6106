//! wasmtime's engines: one for all plugins, and one more for those whose fuel is counted, which is a property of the
//! compiled code. Each has a thread that counts time, without which no deadline would ever be noticed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::{Config, Engine};

/// How often a running plugin is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// Stack of a plugin, in bytes.
const STACK: usize = 512 << 10;
/// Address space that is set aside for one memory, in bytes. wasmtime's own choice of 4 GiB does not fit under
/// `ulimit -v` or into small containers.
const RESERVATION: u64 = 64 << 20;

/// The engine, made when it is first asked for: who has no plugins does not pay for it.
pub(crate) fn engine(fuel: bool) -> wasmtime::Result<&'static Engine> {
    static ENGINES: [OnceLock<Engine>; 2] = [const { OnceLock::new() }; 2];
    let cell = &ENGINES[usize::from(fuel)];
    if let Some(engine) = cell.get() {
        return Ok(engine);
    }
    let engine = Engine::new(&config(fuel))?;
    let weak = engine.weak();
    let mut first = false;
    let engine = cell.get_or_init(|| {
        first = true;
        engine
    });
    // A thread and no task: a task would stand still with the plugins that it should stop.
    if first {
        let tick = move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        };
        std::thread::Builder::new().name("plugin-clock".into()).spawn(tick)?;
    }
    Ok(engine)
}

fn config(fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(fuel)
        .max_wasm_stack(STACK)
        .memory_reservation(RESERVATION)
        .memory_guard_size(64 << 10)
        .memory_reservation_for_growth(0)
        // Same input, same output, on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .concurrency_support(false);
    config
}

/// What compiled code depends on beside the component: wasmtime's version, its settings, this processor.
pub(crate) fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}
