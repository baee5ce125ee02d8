/// Rounds in a window; odd, so that a median is a value that was measured.
const WINDOW: usize = 101;
/// Windows in a row that must agree: V8 compiles a hot function again after some hundreds of calls, and in the
/// background, so one quiet window proves nothing.
const STILL_WINDOWS: u32 = 4;
/// Moves of a median up to this are not worth waiting for: the added latencies to be found are ten times that.
const STILL_NS: u64 = 1_000;
/// Or up to this share of the median, in parts per hundred: a busy machine moves slow arms by more than `STILL_NS`.
const STILL_PERCENT: u64 = 5;

/// Watches warm-up rounds until the medians of all arms, each above the control, stand still.
#[derive(Debug)]
pub(crate) struct Warmup {
    control: usize,
    window: Vec<Vec<i64>>,
    rounds: usize,
    /// Each arm's median of the last window; the control's own is of its latency.
    medians: Vec<Option<i64>>,
    still: u32,
}

impl Warmup {
    pub(crate) fn new(arms: usize, control: usize) -> Self {
        Self { control, window: vec![Vec::new(); arms], rounds: 0, medians: vec![None; arms], still: 0 }
    }

    /// Takes a round: each arm's latency in nanoseconds, none for an arm that has failed.
    pub(crate) fn round(&mut self, samples_ns: &[Option<u64>]) {
        let Some(control) = samples_ns[self.control] else {
            return;
        };
        for (arm, sample) in samples_ns.iter().enumerate() {
            if let Some(ns) = sample {
                let base = if arm == self.control { 0 } else { control };
                self.window[arm].push(*ns as i64 - base as i64);
            }
        }
        self.rounds += 1;
        if self.rounds == WINDOW {
            self.close_window();
        }
    }

    /// Whether the medians stand still.
    pub(crate) fn is_settled(&self) -> bool {
        self.still >= STILL_WINDOWS
    }

    fn close_window(&mut self) {
        self.rounds = 0;
        let mut moved = false;
        for (samples, last) in self.window.iter_mut().zip(&mut self.medians) {
            // An arm that failed within the window does not count.
            let median = (samples.len() == WINDOW).then(|| *samples.select_nth_unstable(WINDOW / 2).1);
            samples.clear();
            if let Some(now) = median {
                let allowed = STILL_NS.max(now.unsigned_abs() * STILL_PERCENT / 100);
                moved |= last.is_none_or(|last| now.abs_diff(last) > allowed);
            }
            *last = median;
        }
        self.still = if moved { 0 } else { self.still + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds windows in which arm 1 costs what `added` says for that window; returns windows needed to settle.
    fn windows_until_settled(added: impl Fn(usize) -> u64) -> Option<usize> {
        let mut warmup = Warmup::new(2, 0);
        (1..50).find(|&window| {
            (0..WINDOW as u64)
                .for_each(|round| warmup.round(&[Some(20_000 + round), Some(20_000 + round + added(window))]));
            warmup.is_settled()
        })
    }

    #[test]
    fn settles_when_the_medians_stand_still_and_not_before() {
        // The first window has nothing to be compared with.
        assert_eq!(windows_until_settled(|_| 30_000), Some(1 + STILL_WINDOWS as usize));
        // Two times slower until window 10, as before V8 has compiled again.
        assert_eq!(windows_until_settled(|window| if window < 10 { 60_000 } else { 30_000 }), Some(5));
        assert_eq!(windows_until_settled(|window| 100_000 / window.min(10) as u64), Some(10 + STILL_WINDOWS as usize));
        // A tenth more in each window, without end.
        assert_eq!(windows_until_settled(|window| (10_000.0 * 1.1_f64.powi(window as i32)) as u64), None);
    }
}
