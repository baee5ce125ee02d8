//! Verdicts of soaks: leaks of every heap are found, and what is none is never called one.

use proptest::prelude::*;
use tollgate_record::{Failure, MemorySample, MemorySampler, Soak};
use tollgate_reports::{SoakFigures, SoakVerdict, judge};

const PAGE: u64 = 65_536;
/// The smallest thing that can be leaked in each request.
const SMALLEST_LEAK_BYTES: f64 = 16.0;

/// A soak whose memory after so many requests is that, sampled as a worker does.
pub(crate) fn soak(requests: u64, bytes: impl Fn(u64) -> u64) -> Soak {
    let mut sampler = MemorySampler::new(bytes(0), 1);
    (1..=requests).for_each(|request| sampler.note(request, bytes(request)));
    Soak { duration_ms: 1_000, requests, samples: sampler.finish(), limit_bytes: None, error: None }
}

fn of(requests: u64, bytes: impl Fn(u64) -> u64) -> SoakFigures {
    judge(&soak(requests, bytes))
}

fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE) * PAGE
}

#[test]
fn too_little_is_inconclusive_and_a_limit_is_a_leak_in_words() {
    assert_eq!(of(10, |_| PAGE).verdict, SoakVerdict::Inconclusive);
    let few = of(1_000, |_| 100 * PAGE);
    assert_eq!(few.verdict, SoakVerdict::Inconclusive, "6 KiB a request would fit in: {few:?}");
    assert!(few.reason.contains("409,600 requests"), "{few:?}");
    let empty = Soak { samples: Vec::new(), requests: 0, ..soak(0, |_| 1) };
    assert_eq!((judge(&empty).bytes_per_request, judge(&empty).at_most_bytes_per_request), (None, None));

    let mut ended = soak(90, |request| request * PAGE * 100);
    ended.limit_bytes = Some(1 << 30);
    ended.error = Some(Failure::plugin("soak", "no more"));
    let figures = judge(&ended);
    assert_eq!(figures.verdict, SoakVerdict::Leak);
    assert!(figures.reason.contains("limit of 1.00 GiB after 90 requests"), "{figures:?}");

    let mut trapped = soak(100_000, |_| PAGE);
    trapped.error = Some(Failure::plugin("soak", "unreachable"));
    assert_eq!(judge(&trapped).verdict, SoakVerdict::Inconclusive);
    let mut leaked = soak(100_000, |request| pages(request * 16));
    leaked.error = Some(Failure::plugin("soak", "unreachable"));
    assert_eq!(judge(&leaked).verdict, SoakVerdict::Leak, "its samples tell, whatever ended it");
}

#[test]
fn a_leak_of_a_few_pages_is_never_called_none() {
    // Two pages and a half to eleven: not always found, and never acquitted.
    for tenths in 25..=110 {
        let requests = 200_000;
        let leak = |request: u64| 20 * PAGE + request * PAGE * tenths / 10 / requests;
        let figures = of(requests, |request| pages(leak(request)));
        assert_ne!(figures.verdict, SoakVerdict::NoLeak, "{tenths} tenths of a page: {figures:?}");
    }
}

/// As Go's heap was seen to fill in a plugin that keeps nothing, until its collector first ran.
#[test]
fn a_heap_that_finds_its_size_late_is_no_leak() {
    let steps: [(u64, u64); 10] = [
        (0, 48),
        (24_576, 56),
        (57_344, 64),
        (90_112, 72),
        (122_880, 80),
        (155_648, 88),
        (188_416, 104),
        (212_992, 112),
        (245_760, 120),
        (671_744, 121),
    ];
    let held = |request: u64| steps.iter().rev().find(|(from, _)| request >= *from).unwrap().1 * PAGE;
    let figures = of(1_018_123, held);
    assert_eq!(figures.verdict, SoakVerdict::Inconclusive, "{figures:?}");
    assert!(figures.reason.contains("soak it for longer"), "{figures:?}");
    assert_eq!(of(4_000_000, held).verdict, SoakVerdict::NoLeak);
}

/// What is dropped late may be as much as leaked before it.
#[test]
fn a_leak_beside_what_is_dropped_late_is_never_acquitted() {
    let requests = 1_000_000;
    let leaked: [fn(u64) -> u64; 2] = [pages, |bytes| bytes.next_power_of_two().max(PAGE)];
    for share in [10, 20, 30, 40, 45, 49, 52, 55, 60, 70, 80, 90, 98] {
        for (leak, cache) in [(4, 2_000_000), (8, 1_000_000), (8, 4_000_000), (12, 3_000_000)] {
            for leaked in leaked {
                let held =
                    |request: u64| leaked(leak * request) + if request < requests / 100 * share { cache } else { 0 };
                let figures = of(requests, held);
                assert_ne!(figures.verdict, SoakVerdict::NoLeak, "{leak} B, {cache} B until {share} %: {figures:?}");
            }
        }
    }
}

/// Until its collector runs, a heap of garbage grows like a leak: as Go's on wasmi, 253,000 requests long.
#[test]
fn a_heap_that_was_not_collected_yet_is_not_called_a_leak() {
    let garbage = |request: u64| pages(48 * PAGE + request * 17);
    let figures = of(253_000, garbage);
    assert_eq!(figures.verdict, SoakVerdict::Inconclusive, "{figures:?}");
    assert!(figures.reason.contains("collector"), "{figures:?}");
    // As long as it says, and it is one.
    let needed: String = figures.reason.rsplit("for ").next().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(of(needed.parse::<u64>().unwrap() * 4 / 3, garbage).verdict, SoakVerdict::Leak, "{needed}");
}

#[test]
fn a_million_samples_are_judged_at_once() {
    let sample = |requests: u64| MemorySample { requests, least_bytes: requests * 16 };
    let soak = Soak { samples: (0..1_000_000).map(sample).collect(), ..soak(1, |_| 1) };
    let begin = std::time::Instant::now();
    assert_eq!(judge(&soak).bytes_per_request, Some(16.0));
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pages_that_leak_are_found(
        leak in 1u64..4_096, base in 0u64..40 * PAGE, leaked_pages in 11u64..2_000, phase in 0..PAGE,
    ) {
        // Few enough requests for a test, and never fewer than the samples need.
        let requests = (leaked_pages * PAGE / leak + 1).clamp(400, 300_000);
        prop_assume!(leak * requests >= 11 * PAGE);
        // The last floor is the least of the last quarter.
        prop_assume!(leak * requests / 4 * 3 >= 2 * pages(base + phase) + PAGE);
        let figures = of(requests, |request| pages(base + phase + leak * request));
        prop_assert_eq!(figures.verdict, SoakVerdict::Leak, "{:?}", figures);
        let slope = figures.bytes_per_request.unwrap();
        prop_assert!((slope / leak as f64 - 1.0).abs() < 0.2, "{} for {}", slope, leak);
    }

    #[test]
    fn heaps_that_leak_and_double_are_found(leak in 1u64..4_096, start in 1u64..4, requests in 20_000u64..300_000) {
        // The live part of the first heap is small beside what leaks.
        prop_assume!(leak * requests > 64 * start * PAGE);
        let capacity = |request: u64| {
            let mut capacity = start * PAGE;
            while capacity < leak * request {
                capacity *= 2;
            }
            capacity
        };
        let figures = of(requests, capacity);
        prop_assert_eq!(figures.verdict, SoakVerdict::Leak, "{:?}", figures);
        prop_assert!(figures.bytes_per_request.unwrap() > 0.0, "{:?}", figures);
    }

    #[test]
    fn plateaus_and_growths_of_once_are_no_leak(
        base in 1u64..20, grown in 0u64..40, at in 0.0f64..1.0, warm_up in prop::collection::vec((0.0f64..0.09, 1u64..5), 0..6),
    ) {
        let requests = 400_000;
        let place = |share: f64| (share * requests as f64) as u64;
        let figures = of(requests, |request| {
            let early: u64 = warm_up.iter().filter(|(share, _)| request > place(*share)).map(|(_, pages)| pages).sum();
            (base + early + if request > place(at) { grown } else { 0 }) * PAGE
        });
        prop_assert_eq!(figures.verdict, SoakVerdict::NoLeak, "{:?}", figures);
    }

    #[test]
    fn saws_are_no_leak(
        live in 1_000u64..500_000, garbage in 1u64..5_000, jitter in 0u64..1_000, teeth in 4u64..5_000, seed: u64,
    ) {
        let requests = 60_000;
        let period = requests / teeth;
        let figures = of(requests, |request| {
            // Troughs differ, for a collector leaves what it has just seen.
            let left = fastrand::Rng::with_seed(seed ^ (request / period)).u64(0..=jitter) * (garbage * period) / 10_000;
            live + left + garbage * (request % period)
        });
        prop_assert_ne!(figures.verdict, SoakVerdict::Leak, "{:?}", figures);
        // Where the end is low enough to say anything, with teeth that a quarter holds for sure.
        if figures.at_most_bytes_per_request.unwrap() < SMALLEST_LEAK_BYTES && teeth >= 8 && jitter == 0 {
            prop_assert_eq!(figures.verdict, SoakVerdict::NoLeak, "{:?}", figures);
        }
    }

    /// As Luau's heap, whose collections end now at one page and now at another: up for long, down again, and up once.
    #[test]
    fn what_was_given_back_is_no_place_in_which_it_grew(
        levels in prop::collection::vec(0u64..6, 1..40), base in 60u64..90, requests in 200_000u64..400_000,
    ) {
        let page = 16_384;
        let level = |request: u64| match request * 10 / requests {
            0..6 => levels[(request * levels.len() as u64 / (requests + 1)) as usize],
            6 => 0,
            _ => 1,
        };
        let figures = of(requests, |request| (base + level(request) + request % 4) * page);
        prop_assume!(figures.at_most_bytes_per_request.unwrap() < SMALLEST_LEAK_BYTES);
        prop_assert_eq!(figures.verdict, SoakVerdict::NoLeak, "{:?}", figures);
    }

    #[test]
    fn collected_heaps_that_leak_are_found(leak in 8u64..500, times in 0u64..20, base in 10_000u64..200_000) {
        let (requests, garbage) = (150_000u64, leak * times);
        prop_assume!(leak * requests > 20 * base);
        // A collector that runs when the heap is twice what it left the last time.
        let mut heap = Vec::with_capacity(requests as usize + 1);
        let (mut held, mut threshold) = (base, base * 2);
        for request in 0..=requests {
            held += leak + garbage;
            if held > threshold {
                held = base + leak * request;
                threshold = held * 2;
            }
            heap.push(held);
        }
        let figures = of(requests, |request| heap[request as usize]);
        prop_assert_eq!(figures.verdict, SoakVerdict::Leak, "{:?}", figures);
    }

    #[test]
    fn no_samples_make_it_panic(samples in prop::collection::vec((any::<u64>(), any::<u64>()), 0..220), requests: u64) {
        let samples: Vec<MemorySample> =
            samples.into_iter().map(|(requests, least_bytes)| MemorySample { requests, least_bytes }).collect();
        judge(&Soak { duration_ms: 1, requests, samples, limit_bytes: None, error: None });
    }
}
