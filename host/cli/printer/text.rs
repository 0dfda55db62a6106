//! Events for people: on a terminal one live line for the running phase and one finished line per phase; on a pipe plain
//! lines.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kubephase_engine::{Event, Level, Sink};
use kubephase_node::Change;

use super::{changes, colours, err, screen};

/// Text to standard error.
pub fn sink(verbosity: u8) -> Sink<Change> {
    let stream = std::io::stderr();
    let (live, coloured) = (screen(&stream), colours(&stream));
    let state = Mutex::new(State { verbosity, live, coloured, bar: None, items: Vec::new(), single: false });
    Arc::new(move |event| state.lock().unwrap_or_else(PoisonError::into_inner).tell(event))
}

struct State {
    verbosity: u8,
    live: bool,
    coloured: bool,
    bar: Option<ProgressBar>,
    /// What the running phase is at, newest last.
    items: Vec<String>,
    /// There is only one phase to run.
    single: bool,
}

impl State {
    fn tell(&mut self, event: Event<Change>) {
        match event {
            Event::Began { phases, .. } => self.single = phases.len() <= 1,
            Event::Ended { .. } => {}
            Event::Started { path, index, total, .. } => self.start(&path, index, total),
            Event::Skipped { path, why } => {
                // One that was asked for by name must not be left out without a word.
                if self.verbosity > 0 || self.single {
                    self.line(&format!("{} {path}: {why}", self.mark('-', "2")));
                }
            }
            Event::Progress { item, message, path } => {
                if let Some(bar) = &self.bar {
                    self.items.retain(|known| !known.starts_with(&format!("{item}: ")));
                    self.items.push(format!("{item}: {message}"));
                    bar.set_message(self.items.last().cloned().unwrap_or_default());
                } else if self.verbosity > 0 || message.starts_with("healthy") || message.starts_with("waiting") {
                    self.line(&format!("[{path}] {item}: {message}"));
                }
            }
            Event::Notice { path, level, message } => {
                let place = if path.is_empty() { String::new() } else { format!("[{path}] ") };
                match level {
                    Level::Info => self.line(&format!("{place}{message}")),
                    Level::Warning => self.line(&format!("{} {place}{message}", self.mark('!', "33"))),
                }
            }
            Event::Finding { check, severity, ignored, seen, expected, remedy, .. } => {
                let mark = if severity == "error" { self.mark('✗', "31") } else { self.mark('!', "33") };
                let ignored = if ignored { " (error, ignored by request)" } else { "" };
                let mut text = format!("{mark} {severity} {check}{ignored}: {seen}");
                if let Some(expected) = expected {
                    text.push_str(&format!("\n    expected: {expected}"));
                }
                if let Some(remedy) = remedy {
                    text.push_str(&format!("\n    remedy: {remedy}"));
                }
                self.line(&text);
            }
            Event::Finished { path, millis, changes } => {
                self.stop();
                let count = changes::count(&changes);
                let line = format!("{} {path:44} {:>8}  {count}", self.mark('✓', "32"), duration(millis));
                self.line(line.trim_end());
                self.changes(&changes);
            }
            Event::Failed { path, millis, changes, .. } => {
                // The error itself is told once, at the end.
                self.stop();
                self.line(&format!("{} {path:44} {:>8}", self.mark('✗', "31"), duration(millis)));
                self.changes(&changes);
            }
        }
    }

    fn start(&mut self, path: &str, index: usize, total: usize) {
        self.items.clear();
        if !self.live {
            return;
        }
        let dim = if self.coloured { ":.dim" } else { "" };
        let style = ProgressStyle::with_template(&format!("{{spinner}} {{prefix}} {{elapsed}} {{wide_msg{dim}}}"));
        let bar = ProgressBar::new_spinner().with_prefix(format!("[{index}/{total}] {path}"));
        let bar = match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bar = Some(bar);
    }

    fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn changes(&self, changes: &[Change]) {
        if self.verbosity == 0 {
            return;
        }
        for change in changes {
            self.line(&format!("    {}", changes::line(change, false)));
            if self.verbosity > 1 {
                let diff = changes::difference(change);
                if !diff.is_empty() {
                    self.line(diff.trim_end());
                }
            }
        }
    }

    /// A line above the live one.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| err(&format!("{text}\n"))),
            None => err(&format!("{text}\n")),
        }
    }

    fn mark(&self, mark: char, colour: &str) -> String {
        if self.coloured { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_string() }
    }
}

fn duration(millis: u64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.1} s", Duration::from_millis(millis).as_secs_f64()) }
}
