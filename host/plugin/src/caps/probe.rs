//! `probe`: measuring. Granted by function, most with what it may be used on.

use std::time::Duration;

use kubephase_model::names::join_host_port;
use kubephase_model::plugin::grants::{is_normal_path, probe_scope};
use kubephase_model::plugin::measured;

use super::refusal::{denied, invalid};
use crate::bindings::kubephase::plugin::probe::{Clock, Host, Latency};
use crate::bindings::kubephase::plugin::types::Failure;
use crate::sandbox::State;

/// The most writes of one measurement.
const WRITES: u32 = 2000;
/// The largest block, in bytes.
const BLOCK: u32 = 1 << 20;
/// The longest time for connecting, in milliseconds.
const CONNECT: u32 = 10_000;
/// No host has a longer name.
const LONGEST_HOST: usize = 253;

type Answer<T> = wasmtime::Result<Result<T, Failure>>;

impl State {
    fn may_probe(&self, function: &str, scope: &str) -> Result<(), Failure> {
        if self.grants.allows_probe(function, scope) {
            return Ok(());
        }
        let wanted = probe_scope(function, scope);
        let what = format!("the probe `{}` is not granted", wanted.escape_debug());
        Err(denied("probe", &wanted, what))
    }

    /// Time that measuring may take: the plugin wants to say something about it afterwards.
    fn time_to_measure(&self) -> Duration {
        self.left().mul_f32(0.8)
    }
}

/// A name or an address: nothing that a resolver or a URL could take for something else.
fn host(text: &str) -> Result<(), Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if text.is_empty() || text.len() > LONGEST_HOST || !text.chars().all(fits) {
        return Err(invalid(format!("`{}` is neither a host's name nor an address", text.escape_debug())));
    }
    Ok(())
}

fn within(what: &str, value: u32, most: u32) -> Result<(), Failure> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(invalid(format!("{what} is not from 1 to {most}"))) }
}

impl State {
    async fn latency(&mut self, directory: &str, count: u32, size: u32) -> Result<Latency, Failure> {
        if !is_normal_path(directory) {
            return Err(invalid(format!(
                "`{}` is no absolute path, or not in its normal form",
                directory.escape_debug()
            )));
        }
        self.may_probe("fdatasync", directory)?;
        within("count", count, WRITES)?;
        within("size", size, BLOCK)?;
        let measured = self.world.fdatasync(directory, count, size, self.time_to_measure()).await?;
        let measured::Latency { count, p50, p90, p99, max } = measured;
        Ok(Latency { count, p50, p90, p99, max })
    }

    async fn connection(&mut self, to: &str, port: u16, timeout: u32) -> Result<u64, Failure> {
        host(to)?;
        self.may_probe("tcp-connect", &join_host_port(to, port))?;
        within("port", port.into(), u16::MAX.into())?;
        within("timeout-milliseconds", timeout, CONNECT)?;
        Ok(self.world.tcp_connect(to, port, Duration::from_millis(timeout.into())).await?)
    }

    async fn addresses(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        host(name)?;
        self.may_probe("dns-lookup", name)?;
        let mut addresses = self.world.dns_lookup(name).await?;
        addresses.sort();
        Ok(addresses)
    }

    async fn mtu(&mut self, address: &str) -> Result<u32, Failure> {
        host(address)?;
        self.may_probe("path-mtu", address)?;
        Ok(self.world.path_mtu(address).await?)
    }

    async fn offset(&mut self, server: &str) -> Result<i64, Failure> {
        host(server)?;
        self.may_probe("clock-offset", server)?;
        Ok(self.world.clock_offset(server).await?)
    }

    async fn clock(&mut self) -> Result<Clock, Failure> {
        self.may_probe("clock-state", "")?;
        let measured::Clock { synchronised, offset, maximum_error, daemons, attributes } =
            self.world.clock_state().await?;
        Ok(Clock { synchronised, offset, maximum_error, daemons, attributes: attributes.into_iter().collect() })
    }
}

impl Host for State {
    async fn fdatasync(&mut self, directory: String, count: u32, size: u32) -> Answer<Latency> {
        Ok(self.latency(&directory, count, size).await)
    }

    async fn tcp_connect(&mut self, host: String, port: u16, timeout_milliseconds: u32) -> Answer<u64> {
        Ok(self.connection(&host, port, timeout_milliseconds).await)
    }

    async fn dns_lookup(&mut self, name: String) -> Answer<Vec<String>> {
        Ok(self.addresses(&name).await)
    }

    async fn path_mtu(&mut self, address: String) -> Answer<u32> {
        Ok(self.mtu(&address).await)
    }

    async fn clock_offset(&mut self, server: String) -> Answer<i64> {
        Ok(self.offset(&server).await)
    }

    async fn clock_state(&mut self) -> Answer<Clock> {
        Ok(self.clock().await)
    }
}

#[cfg(test)]
mod tests;
