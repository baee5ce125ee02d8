//! A progress bar on stderr with the arm, the time left and the figure so far. Silent when quiet or not on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tollgate_record::CellId;

/// Progress over a known amount of planned measuring time.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    stage: String,
}

impl Progress {
    /// A bar over `total` of planned time.
    pub(crate) fn new(total: Duration, quiet: bool) -> Self {
        let bar = ProgressBar::new(total.as_millis() as u64);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{bar:24} {percent:>3}% {eta:>4} left  {wide_msg}");
        bar.set_style(style.expect("the template is a constant and was tried").progress_chars("━╸─"));
        Self { bar, started: Instant::now(), stage: String::new() }
    }

    /// Says what is going on now.
    pub(crate) fn stage(&mut self, stage: impl Into<String>) {
        self.stage = stage.into();
        self.bar.set_message(self.stage.clone());
    }

    /// Says which arm is at work, and its figure so far in nanoseconds per request.
    pub(crate) fn arm(&self, cell: &CellId, added_ns: Option<f64>) {
        let figure = added_ns.map(|ns| format!("  {:+.2} us", ns / 1_000.0)).unwrap_or_default();
        self.bar.set_message(format!("{}: {cell}{figure}", self.stage));
    }

    /// Says what is going on, by itself.
    pub(crate) fn say(&self, doing: &str) {
        self.bar.set_message(doing.to_owned());
    }

    /// Moves the bar to a share of the plan.
    pub(crate) fn set_done(&self, done: Duration) {
        self.bar.set_position(done.as_millis() as u64);
    }

    /// Prints a line above the bar.
    pub(crate) fn note(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}
