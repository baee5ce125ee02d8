//! Adds up what observed requests counted, to tell what is the same in each.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use tollgate_record::{Counters, Spread};

/// Counters of requests of one instance, in order. The very first request is not compared: it may set things up.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests, the first among them.
    requests: u64,
    figures: BTreeMap<String, Figure>,
    digest: DefaultHasher,
}

/// One figure over the requests.
#[derive(Debug)]
struct Figure {
    spread: Spread,
    /// Number of the first request in which it was another than before.
    changed_in: Option<u64>,
}

const BYTES_IN: &str = "bytes_in";
const BYTES_OUT: &str = "bytes_out";
const ALLOCATIONS: &str = "allocations";
const FUEL: &str = "fuel";
const LUA_INSTRUCTIONS: &str = "lua_instructions";

impl Tally {
    /// Adds a request.
    pub(crate) fn add(&mut self, counters: Counters) {
        self.requests += 1;
        counters.hash(&mut self.digest);
        if self.requests == 1 {
            return;
        }
        let known = [
            (BYTES_IN, Some(counters.bytes_in)),
            (BYTES_OUT, Some(counters.bytes_out)),
            (ALLOCATIONS, Some(counters.allocations)),
            (FUEL, counters.fuel),
            (LUA_INSTRUCTIONS, counters.lua_instructions),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        for (name, value) in known.chain(counters.host_calls) {
            // Not there before is not called before.
            let before = self.requests - 2;
            let figure = self.figures.entry(name).or_insert_with(|| Figure::of_zeros(before));
            figure.add(value, self.requests);
        }
        let counted = self.requests - 1;
        for figure in self.figures.values_mut().filter(|figure| figure.spread.requests < counted) {
            figure.add(0, self.requests);
        }
    }

    /// What the plugin itself did not do alike in each request, in words: not its fuel and instructions, for it may collect
    /// garbage or tidy up, and not the calls of WASI, which are its language's.
    pub(crate) fn difference(&self) -> Option<String> {
        let mut figures = self
            .figures
            .iter()
            .filter(|(name, _)| ![FUEL, LUA_INSTRUCTIONS].contains(&name.as_str()) && !is_wasi(name));
        figures.find_map(|(name, figure)| {
            let request = figure.changed_in?;
            let Spread { least, most, .. } = figure.spread;
            Some(format!("`{name}` is {least} to {most}, and changes in request {request}"))
        })
    }

    /// A digest of all counters of all requests in their order, the first among them.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// What each request counted, and the spread of what they did not count alike.
    pub(crate) fn counters(self) -> Counters {
        let mut counters = Counters::default();
        for (name, Figure { spread, changed_in }) in self.figures {
            let exact = changed_in.is_none().then_some(spread.least);
            match name.as_str() {
                BYTES_IN => counters.bytes_in = spread.least,
                BYTES_OUT => counters.bytes_out = spread.least,
                ALLOCATIONS => counters.allocations = spread.least,
                FUEL => counters.fuel = exact,
                LUA_INSTRUCTIONS => counters.lua_instructions = exact,
                _ => counters.host_calls.extend(exact.map(|count| (name.clone(), count))),
            }
            if exact.is_none() {
                counters.varying.insert(name, spread);
            }
        }
        counters
    }
}

/// Whether a host call is one that a Wasm plugin's language makes, not the plugin.
#[cfg(feature = "wasm")]
fn is_wasi(name: &str) -> bool {
    crate::abi::known("wasi_snapshot_preview1", name).is_some()
}

#[cfg(not(feature = "wasm"))]
fn is_wasi(_: &str) -> bool {
    false
}

impl Figure {
    fn of_zeros(requests: u64) -> Self {
        let least = if requests > 0 { 0 } else { u64::MAX };
        Self { spread: Spread { requests, least, most: 0, total: 0 }, changed_in: None }
    }

    fn add(&mut self, value: u64, request: u64) {
        let spread = &mut self.spread;
        if spread.requests > 0 && self.changed_in.is_none() && (spread.least, spread.most) != (value, value) {
            self.changed_in = Some(request);
        }
        spread.requests += 1;
        (spread.least, spread.most) = (spread.least.min(value), spread.most.max(value));
        spread.total += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(fuel: u64, bytes_in: u64, calls: &[(&str, u64)]) -> Counters {
        let host_calls = calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Counters { fuel: Some(fuel), bytes_in, host_calls, ..Counters::default() }
    }

    fn tally(requests: &[Counters]) -> Tally {
        let mut tally = Tally::default();
        requests.iter().cloned().for_each(|counters| tally.add(counters));
        tally
    }

    #[test]
    fn what_is_the_same_is_kept_and_the_first_request_does_not_matter() {
        let calls = [("proxy_log", 2)];
        let same = tally(&[counted(9, 8, &[]), counted(5, 3, &calls), counted(5, 3, &calls)]);
        assert_eq!(same.difference(), None);
        assert_eq!(same.counters(), counted(5, 3, &calls));
    }

    #[test]
    fn what_is_not_the_same_is_a_spread_and_said_where_it_is_the_plugins_own() {
        let clock = [("proxy_log", 1), ("clock_time_get", 2)];
        let language =
            tally(&[counted(9, 3, &[]), counted(5, 3, &clock[..1]), counted(8, 3, &clock), counted(6, 3, &clock[..1])]);
        assert_eq!(language.difference(), None, "fuel and the language's own calls");
        let counters = language.counters();
        assert_eq!((counters.fuel, counters.host_calls.len(), counters.varying.len()), (None, 1, 2));
        assert_eq!(counters.varying["fuel"], Spread { requests: 3, least: 5, most: 8, total: 19 });
        assert_eq!(counters.varying["clock_time_get"], Spread { requests: 3, least: 0, most: 2, total: 2 });

        for (other, name) in [
            (counted(5, 4, &clock[..1]), "bytes_in"),
            (counted(5, 3, &[]), "proxy_log"),
            (counted(5, 3, &[("x", 1)]), "x"),
        ] {
            let request = counted(5, 3, &clock[..1]);
            let own = tally(&[request.clone(), request.clone(), request.clone(), other]);
            let words = own.difference().unwrap_or_else(|| panic!("no difference in {name}: {own:?}"));
            assert!(words.contains("request 4"), "{words}");
            assert!(own.counters().varying.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_digest_tells_any_difference() {
        let digest = |requests: &[Counters]| tally(requests).digest();
        let [a, b, c] = [9, 5, 8].map(|fuel| counted(fuel, 3, &[]));
        let base = [a.clone(), b.clone(), c.clone()];
        assert_eq!(digest(&base), digest(&base));
        for other in [[c.clone(), b.clone(), c.clone()], [a, c, b]] {
            assert_ne!(digest(&base), digest(&other));
        }
    }
}
