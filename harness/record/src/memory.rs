use serde::{Deserialize, Serialize};

use crate::Failure;

/// Memory that one instance held while it was measured, in bytes: the linear memory of a Wasm guest, or what a Lua VM
/// has allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// When it was instantiated and configured, before any request.
    pub start_bytes: u64,
    /// Requests that it had answered at the end.
    pub requests: u64,
    /// At the end.
    pub end_bytes: u64,
}

/// What became of the memory of one arm that ran alone, in a fresh process, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// Time that it was given, milliseconds.
    pub duration_ms: u64,
    /// Requests that it answered.
    pub requests: u64,
    /// Memory over the requests, evenly spaced by their count. The first is that before any request.
    pub samples: Vec<MemorySample>,
    /// The limit in bytes that its memory reached, which ended it; none when it did not.
    pub limit_bytes: Option<u64>,
    /// What ended it before its time.
    pub error: Option<Failure>,
}

/// Memory after so many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemorySample {
    /// Requests answered by then.
    pub requests: u64,
    /// The least memory held since the sample before, in bytes: what a garbage collector would give back is not in it.
    pub least_bytes: u64,
}

/// Samples that a [`MemorySampler`] keeps at most, the one before any request left aside.
const MOST_SAMPLES: usize = 200;

/// Gathers samples of memory at even counts of requests without knowing how many there will be: when it has too many, it
/// makes one of each two, and from then on takes half as many.
#[derive(Debug)]
pub struct MemorySampler {
    step: u64,
    least_bytes: u64,
    samples: Vec<MemorySample>,
}

impl MemorySampler {
    /// A sampler of an instance that holds so much memory before its first request, in bytes, and tells after each `step`
    /// requests.
    pub fn new(start_bytes: u64, step: u64) -> Self {
        let start = MemorySample { requests: 0, least_bytes: start_bytes };
        Self { step: step.max(1), least_bytes: u64::MAX, samples: vec![start] }
    }

    /// Notes what memory is held after so many requests in all, in bytes.
    pub fn note(&mut self, requests: u64, bytes: u64) {
        self.least_bytes = self.least_bytes.min(bytes);
        if !requests.is_multiple_of(self.step) {
            return;
        }
        self.samples.push(MemorySample { requests, least_bytes: self.least_bytes });
        self.least_bytes = u64::MAX;
        if self.samples.len() > MOST_SAMPLES {
            self.step *= 2;
            let (start, others) = self.samples.split_at(1);
            let pairs = others.chunks_exact(2).map(|pair| MemorySample {
                requests: pair[1].requests,
                least_bytes: pair[0].least_bytes.min(pair[1].least_bytes),
            });
            self.samples = start.iter().copied().chain(pairs).collect();
        }
    }

    /// The samples: 101 to 200 once there were as many steps, and one for each step below that.
    pub fn finish(self) -> Vec<MemorySample> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_evenly_spaced_and_keep_the_least() {
        for total in [0, 1, 7, 199, 200, 201, 1_000, 12_345, 1_000_000u64] {
            let mut sampler = MemorySampler::new(5, 1);
            // The least of every ten requests is 1,000 plus their number.
            let bytes = |request: u64| 1_000 + request + if request % 10 == 1 { 0 } else { 500 };
            (1..=total).for_each(|request| sampler.note(request, bytes(request)));
            let samples = sampler.finish();
            assert!(samples.len() <= 200 && samples.len() as u64 >= total.min(101), "{} of {total}", samples.len());
            assert_eq!(samples[0], MemorySample { requests: 0, least_bytes: 5 });
            let step = samples.get(1).map_or(0, |sample| sample.requests);
            let mut from = 1;
            for (index, sample) in samples.iter().enumerate().skip(1) {
                assert_eq!(sample.requests, index as u64 * step, "even steps of {step}");
                let least = (from..=sample.requests).map(bytes).min();
                assert_eq!(Some(sample.least_bytes), least, "requests {from} to {}", sample.requests);
                from = sample.requests + 1;
            }
            assert!(total < from + step, "no sample is missing at the end");
        }
        let mut sampler = MemorySampler::new(5, 64);
        (1..=1_000).for_each(|batch| sampler.note(batch * 64, batch));
        let samples = sampler.finish();
        assert!((101..=200).contains(&samples.len()), "{}", samples.len());
        assert!(samples.windows(2).all(|pair| pair[1].requests - pair[0].requests == samples[1].requests));
    }
}
