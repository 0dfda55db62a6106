//! What one call of a plugin may use. A limit that is reached ends the call with an error that names it.

use std::time::Duration;

use kubephase_model::plugin::{PluginEntry, config};
use wasmtime::ResourceLimiter;

const MEBIBYTE: usize = 1 << 20;

/// Limits of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its memories together.
    pub memory: usize,
    /// Bytes that it may hand over in one call, either way.
    pub output: usize,
    /// Units of fuel; not counted if none.
    pub fuel: Option<u64>,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Instances of its core modules.
    pub instances: usize,
    /// How long it may take, time in our own functions included; by the kind of the call if none.
    pub timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 * MEBIBYTE,
            output: 4 * MEBIBYTE,
            fuel: None,
            table_elements: 20_000,
            instances: 64,
            timeout: None,
        }
    }
}

impl Limits {
    /// As the operator says. Amounts have been validated with the configuration.
    pub fn of(entry: &PluginEntry) -> Self {
        let config::Limits { memory, output, fuel, table_elements, instances } = &entry.limits;
        let default = Self::default();
        let amount = |text: &str, default| amount(text).unwrap_or(default);
        let count = |value: Option<i32>| value.and_then(|value| usize::try_from(value).ok());
        Self {
            memory: amount(memory, default.memory),
            output: amount(output, default.output),
            fuel: fuel.and_then(|fuel| u64::try_from(fuel).ok()),
            table_elements: count(*table_elements).unwrap_or(default.table_elements),
            instances: count(*instances).unwrap_or(default.instances),
            timeout: entry.timeout.map(|timeout| timeout.as_std()),
        }
    }
}

/// `64Mi` in bytes; `None` if it is no such amount, or empty.
pub(crate) fn amount(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|unit: char| !unit.is_ascii_digit());
    let factor = match &text[digits.len()..] {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => MEBIBYTE,
        "Gi" => 1 << 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(factor)
}

/// A limit of [`Limits`] was reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("it wanted more than the {} MiB of memory that it may have", .0 / MEBIBYTE)]
    Memory(usize),
    #[error("it wanted more than the {0} table elements that it may have")]
    Table(usize),
    #[error("it took longer than {}", crate::error::seconds(*.0))]
    Time(Duration),
}

/// Counts what one store uses: over all memories and tables, not for each of them.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    memory: usize,
    elements: usize,
}

impl Meter {
    pub fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), memory: 0, elements: 0 }
    }
}

/// Errors instead of `false`: a guest that is only told "no" aborts, and nobody learns why.
impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.limits.memory {
            return Err(wasmtime::Error::new(Exceeded::Memory(self.limits.memory)));
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        if wanted > self.limits.table_elements {
            return Err(wasmtime::Error::new(Exceeded::Table(self.limits.table_elements)));
        }
        self.elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.instances
    }
}
