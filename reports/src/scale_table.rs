//! Many plugins in one gateway, as a table with sentences.

use tollgate_record::VmUse;

use crate::estimate::Estimate;
use crate::number::{bytes, duration, significant, us};
use crate::scaling::{ScaleFigures, ScaleLine, ScalePoint};
use crate::scenario_table::{Sheet, columns, unknown};
use crate::text;

const OWN: &str =
    "Each plugin of a chain has a VM of its own in each thread, as plugins of different code always have.";
const SHARED: &str = "All plugins of a chain share a VM in each thread, as the same plugin configured several times does in Istio and Higress.";
const WORDS: &str = "x N: added µs with the plugin N times in a row, above no plugin in the same process. One more: the slope over N, \
                     in each start by itself. VMs, memory: Wasm VMs in all threads, and resident memory after requests to each \
                     worker, with the longest chain, in a process of its own. Per plugin, per VM: slopes, not quotients.";

/// A row per plugin and number of workers, a column per length.
pub(crate) fn scale_sheet(scale: &ScaleFigures, place: &str) -> Sheet {
    let lengths = lengths(scale);
    let mut titles = columns(&[("plugin", true), ("workers", false)]);
    titles.extend(lengths.iter().map(|length| (format!("x {length}"), false)));
    let measured = titles.len();
    titles.extend(columns(&[
        ("one more µs", false),
        ("[low, high]", false),
        ("VMs", false),
        ("memory", false),
        ("per plugin", false),
        ("per VM", false),
    ]));
    // The longest and the shortest chain are the last to go.
    let between = (3..measured.saturating_sub(1)).rev();
    Sheet {
        title: format!("Plugins in a row on {place}"),
        rows: scale.lines.iter().map(|line| row(line, &lengths)).collect(),
        dispensable: [measured + 1]
            .into_iter()
            .chain(between)
            .chain([measured + 2, measured + 4, 2, measured + 3])
            .collect(),
        columns: titles,
        sentences: vec![one_more(scale), noise(scale), vms(scale)],
        warnings: warnings(scale),
        legend: format!("{} {WORDS}", if scale.vms == VmUse::Own { OWN } else { SHARED }),
    }
}

/// All lengths that were asked for.
fn lengths(scale: &ScaleFigures) -> Vec<u32> {
    let mut lengths: Vec<u32> =
        scale.lines.iter().flat_map(|line| &line.points).map(|point| point.length).filter(|&n| n > 0).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

fn row(line: &ScaleLine, lengths: &[u32]) -> Vec<String> {
    let added = |length: &u32| match line.points.iter().find(|point| point.length == *length) {
        Some(ScalePoint { error: Some(_), .. }) => "failed".to_owned(),
        Some(ScalePoint { added_ns: Some(added), .. }) => us(added.p50, 2),
        _ => unknown(),
    };
    let size = |size: Option<f64>| size.map_or_else(unknown, mib);
    let longest = line.longest();
    [text::name(&line.plugin, 24), line.workers.to_string()]
        .into_iter()
        .chain(lengths.iter().map(added))
        .chain([
            line.per_plugin_ns.map_or_else(unknown, |ns| us(ns.p50, 2)),
            line.per_plugin_ns.as_ref().map_or_else(unknown, interval),
            longest.and_then(|point| point.vms).map_or_else(unknown, |vms| vms.to_string()),
            longest.and_then(|point| point.after_bytes).map_or_else(unknown, bytes),
            size(line.bytes_per_plugin),
            size(line.bytes_per_vm),
        ])
        .collect()
}

fn interval(estimate: &Estimate) -> String {
    estimate.interval().map_or_else(unknown, |(low, high)| format!("[{}, {}]", us(low, 2), us(high, 2)))
}

/// A size that may be below zero: a slope.
pub(crate) fn mib(size: f64) -> String {
    format!("{} MiB", significant(size / 1_048_576.0))
}

/// What one plugin more adds, from the cheapest to the dearest, for each number of workers.
fn one_more(scale: &ScaleFigures) -> String {
    let mut workers: Vec<u32> = scale.lines.iter().map(|line| line.workers).collect();
    workers.sort_unstable();
    workers.dedup();
    let said: Vec<String> = workers.iter().filter_map(|&workers| one_more_with(scale, workers)).collect();
    if said.is_empty() { String::new() } else { format!("One plugin more adds {}.", said.join("; ")) }
}

fn one_more_with(scale: &ScaleFigures, workers: u32) -> Option<String> {
    let of = scale.lines.iter().filter(|line| line.workers == workers);
    let mut known: Vec<(&ScaleLine, f64)> = of.filter_map(|line| Some((line, line.per_plugin_ns?.p50))).collect();
    known.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let words = |(line, ns): &(&ScaleLine, f64)| format!("{} ({})", duration(*ns), text::name(&line.plugin, 24));
    let range = match known.as_slice() {
        [] => return None,
        [only] => words(only),
        [least, .., most] => format!("{} to {}", words(least), words(most)),
    };
    Some(format!("{range} with {}", with_workers(workers)))
}

/// Their number in words.
pub(crate) fn with_workers(workers: u32) -> String {
    format!("{workers} {}", if workers == 1 { "worker" } else { "workers" })
}

/// No plugin, measured as one.
fn noise(scale: &ScaleFigures) -> String {
    let controls = scale.lines.iter().flat_map(|line| &line.points).filter(|point| point.length == 0);
    let mut read: Vec<f64> = controls.filter_map(|point| Some(point.added_ns?.p50)).collect();
    read.sort_by(f64::total_cmp);
    match (read.first(), read.last()) {
        (Some(least), Some(most)) => {
            format!("No plugin at all, measured the same way, reads {} to {} µs.", us(*least, 2), us(*most, 2))
        }
        _ => String::new(),
    }
}

/// How many VMs one more plugin makes.
fn vms(scale: &ScaleFigures) -> String {
    let mut said: Vec<String> = Vec::new();
    for line in &scale.lines {
        let Some((point, vms)) = line.longest().and_then(|point| Some((point, point.vms?))) else { continue };
        let words = format!("{vms} for {} in a row with {}", point.length, with_workers(line.workers));
        if !said.contains(&words) {
            said.push(words);
        }
    }
    if said.is_empty() { String::new() } else { format!("Wasm VMs: {}.", said.join(", ")) }
}

/// What failed, each reason once.
fn warnings(scale: &ScaleFigures) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (line, point) in scale.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point))) {
        let name = match point.length {
            0 => format!("no plugin beside {}, {}", text::name(&line.plugin, 24), with_workers(line.workers)),
            length => format!("{} x {length}, {}", text::name(&line.plugin, 24), with_workers(line.workers)),
        };
        for (error, what) in [(&point.error, ""), (&point.memory_error, " (memory)")] {
            let Some(error) = error else { continue };
            let whose = format!("{name}{what}");
            match reasons.iter_mut().find(|(reason, _)| reason == error) {
                Some((_, names)) => names.push(whose),
                None => reasons.push((error, vec![whose])),
            }
        }
    }
    let words = |(reason, names): &(&str, Vec<String>)| match names.as_slice() {
        [only] => format!("{only}: {}", text::name(reason, 600)),
        [first, others @ ..] => format!("{first} and {} more: {}", others.len(), text::name(reason, 600)),
        [] => text::name(reason, 600),
    };
    reasons.iter().map(words).collect()
}

/// The answer in one line.
pub(crate) fn headline(scale: &ScaleFigures, gateway: &str) -> String {
    let least_workers = scale.lines.iter().map(|line| line.workers).min();
    match least_workers.and_then(|workers| one_more_with(scale, workers)) {
        Some(range) => format!("On {gateway} one plugin more in a row adds {range}"),
        None => format!("Plugins in a row on {gateway}"),
    }
}
