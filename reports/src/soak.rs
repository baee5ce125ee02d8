//! Whether a plugin leaks, from samples of the memory that it held while it answered requests.
//!
//! The rule asks one thing: *did it grow again each time the number of requests doubled?* Linear memory never shrinks and
//! grows in pages of 64 KiB or, with many allocators, by doubling; a collected heap goes up and down. A leak of k bytes a
//! request shows the same way in all of them: between n and 2n requests, for every n, the memory that is not given back
//! grows. What grows once (a cache, a heap that finds its size) does not go on doing so, however late it begins.
//!
//! Compared are four floors, the least memory held over the last quarter before R/8, R/4, R/2 and R requests, and the same
//! floors as they are kept: the least from the beginning of that quarter to the end of the soak. What leaks raises both.
//! What is given back later was not leaked, so growth of the kept floors alone counts against a verdict of no leak.
//!
//! - A heap of pages grows between each two of them when R/8 x 3/4 requests leak a page, so eleven pages in all are always
//!   seen. A heap that doubles does so exactly once between each two floors, for they lie a doubling apart.
//! - Until its collector runs for the first time, a collected heap grows like a leak: Go's to 4 MiB beside the 3 MiB that its
//!   runtime begins with, and later to twice what is alive (Go's GC guide, GOGC 100). So growth is only called a leak when
//!   it comes to twice what there was at first.
//! - The floor of a saw is its trough, so teeth do not count as long as a quarter of the run holds one. What a floor must
//!   rise by to count is an eighth of the deepest fall between the floors, since then troughs are known no better. Troughs
//!   that differ (Luau's heap ends its collections now at one page of 16 KiB, now at another) are no growth, as long as a
//!   low one comes again.
//! - What is dropped (a cache) hides what leaked before. So where memory was given back, growth of more than an eighth of it
//!   (and two pages) after R/2 is not decided, even if it is in one place only; and neither is a soak that gave back as
//!   much only once or twice after 3/8 of it, and nothing half as deep besides, which is no saw yet.
//! - What leaks between R/2 and R is a third more than what leaks between R/8 and R/2. A collected heap that finds its
//!   size grows less each time instead: when the last growth is less than half of those before it, it is no leak yet.
//! - One growth in one place is no leak. Several that are not in all places are not decided: it may be a small leak.
//!
//! All that leaks stays in memory, so the leak of a request is at most the memory at the end divided by the requests,
//! whatever the allocator does. Where that is more than the smallest thing that can be leaked (16 bytes, to which every
//! allocator here rounds up), a flat curve proves nothing, and the verdict is that there is none.

use serde::Serialize;
use tollgate_record::{MemorySample, Soak};

use crate::estimate::median;
use crate::number::{bytes, grouped, significant};

/// What a soak says about a plugin's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SoakVerdict {
    /// It grows with the number of requests, or reached the limit.
    Leak,
    /// It does not grow with the number of requests.
    NoLeak,
    /// Not enough requests to tell, or it failed before.
    Inconclusive,
}

impl SoakVerdict {
    /// In words, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::NoLeak => "no leak",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The figures of a soak. Bytes are never rounded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoakFigures {
    /// Time that it was given, milliseconds.
    pub duration_ms: u64,
    /// Requests that it answered.
    pub requests: u64,
    /// The least memory held at the end, bytes; null without samples.
    pub end_bytes: Option<u64>,
    /// Slope of its memory, bytes per request: the median over all pairs of samples after the first eighth (Theil and
    /// Sen). Null with fewer than two samples there.
    pub bytes_per_request: Option<f64>,
    /// What it leaks at most, bytes per request: the memory at the end over the requests. Null without requests.
    pub at_most_bytes_per_request: Option<f64>,
    /// What follows.
    pub verdict: SoakVerdict,
    /// Why, in words.
    pub reason: String,
    /// What ended it before its time; null when nothing did.
    pub error: Option<String>,
}

/// Samples without which nothing is said: the floor before an eighth of the requests then has at least two.
const LEAST_SAMPLES: usize = 64;
/// Samples that a slope is worked out from at most.
const MOST_SAMPLES: usize = 500;
/// Heaps that are collected may grow by so many times what they began with before their collector has run.
const FIRST_COLLECTION: u64 = 2;
/// What is given back and is less than that hides nothing that would be found without it: two pages, bytes.
const LEAST_HIDDEN: u64 = 2 * 65_536;
/// The smallest thing that can be leaked in each request, bytes.
const SMALLEST_LEAK_BYTES: f64 = 16.0;

/// Judges a soak: a pure function of its samples and its end.
pub fn judge(soak: &Soak) -> SoakFigures {
    let (verdict, reason) = verdict(soak);
    let last = soak.samples.last().filter(|sample| sample.requests > 0);
    SoakFigures {
        duration_ms: soak.duration_ms,
        requests: soak.requests,
        end_bytes: soak.samples.last().map(|sample| sample.least_bytes),
        bytes_per_request: slope(&soak.samples),
        at_most_bytes_per_request: last.map(|last| last.least_bytes as f64 / last.requests as f64),
        verdict,
        reason,
        error: soak.error.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.message)),
    }
}

fn verdict(soak: &Soak) -> (SoakVerdict, String) {
    let requests = grouped(soak.requests);
    if let Some(limit) = soak.limit_bytes {
        return (SoakVerdict::Leak, format!("reached the limit of {} after {requests} requests", bytes(limit)));
    }
    let growth = Growth::of(&soak.samples);
    let grown = growth.as_ref().filter(|growth| growth.goes_on());
    if grown.is_some_and(Growth::is_beyond_a_first_collection) {
        return (SoakVerdict::Leak, format!("grew again in each doubling of {requests} requests"));
    }
    if soak.error.is_some() && soak.samples.is_empty() {
        return (SoakVerdict::Inconclusive, "failed before its memory was known".to_owned());
    }
    if soak.error.is_some() {
        return (SoakVerdict::Inconclusive, format!("failed after {requests} requests"));
    }
    if let Some(grown) = grown {
        let (by, needed) = (bytes(grown.bytes()), grouped(grown.requests_to_tell(soak.requests)));
        let reason =
            format!("grew by {by}, as a collector that has not run yet lets it; soak it for {needed} requests");
        return (SoakVerdict::Inconclusive, reason);
    }
    let Some(growth) = growth else {
        return (SoakVerdict::Inconclusive, format!("only {requests} requests; soak it for longer"));
    };
    if growth.hidden {
        let reason = format!("gave memory back, which hides growth, in {requests} requests; soak it for longer");
        return (SoakVerdict::Inconclusive, reason);
    }
    let last = soak.samples.last().expect("there are enough for a growth");
    let at_most = last.least_bytes as f64 / last.requests as f64;
    if at_most >= SMALLEST_LEAK_BYTES {
        let needed = grouped((last.least_bytes as f64 / SMALLEST_LEAK_BYTES).ceil() as u64);
        let reason =
            format!("a leak of {} B a request would fit in; soak it for {needed} requests", significant(at_most));
        return (SoakVerdict::Inconclusive, reason);
    }
    match growth.places() {
        0 => (SoakVerdict::NoLeak, format!("stood still over the last half of {requests} requests")),
        1 => (SoakVerdict::NoLeak, format!("grew in one place and not again, in {requests} requests")),
        _ => (SoakVerdict::Inconclusive, format!("grew late in {requests} requests; soak it for longer")),
    }
}

/// Where memory grew that was not given back.
struct Growth {
    /// Between the floors at R/8, R/4, R/2 and R.
    doublings: [bool; 3],
    /// Between the same floors as they are kept.
    kept: [bool; 3],
    /// Whether the last of them is less than half of the two before it.
    fades: bool,
    /// Whether what was given back may hide a growth that goes on.
    hidden: bool,
    /// After the last floor.
    late: bool,
    /// The first sample, and the last floor.
    ends: [u64; 2],
}

impl Growth {
    fn of(samples: &[MemorySample]) -> Option<Self> {
        if samples.len() < LEAST_SAMPLES {
            return None;
        }
        let all = samples.last()?.requests;
        let within = |from: u64, to: u64| samples.iter().filter(move |s| s.requests > from && s.requests <= to);
        let least = |from: u64, to: u64| within(from, to).map(|sample| sample.least_bytes).min();
        let places = [all / 8, all / 4, all / 2, all];
        let [Some(a), Some(b), Some(c), Some(d)] = places.map(|at| least(at / 4 * 3, at)) else { return None };
        let floors = [a, b, c, d];
        // A floor's window is in it, so there is one.
        let kept = places.map(|at| least(at / 4 * 3, all).unwrap_or(0));
        // From one sample to the next.
        let falls = |from: u64, to: u64| -> Vec<u64> {
            let values: Vec<u64> = within(from, to).map(|sample| sample.least_bytes).collect();
            values.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).collect()
        };
        // The deepest: how far up a saw a floor may be.
        let fall = |at: u64| falls(at / 2, at).into_iter().max().unwrap_or(0);
        let rises =
            |of: [u64; 4]| [1, 2, 3].map(|place| of[place] > of[place - 1].saturating_add(fall(places[place]) / 8));
        let [early, _, middle, end] = kept;
        let dropped = kept != floors;
        let last = samples.last()?.least_bytes;
        let late = last > end.saturating_add(fall(all));
        let grown = if late { last } else { end }.saturating_sub(middle);
        let noted = LEAST_HIDDEN.max(end / 8);
        let falls = falls(all / 8 * 3, all);
        let deepest = falls.iter().copied().max().unwrap_or(0);
        let as_deep = falls.iter().filter(|&&fall| fall > deepest / 2).count();
        Some(Self {
            doublings: rises(floors),
            kept: rises(kept),
            hidden: dropped && grown > noted || deepest > noted && as_deep <= 2,
            fades: end.saturating_sub(middle).saturating_mul(2) < middle.saturating_sub(early),
            late,
            ends: [samples.first()?.least_bytes, end],
        })
    }

    /// What it grew by.
    fn bytes(&self) -> u64 {
        let [first, last] = self.ends;
        last.saturating_sub(first)
    }

    /// What it must grow by to be called a leak.
    fn least_bytes(&self) -> u64 {
        self.ends[0].saturating_mul(FIRST_COLLECTION)
    }

    fn is_beyond_a_first_collection(&self) -> bool {
        self.bytes() >= self.least_bytes()
    }

    /// About after how many requests it would be, when it grows on as it did in so many.
    fn requests_to_tell(&self, requests: u64) -> u64 {
        let times = self.least_bytes() as f64 / self.bytes().max(1) as f64;
        (requests as f64 * times * 1.1).ceil() as u64
    }

    fn goes_on(&self) -> bool {
        self.doublings.iter().chain(&self.kept).all(|grew| *grew) && !self.fades
    }

    /// Places in which it grew; none when the last half has none.
    fn places(&self) -> usize {
        let [.., last] = self.kept;
        if !last && !self.late {
            return 0;
        }
        self.kept.iter().chain([&self.late]).filter(|grew| **grew).count()
    }
}

/// Median slope over all pairs after the first eighth: half of the samples may be wrong in any way.
fn slope(samples: &[MemorySample]) -> Option<f64> {
    let from = samples.last()?.requests / 8;
    // A worker sends 200 at most; a record may hold anything, and pairs are many.
    let every = samples.len() / MOST_SAMPLES + 1;
    let late: Vec<&MemorySample> = samples.iter().filter(|sample| sample.requests >= from).step_by(every).collect();
    let mut slopes = Vec::with_capacity(late.len() * late.len() / 2);
    for (index, a) in late.iter().enumerate() {
        slopes.extend(late[index + 1..].iter().map(|b| {
            (b.least_bytes as f64 - a.least_bytes as f64) / b.requests.saturating_sub(a.requests).max(1) as f64
        }));
    }
    median(&slopes)
}
