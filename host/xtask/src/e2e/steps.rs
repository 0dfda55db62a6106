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
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Passed,
    Failed,
    Skipped,
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
        let end = if result.is_ok() { End::Passed } else { End::Failed };
        eprintln!("{} ({})", if end == End::Passed { "ok" } else { "FAILED" }, seconds(took));
        self.rows.push(Row { name: name.to_owned(), took, end });
        result.with_context(|| format!("step \"{name}\" failed"))
    }

    /// Says why a step cannot be run here.
    pub fn skip(&mut self, name: &str, why: &str) {
        eprintln!("{name} … SKIPPED: {why}");
        self.rows.push(Row { name: name.to_owned(), took: Duration::ZERO, end: End::Skipped });
    }

    /// The table, with the closing line that test reports end with.
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
        let mut text = String::from("\n");
        for row in &self.rows {
            let mark = match row.end {
                End::Passed => "",
                End::Failed => "  FAILED",
                End::Skipped => "  SKIPPED",
            };
            text += &format!("{:width$}  {:>8}{mark}\n", row.name, seconds(row.took));
        }
        text += &format!("{:width$}  {:>8}\n\n", "total", seconds(self.start.elapsed()));
        let count = |end| self.rows.iter().filter(|row| row.end == end).count();
        text += &format!("{} passed, {} failed", count(End::Passed), count(End::Failed));
        match count(End::Skipped) {
            0 => text,
            skipped => format!("{text}, {skipped} skipped"),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_named_and_counted() {
        let mut steps = Steps::start();
        assert_eq!(steps.run("first", || Ok(1)).ok(), Some(1));
        let error = steps.run("second", || -> Result<()> { anyhow::bail!("no") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "step \"second\" failed: no");
        assert!(steps.table().ends_with("1 passed, 1 failed"));
        steps.skip("third", "there is no such thing here");
        assert!(steps.table().ends_with("1 passed, 1 failed, 1 skipped"));
    }
}
