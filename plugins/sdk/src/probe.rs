//! Measuring, done by kubephase. Granted one by one, as `probe`: the function's name in WIT, most with what it may be used
//! on, such as `fdatasync:/var/lib/etcd` or `tcp-connect:10.0.0.1:443`.

pub use crate::bindings::base::kubephase::plugin::probe::{Clock, Latency};

use crate::Failure;
use crate::bindings::base::kubephase::plugin::probe as imported;
use crate::host::ask;

/// Writes blocks of `size` bytes (1 to 1 MiB) to a new file in the directory, `count` times (1 to 2000), each followed by
/// fdatasync, and removes the file. In microseconds.
///
/// # Errors
/// `denied`, `unavailable` in a rehearsal, or `other` if the directory cannot be written to.
pub fn fdatasync(directory: &str, count: u32, size: u32) -> Result<Latency, Failure> {
    ask!(imported::fdatasync(directory, count, size))
}

/// Connects to a TCP port and closes the connection. How long it took, in microseconds.
///
/// # Errors
/// `denied`, or `unavailable` if there is no connection within the time (1 to 10 000 milliseconds).
pub fn tcp_connect(host: &str, port: u16, timeout_milliseconds: u32) -> Result<u64, Failure> {
    ask!(imported::tcp_connect(host, port, timeout_milliseconds))
}

/// Addresses of a name, in text, sorted.
///
/// # Errors
/// `denied`, or `not-found` if it has none.
pub fn dns_lookup(name: &str) -> Result<Vec<String>, Failure> {
    ask!(imported::dns_lookup(name))
}

/// The largest packet, in bytes, that reaches the address as a whole, as the kernel knows it.
///
/// # Errors
/// `denied`, or `unavailable` if the kernel does not know.
pub fn path_mtu(address: &str) -> Result<u32, Failure> {
    ask!(imported::path_mtu(address))
}

/// How far the clock is off, in microseconds, as an NTP server says: positive if it is ahead.
///
/// # Errors
/// `denied`, or `unavailable` if the server does not answer.
pub fn clock_offset(server: &str) -> Result<i64, Failure> {
    ask!(imported::clock_offset(server))
}

/// What keeps the clock right.
///
/// # Errors
/// `denied`.
pub fn clock_state() -> Result<Clock, Failure> {
    ask!(imported::clock_state())
}
