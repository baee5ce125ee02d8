//! A progress bar on stderr with the arm, the time left and the figure so far. Silent when quiet or not on a terminal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tollgate_record::CellId;

/// Length of the bar: it is moved by shares.
const LENGTH: u64 = 1_000;

/// Progress over a known amount of planned measuring time.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    /// Planned time, all of it.
    total: Duration,
    /// Planned time that is done, and how long that took.
    done: Cell<(Duration, Duration)>,
    stage: String,
}

impl Progress {
    /// A bar over `total` of planned time.
    pub(crate) fn new(total: Duration, quiet: bool) -> Self {
        let bar = ProgressBar::new(LENGTH);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{bar:16} {percent:>3}% {prefix:>6} left  {wide_msg}");
        bar.set_style(style.expect("the template is a constant and was tried").progress_chars("━╸─"));
        Self { bar, started: Instant::now(), total, done: Cell::default(), stage: String::new() }
    }

    /// Says what is going on now.
    pub(crate) fn stage(&mut self, stage: impl Into<String>) {
        self.stage = stage.into();
        self.show(self.stage.clone());
    }

    /// Says which arm is at work, and its figure so far in nanoseconds per request.
    pub(crate) fn arm(&self, cell: &CellId, added_ns: Option<f64>) {
        // The figure first: what does not fit is cut off at the end.
        let figure = added_ns.map(|ns| format!("{:+.2} us  ", ns / 1_000.0)).unwrap_or_default();
        self.show(format!("{figure}{}: {cell}", self.stage));
    }

    /// Says what is going on, by itself.
    pub(crate) fn say(&self, doing: &str) {
        self.show(doing.to_owned());
    }

    /// Says how much of the plan is done.
    pub(crate) fn set_done(&self, done: Duration) {
        self.done.set((done, self.started.elapsed()));
        self.show(self.bar.message());
    }

    /// Prints a line above the bar.
    pub(crate) fn note(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// A line for who watches: left out where there is no bar.
    pub(crate) fn remark(&self, line: &str) {
        if !self.bar.is_hidden() {
            self.note(line);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }

    fn show(&self, message: String) {
        let elapsed = self.started.elapsed();
        let left = left(self.total, self.done.get(), elapsed);
        let all = (elapsed + left).as_secs_f64().max(f64::MIN_POSITIVE);
        self.bar.set_prefix(short(left));
        self.bar.set_position((elapsed.as_secs_f64() / all * LENGTH as f64) as u64);
        self.bar.set_message(message);
    }
}

/// What is left of a plan. What was done took longer than planned, for nothing starts in no time; so will the rest.
fn left(total: Duration, (done, took): (Duration, Duration), elapsed: Duration) -> Duration {
    let slower = if done.is_zero() { 1.0 } else { (took.as_secs_f64() / done.as_secs_f64()).max(1.0) };
    let rest = total.saturating_sub(done).mul_f64(slower);
    rest.saturating_sub(elapsed.saturating_sub(took))
}

/// As people say it: `42s`, `3m 05s`, `1h 20m`.
fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_much_longer_as_what_is_done() {
        let of = |total, done, took, elapsed| {
            let [total, done, took, elapsed] = [total, done, took, elapsed].map(Duration::from_secs);
            left(total, (done, took), elapsed).as_secs()
        };
        assert_eq!(of(100, 0, 0, 0), 100);
        assert_eq!(of(100, 0, 0, 10), 90);
        assert_eq!(of(100, 50, 60, 60), 60);
        assert_eq!(of(100, 50, 60, 70), 50);
        // Less than planned is luck.
        assert_eq!(of(100, 50, 40, 40), 50);
        assert_eq!(of(100, 100, 120, 125), 0);
        assert_eq!(of(100, 50, 60, 500), 0);
    }

    #[test]
    fn times_are_short() {
        let cases = [(0, "0s"), (59, "59s"), (60, "1m 00s"), (185, "3m 05s"), (3_599, "59m 59s"), (4_800, "1h 20m")];
        for (seconds, text) in cases {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }
}
