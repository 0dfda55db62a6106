//! Pulls and copies of images for people and for programs: live lines on a terminal, plain lines otherwise, or JSON.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kubephase_preflight::{Pull, PullEvent};
use kubephase_workflow::images::Progress;
use serde_json::{Value, json};

use super::{colours, err, out, screen};
use crate::args::{Global, Output};

/// Programs are told of bytes no more often than this.
const STEP: Duration = Duration::from_millis(500);

/// Where the events of pulls go. Every image that is there afterwards gets a line on standard output, in kubeadm's
/// words.
pub fn pulls(global: &Global) -> Box<dyn Fn(PullEvent) + Send + Sync> {
    if global.output == Output::Json {
        return Box::new(|event| out(&format!("{}\n", pull_json(&event))));
    }
    let stream = std::io::stderr();
    let live = screen(&stream).then(MultiProgress::new);
    let pulls = Pulls { live, coloured: colours(&stream), bars: Mutex::default() };
    Box::new(move |event| pulls.tell(event))
}

fn pull_json(event: &PullEvent) -> Value {
    let mut object = json!({ "event": "pull", "image": event.image, "settled": event.settled, "images": event.images });
    let (state, more) = match &event.pull {
        Pull::Present => ("present", None),
        Pull::Pulling { attempt } => ("pulling", Some(("attempt", json!(attempt)))),
        Pull::Pulled => ("pulled", None),
        Pull::Failed { why } => ("failed", Some(("why", json!(why)))),
    };
    object["state"] = state.into();
    if let Some((key, value)) = more {
        object[key] = value;
    }
    object
}

/// One live line for each image that is being pulled.
struct Pulls {
    live: Option<MultiProgress>,
    coloured: bool,
    bars: Mutex<HashMap<String, ProgressBar>>,
}

impl Pulls {
    fn tell(&self, event: PullEvent) {
        let PullEvent { image, pull, settled, images } = event;
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Pull::Pulling { attempt } = pull {
            let Some(live) = &self.live else {
                if attempt > 1 {
                    err(&format!("{image}: attempt {attempt}\n"));
                }
                return;
            };
            let bar = bars.entry(image.clone()).or_insert_with(|| spinner(live, &image));
            if attempt > 1 {
                bar.set_message(format!("attempt {attempt}"));
            }
            return;
        }
        if let Some(bar) = bars.remove(&image) {
            bar.finish_and_clear();
        }
        let tell = || match &pull {
            Pull::Failed { why } => {
                let mark = if self.coloured { "\u{1b}[31m✗\u{1b}[0m" } else { "✗" };
                err(&format!("{mark} {image}: {why}\n"));
            }
            Pull::Present => out(&format!("[config/images] Present {image}\n")),
            _ => out(&format!("[config/images] Pulled {image}\n")),
        };
        match &self.live {
            Some(live) => live.suspend(tell),
            None => tell(),
        }
        if let (Some(live), true) = (&self.live, settled == images) {
            // Nothing is left to be drawn over.
            let _ = live.clear();
        }
    }
}

fn spinner(live: &MultiProgress, image: &str) -> ProgressBar {
    let bar = live.add(ProgressBar::new_spinner().with_prefix(image.to_owned()));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Bytes that are verified, bundled or loaded. What is live goes when this is dropped.
pub struct Bytes {
    json: bool,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    told: Option<(&'static str, Instant)>,
}

impl Bytes {
    /// To the streams that belong to the output's form.
    pub fn new(global: &Global) -> Self {
        let json = global.output == Output::Json;
        let bar = (!json && screen(&std::io::stderr())).then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {elapsed}");
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { json, state: Mutex::new(State { bar, told: None }) }
    }

    /// Tells where it is.
    pub fn tell(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Progress { stage, done, total } = progress;
        if let Some(bar) = &state.bar {
            bar.set_message(stage);
            bar.set_length(total);
            bar.set_position(done);
        }
        if self.json {
            let due = done == total || state.told.is_none_or(|(known, at)| known != stage || at.elapsed() > STEP);
            if due {
                out(&format!("{}\n", json!({ "event": "bytes", "stage": stage, "done": done, "total": total })));
                state.told = Some((stage, Instant::now()));
            }
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if let Some(bar) = self.state.lock().unwrap_or_else(PoisonError::into_inner).bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// `212.4 MiB`.
pub fn size(bytes: u64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;

    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let mib = bytes as f64 / MIB;
    if mib < 1024.0 { format!("{mib:.1} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
