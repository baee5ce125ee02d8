//! Lives and soaks in a terminal, below the main table.

use crate::grid::Grid;
use crate::lifecycle::{Lifecycle, requests_words};
use crate::number::{grouped, significant};
use crate::soak::{SoakFigures, SoakVerdict};
use crate::text;

/// What is below the title and above the next empty line.
pub(crate) struct Part {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// What must be seen.
    pub(crate) warnings: Vec<String>,
}

/// A table of lives; none without any.
pub(crate) fn lives(lives: &[Lifecycle], width: u16) -> Option<Part> {
    if lives.is_empty() {
        return None;
    }
    let row = |life: &Lifecycle| {
        let ns = |ns: Option<f64>, unit: f64| ns.map_or_else(unknown, |ns| significant(ns / unit));
        vec![
            text::name(&life.plugin, 24),
            text::name(&life.host, 17),
            life.artifact_bytes.map_or_else(unknown, kib),
            ns(life.compile_ns, 1e6),
            ns(life.instantiate_ns, 1e3),
            ns(life.first_request_ns, 1e3),
            ns(life.request_ns, 1e3),
            life.memory.map_or_else(unknown, |memory| kib(memory.end_bytes)),
        ]
    };
    let columns = [("plugin", true), ("host", true), ("size", false), ("compile", false), ("inst.", false)];
    let columns = columns.into_iter().chain([("first", false), ("p50", false), ("memory", false)]).collect();
    let grid = Grid { columns, rows: lives.iter().map(row).collect(), dispensable: vec![5, 4, 2, 3, 1, 7, 6] };
    let after = requests_words(lives).map(|requests| format!(" after {requests} requests")).unwrap_or_default();
    let lines = grid.lines(width).into_iter().chain(text::wrap(
        &format!(
            "size of the artifact and memory held{after} in KiB; compile in ms; instantiate, first request and request \
             (p50) in µs."
        ),
        usize::from(width),
    ));
    Some(Part { title: "In process, each plugin's life".to_owned(), lines: lines.collect(), warnings: Vec::new() })
}

/// A table of soaks; none without any.
pub(crate) fn soaks(lives: &[Lifecycle], width: u16) -> Option<Part> {
    let soaked: Vec<(&Lifecycle, &SoakFigures)> =
        lives.iter().filter_map(|life| Some((life, life.soak.as_ref()?))).collect();
    let (_, first) = soaked.first()?;
    let row = |(life, soak): &(&Lifecycle, &SoakFigures)| {
        vec![
            text::name(&life.plugin, 24),
            text::name(&life.host, 17),
            grouped(soak.requests),
            soak.end_bytes.map_or_else(unknown, kib),
            slope(soak).unwrap_or_else(unknown),
            soak.verdict.name().to_owned(),
        ]
    };
    let columns = [("plugin", true), ("host", true), ("requests", false), ("memory", false), ("B/request", false)];
    let columns = columns.into_iter().chain([("verdict", true)]).collect();
    let grid = Grid { columns, rows: soaked.iter().map(row).collect(), dispensable: vec![3, 2, 1, 4] };
    let warnings = soaked.iter().filter(|(_, soak)| soak.verdict != SoakVerdict::NoLeak || soak.error.is_some());
    let warnings = warnings.flat_map(|(life, soak)| {
        let error = soak.error.as_deref().map(|error| format!(" ({})", text::name(error, 600))).unwrap_or_default();
        let (plugin, host) = (text::name(&life.plugin, 60), text::name(&life.host, 40));
        let line = format!("{plugin} on {host}: {}: {}{error}", soak.verdict.name(), soak.reason);
        text::wrap(&line, usize::from(width))
    });
    let seconds = first.duration_ms as f64 / 1_000.0;
    let title = text::elide(&format!("Soak, {seconds} s each, alone (memory in KiB)"), usize::from(width));
    Some(Part { title, warnings: warnings.collect(), lines: grid.lines(width) })
}

/// Bytes per request; none without samples.
pub(crate) fn slope(soak: &SoakFigures) -> Option<String> {
    soak.bytes_per_request.map(significant)
}

fn unknown() -> String {
    "-".to_owned()
}

fn kib(bytes: u64) -> String {
    significant(bytes as f64 / 1024.0)
}
