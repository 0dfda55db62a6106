//! Taking for ever.

use std::hint::black_box;

use kubephase_sdk::bindings::base::kubephase::plugin::settings;
use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] = &[
    ("loop", |_| spin(|| ())),
    ("loop-log", |_| spin(|| log::trace("again"))),
    ("loop-settings", |_| spin(settings::get)),
    ("loop-progress", |_| spin(|| progress::report("again", Some(50)))),
    ("loop-facts", |_| spin(facts::cluster)),
    ("loop-files", |call| {
        let paths = call.paths(&["/etc/hostile/large"]);
        spin(|| paths.iter().map(|path| files::read(path)).collect::<Vec<_>>())
    }),
    ("slow-http", slow_http),
    ("recursion", |_| Ok(found(deep(u64::MAX)))),
    ("recursion-registers", |_| Ok(found(deep_in_registers(u64::MAX, 1)))),
    ("panic", |_| panic!("\u{1b}[31mit is over\u{1b}[0m\nand nobody knows why")),
    ("state", state),
];

fn spin<T>(what: impl Fn() -> T) -> ! {
    loop {
        black_box(what());
    }
}

/// Waits as long as it may, in functions of the host: no instruction of the guest runs meanwhile.
fn slow_http(call: &Call<'_>) -> Result<Proposal, Failure> {
    for url in call.urls(&["https://hostile.example.org/never"]) {
        for _ in 0..100 {
            let _ = http::send(&http::Request::new("GET", url).timeout(60_000));
        }
    }
    Ok(found(0))
}

/// Recursion whose frames are in the guest's own memory.
#[inline(never)]
fn deep(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    if n == 0 { 0 } else { deep(n - 1) ^ frame[(n % 64) as usize] }
}

/// Recursion whose frames are on the host's stack only.
#[inline(never)]
fn deep_in_registers(n: u64, x: u64) -> u64 {
    if n == 0 { x } else { deep_in_registers(n - 1, x.rotate_left(7) ^ n).wrapping_mul(x | 1).rotate_left(3) }
}

fn found(value: u64) -> Proposal {
    Proposal::new().finding(Finding::info("Done", format!("came to an end: {value}")))
}

/// How often it was called: more than once only if something of an earlier call is left.
fn state(_: &Call<'_>) -> Result<Proposal, Failure> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(Proposal::new().finding(Finding::info("State", format!("called {calls} times"))))
}
