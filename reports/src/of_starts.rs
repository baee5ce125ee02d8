//! A cell for unit tests, made of what its starts measured.

use tollgate_record::{Cell, CellId, Mode, Phase, Series};

/// One of Rust on Envoy, of whose requests each start has these times in nanoseconds.
pub(crate) fn cell(starts: &[Vec<u64>]) -> Cell {
    let id = CellId {
        mode: Mode::Live,
        host: "envoy".to_owned(),
        plugin: "one".to_owned(),
        workload: "headers".to_owned(),
        phase: Phase::Request,
    };
    let series = |(start, values): (usize, &Vec<u64>)| Series::of_values(start as u32, values);
    Cell {
        id,
        language: "Rust".to_owned(),
        kind: None,
        variant: None,
        control: None,
        host_version: "1".to_owned(),
        artifact: None,
        series: starts.iter().enumerate().map(series).collect(),
        counters: None,
        soak: None,
        proof: None,
        error: None,
    }
}
