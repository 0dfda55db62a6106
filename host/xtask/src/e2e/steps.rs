//! Named steps: says which one runs, times it, and prints the table in the end. What a step does is its caller's.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps so far.
pub struct Steps {
    start: Instant,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { start: Instant::now(), rows: Vec::new() }
    }

    /// Runs one step; its failure names it.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        eprint!("{name} … ");
        let begin = Instant::now();
        let result = step();
        let took = begin.elapsed();
        let passed = result.is_ok();
        eprintln!("{} ({})", if passed { "ok" } else { "FAILED" }, seconds(took));
        self.rows.push(Row { name: name.to_owned(), took, passed });
        result.with_context(|| format!("step \"{name}\" failed"))
    }

    /// The table, with the closing line that test reports end with.
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
        let mut text = String::from("\n");
        for row in &self.rows {
            let mark = if row.passed { "" } else { "  FAILED" };
            text += &format!("{:width$}  {:>8}{mark}\n", row.name, seconds(row.took));
        }
        text += &format!("{:width$}  {:>8}\n\n", "total", seconds(self.start.elapsed()));
        let failed = self.rows.iter().filter(|r| !r.passed).count();
        text + &format!("{} passed, {failed} failed", self.rows.len() - failed)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_named_and_counted() {
        let mut steps = Steps::start();
        assert_eq!(steps.run("first", || Ok(1)).ok(), Some(1));
        let error = steps.run("second", || -> Result<()> { anyhow::bail!("no") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "step \"second\" failed: no");
        assert!(steps.table().ends_with("1 passed, 1 failed"));
    }
}
