//! What each request showed, and what it was at which time: pure, from notes to histograms and counts.

use std::time::Instant;

use tollgate_record::{Around, FailingEvent, FailingKind, Histogram, Outcomes, SwapKind};

use crate::load::{Ended, Fault};

/// What the answer of a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It was not answered as it should be; whether by an error's status.
    Fault { is_status: bool },
    /// The work of the plugin, under the configuration of that number.
    Work(u8),
    /// The request passed untouched.
    Untouched,
}

impl Shown {
    /// Of a request that was not answered as it should be.
    pub(super) fn fault(ended: &Ended<'_>) -> Self {
        Self::Fault { is_status: ended.fault == Some(Fault::Status) }
    }
}

/// A request that came to its end. Times are nanoseconds from the begin of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) target: u16,
    pub(super) shown: Shown,
    pub(super) intended_ns: u64,
    pub(super) ended_ns: u64,
}

impl Note {
    pub(super) fn of(ended: &Ended<'_>, begin: Instant, shown: Shown) -> Self {
        Self {
            target: ended.target as u16,
            shown,
            intended_ns: ns_between(begin, ended.intended),
            ended_ns: ns_between(begin, ended.ended),
        }
    }

    fn latency_ns(&self) -> Option<u64> {
        (!matches!(self.shown, Shown::Fault { .. })).then(|| self.ended_ns.saturating_sub(self.intended_ns))
    }
}

/// Nanoseconds between two moments; zero when the second is the earlier one.
pub(super) fn ns_between(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

/// A swap as its requests are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swapped {
    pub(super) at_ns: u64,
    pub(super) kind: SwapKind,
    /// Number of the configuration that its answers show; none when they show none.
    pub(super) shows: Option<u8>,
    /// Whether it took effect; otherwise what was before it goes on.
    pub(super) is_taken: bool,
}

/// What the requests around a swap were.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// End of the first answer that shows the new configuration, and of the last one after the rename that does not.
    pub(super) first_new_ns: Option<u64>,
    pub(super) last_old_ns: Option<u64>,
    /// Requests planned while it was in effect, and those of them that were not answered as they should be.
    pub(super) requests: u64,
    pub(super) faults: u64,
    pub(super) near_ns: Histogram,
}

/// Bins around the first new answer: half a second before it, a second after it.
pub(super) const BIN_NS: u64 = 25_000_000;
const FIRST_BIN: i64 = -20;
const BINS: i64 = 60;
/// Bins behind the first new answer that count as the neighbourhood of a swap.
const NEAR_BINS: u64 = 10;

/// What became of the requests around each swap, and apart from all of them.
pub(super) struct Reloaded {
    pub(super) swaps: Vec<Seen>,
    pub(super) around: Vec<Around>,
    pub(super) apart_ns: Histogram,
}

/// Sorts requests to the swaps. `notes` are in the order of their ends, swaps in the order of their times.
pub(super) fn reloaded(notes: &[Note], swaps: &[Swapped]) -> Reloaded {
    let mut by_plan: Vec<&Note> = notes.iter().collect();
    by_plan.sort_by_key(|note| note.intended_ns);
    let until = |index: usize| swaps.get(index + 1).map_or(u64::MAX, |next: &Swapped| next.at_ns);
    let within = |from: u64, to: u64| {
        let from = by_plan.partition_point(|note| note.intended_ns < from);
        let to = by_plan.partition_point(|note| note.intended_ns < to).max(from);
        &by_plan[from..to]
    };
    let mut around: Vec<Around> = [SwapKind::Plugin, SwapKind::Configuration]
        .map(|kind| Around { kind, first_bin: FIRST_BIN as i32, bins: vec![Histogram::new(); BINS as usize] })
        .into();
    let (mut seen, mut near_until) = (Vec::new(), 0);
    let mut apart_ns = Histogram::new();
    for (index, swap) in swaps.iter().enumerate() {
        let (first_new_ns, last_old_ns) = switch(notes, swap, until(index));
        let effect_ns = first_new_ns.unwrap_or(swap.at_ns);
        let near_from = swap.at_ns.saturating_sub(BIN_NS).max(near_until);
        within(near_until, near_from).iter().filter_map(|note| note.latency_ns()).for_each(|ns| apart_ns.record(ns));
        if first_new_ns.is_some()
            && let Some(around) = around.iter_mut().find(|around| around.kind == swap.kind)
        {
            let from = effect_ns.saturating_sub(FIRST_BIN.unsigned_abs() * BIN_NS).max(near_until);
            let to = (effect_ns + (BINS + FIRST_BIN) as u64 * BIN_NS).min(until(index));
            for note in within(from, to) {
                let bin = (note.intended_ns as i64 - effect_ns as i64).div_euclid(BIN_NS as i64) - FIRST_BIN;
                if let (Some(ns), Some(bin)) = (note.latency_ns(), around.bins.get_mut(bin as usize)) {
                    bin.record(ns);
                }
            }
        }
        near_until = (effect_ns + NEAR_BINS * BIN_NS).min(until(index));
        let mut near_ns = Histogram::new();
        within(near_from, near_until).iter().filter_map(|note| note.latency_ns()).for_each(|ns| near_ns.record(ns));
        seen.push(Seen { first_new_ns, last_old_ns, near_ns, ..Seen::default() });
    }
    // Each one is in effect until the next one that takes effect.
    let mut effect_until_ns = u64::MAX;
    for (swap, seen) in swaps.iter().zip(&mut seen).rev().filter(|(swap, _)| swap.is_taken) {
        let from_ns = seen.first_new_ns.unwrap_or(swap.at_ns);
        let own = within(from_ns, effect_until_ns);
        seen.requests = own.len() as u64;
        seen.faults = own.iter().filter(|note| note.latency_ns().is_none()).count() as u64;
        effect_until_ns = from_ns;
    }
    within(near_until, u64::MAX).iter().filter_map(|note| note.latency_ns()).for_each(|ns| apart_ns.record(ns));
    around.retain(|around| around.bins.iter().any(|bin| !bin.is_empty()));
    Reloaded { swaps: seen, around, apart_ns }
}

/// When answers changed over to a swap's configuration.
fn switch(notes: &[Note], swap: &Swapped, until_ns: u64) -> (Option<u64>, Option<u64>) {
    let Some(shows) = swap.shows else { return (None, None) };
    let from = notes.partition_point(|note| note.ended_ns <= swap.at_ns);
    let to = notes.partition_point(|note| note.ended_ns < until_ns);
    let answered = || notes[from..to.max(from)].iter().filter(|note| note.latency_ns().is_some());
    let first_new = answered().find(|note| note.shown == Shown::Work(shows)).map(|note| note.ended_ns);
    let last_old = answered().rfind(|note| note.shown != Shown::Work(shows)).map(|note| note.ended_ns);
    (first_new, last_old)
}

/// Counts what the clients of a target got, by windows of that length.
pub(super) fn windows(notes: &[Note], target: u16, window_ns: u64) -> Vec<Outcomes> {
    let mut windows: Vec<Outcomes> = Vec::new();
    for note in notes.iter().filter(|note| note.target == target) {
        let index = (note.intended_ns / window_ns) as usize;
        if windows.len() <= index {
            windows.resize(index + 1, Outcomes::default());
        }
        windows[index].add(&outcome(note));
    }
    windows
}

fn outcome(note: &Note) -> Outcomes {
    let one = Outcomes::default();
    match note.shown {
        Shown::Work(_) => Outcomes { served: 1, ..one },
        Shown::Untouched => Outcomes { bypassed: 1, ..one },
        Shown::Fault { is_status: true } => Outcomes { errors: 1, ..one },
        Shown::Fault { is_status: false } => Outcomes { lost: 1, ..one },
    }
}

/// Something that was done to a target.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) kind: FailingKind,
    pub(super) at_ns: u64,
    pub(super) answer: Option<String>,
}

/// What came of what was done to a target, in the order of the times.
pub(super) fn events(notes: &[Note], target: u16, done: &[Done]) -> Vec<FailingEvent> {
    let until = |index: usize| done.get(index + 1).map_or(u64::MAX, |next| next.at_ns);
    done.iter()
        .enumerate()
        .map(|(index, Done { kind, at_ns, answer })| {
            let mut outcomes = Outcomes::default();
            let mut recovered_ns = None;
            let own = notes.iter().filter(|note| note.target == target);
            // What was on its way at the next event may belong to either.
            for note in own.filter(|note| note.intended_ns >= *at_ns && note.ended_ns < until(index)) {
                outcomes.add(&outcome(note));
                if matches!(note.shown, Shown::Work(_)) && recovered_ns.is_none() {
                    recovered_ns = Some(note.ended_ns.saturating_sub(*at_ns));
                }
            }
            FailingEvent { kind: *kind, at_ns: *at_ns, answer: answer.clone(), recovered_ns, outcomes }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A request each millisecond that takes half of one, and shows what `shown` says for its time.
    fn notes(ms: u64, shown: impl Fn(u64) -> Shown) -> Vec<Note> {
        let note = |at: u64| Note { target: 0, shown: shown(at), intended_ns: at * MS, ended_ns: at * MS + MS / 2 };
        (0..ms).map(note).collect()
    }

    #[test]
    fn requests_belong_to_the_swap_that_is_in_effect() {
        let fault = Shown::Fault { is_status: true };
        // Configuration 1 from 1,300 on, refused at 3,000, configuration 2 from 5,000 on, with faults for 100 ms.
        let notes = notes(7_000, |at| match at {
            0..1_300 => Shown::Work(0),
            1_300..5_000 => Shown::Work(1),
            5_500..5_600 => fault,
            _ => Shown::Work(2),
        });
        let swap = |at_ms: u64, kind, shows, is_taken| Swapped { at_ns: at_ms * MS, kind, shows, is_taken };
        let swaps = [
            swap(1_000, SwapKind::Plugin, Some(1), true),
            swap(3_000, SwapKind::Plugin, None, false),
            swap(4_900, SwapKind::Configuration, Some(2), true),
        ];
        let found = reloaded(&notes, &swaps);
        let first_new: Vec<_> = found.swaps.iter().map(|seen| seen.first_new_ns.map(|ns| ns / MS)).collect();
        assert_eq!(first_new, [Some(1_300), None, Some(5_000)]);
        assert_eq!(found.swaps[0].last_old_ns, Some(1_299 * MS + MS / 2));
        let counts: Vec<_> = found.swaps.iter().map(|seen| (seen.requests, seen.faults)).collect();
        // From the end of the first new answer, which is half a millisecond after its own planned time.
        assert_eq!(counts, [(3_700, 0), (0, 0), (1_999, 100)]);
        // Each answered request is near a swap or apart from all, and never both.
        let near: u64 = found.swaps.iter().map(|seen| seen.near_ns.len()).sum();
        assert_eq!(near + found.apart_ns.len(), 6_900);
        assert_eq!(
            found.around.iter().map(|around| around.kind).collect::<Vec<_>>(),
            [SwapKind::Plugin, SwapKind::Configuration]
        );
        for around in &found.around {
            // A request a millisecond, and bins of 25 ms.
            assert!(around.bins.iter().filter(|bin| !bin.is_empty()).all(|bin| bin.len() <= 26), "{around:?}");
            assert!(around.bins[20].len() >= 24, "the bin of the first new answer");
        }
    }

    #[test]
    fn an_arm_recovers_with_the_first_request_that_its_plugin_serves() {
        let notes = notes(1_000, |at| match at {
            100..300 => Shown::Fault { is_status: true },
            400..600 => Shown::Untouched,
            _ => Shown::Work(0),
        });
        let done = |kind, at_ms: u64| Done { kind, at_ns: at_ms * MS, answer: None };
        let done =
            [done(FailingKind::Failure, 100), done(FailingKind::FailureAgain, 400), done(FailingKind::Swap, 550)];
        let events = events(&notes, 0, &done);
        let recovered: Vec<_> = events.iter().map(|event| event.recovered_ns).collect();
        assert_eq!(recovered, [Some(200 * MS + MS / 2), None, Some(50 * MS + MS / 2)]);
        assert_eq!(events[0].outcomes, Outcomes { served: 100, errors: 200, ..Outcomes::default() });
        assert_eq!(events[1].outcomes, Outcomes { bypassed: 150, ..Outcomes::default() });
        let windows = windows(&notes, 0, 250 * MS);
        assert_eq!(windows.len(), 4);
        assert_eq!(windows[1], Outcomes { served: 100, bypassed: 100, errors: 50, lost: 0 });
        assert!(super::windows(&notes, 1, MS).is_empty());
    }
}
