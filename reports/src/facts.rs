//! Where and how a run was made, in one line each: what a figure is worth nothing without.

use crate::estimate::median;
use crate::number::{date, percent};
use crate::summary::Summary;
use crate::text;

/// Starts from which on an interval has 95 % confidence; with fewer nothing is settled.
pub(crate) const SETTLED_STARTS: u32 = 6;

/// Share of CPU time used by others from which on the machine counts as busy.
const BUSY_SHARE: f64 = 0.1;

/// Stolen share of CPU time from which on the machine counts as busy: the plugins' differences are of that size.
const BUSY_STEAL: f64 = 0.01;

/// Starts, rounds, confidence, cores of the two ends and seed.
pub(crate) fn how(summary: &Summary) -> String {
    let run = &summary.environment;
    let rounds: Vec<u64> =
        summary.cells.iter().filter(|cell| cell.added_ns.is_some()).map(|cell| cell.rounds).collect();
    let mut how = starts(run.starts);
    if let (Some(least), Some(most)) = (rounds.iter().min(), rounds.iter().max()) {
        how.push_str(&if least == most { format!(", {least} rounds") } else { format!(", {least} to {most} rounds") });
    }
    if let Some(confidence) = confidence(summary) {
        how.push_str(&format!(", intervals of at least {} confidence", percent(confidence)));
    }
    let between: Vec<f64> = summary.cells.iter().filter_map(|cell| cell.added_ns?.between_share).collect();
    if let Some(between) = median(&between) {
        how.push_str(&format!(", {} of the variance between starts (median row)", percent(between)));
    }
    let placement: Vec<String> = run
        .placement
        .iter()
        .map(|(name, placement)| format!("{} {}", text::name(name, 24).replace('_', " "), placement_words(placement)))
        .collect();
    if !placement.is_empty() {
        how.push_str(&format!("; {}", placement.join(", ")));
    }
    format!("{how}; seed {}.", run.seed)
}

/// Date, CPU, cores and versions.
pub(crate) fn whereabouts(summary: &Summary) -> String {
    let run = &summary.environment;
    let machine = &run.machine;
    let cpu = machine.cpu_model.as_deref().unwrap_or("an unknown CPU");
    let versions = machine.versions.iter().filter(|(program, _)| *program != "tollgate");
    let versions: Vec<String> = std::iter::once(format!("tollgate {}", text::name(&run.tollgate_version, 40)))
        .chain(versions.map(|(program, version)| format!("{} {}", text::name(program, 40), text::name(version, 80))))
        .collect();
    format!(
        "Measured {} on {}, {}, {}, kernel {}; {}.",
        date(run.started_unix_ms),
        text::name(cpu, 80),
        cores(machine.cores),
        text::name(&machine.os, 60),
        text::name(&machine.kernel, 60),
        versions.join(", ")
    )
}

/// That others used the machine, when they did.
pub(crate) fn busy(summary: &Summary) -> Option<String> {
    let machine = &summary.environment.machine;
    let others = machine.busy_share.filter(|share| *share > BUSY_SHARE);
    let steal = machine.steal_share.filter(|share| *share > BUSY_STEAL);
    let reasons: Vec<String> = others
        .map(|share| format!("others used {} of its {} when the run began", percent(share), cores(machine.cores)))
        .into_iter()
        .chain(steal.map(|share| format!("{} of CPU time stolen by the hypervisor during it", percent(share))))
        .collect();
    (!reasons.is_empty()).then(|| {
        format!("The machine was busy: {}. Repeat the run on a quiet one before you rely on it.", reasons.join(", "))
    })
}

/// That some figures are unproved, when they are of a gateway that somebody else runs.
pub(crate) fn unproved(summary: &Summary) -> Option<&'static str> {
    let is_url = |cell: &crate::summary::SummaryCell| cell.host == "url" && cell.added_ns.is_some();
    summary.cells.iter().any(is_url).then_some(
        "Unproved: what answers at a URL is not seen from here, nor whether a plugin ran there; only that the answers stayed \
         alike.",
    )
}

/// Least confidence of all intervals, 0 to 1.
pub(crate) fn confidence(summary: &Summary) -> Option<f64> {
    let confidences = summary.cells.iter().filter_map(|cell| cell.added_ns?.confidence);
    let lines = summary.scenarios.iter().filter_map(|scenario| scenario.scale.as_ref()).flat_map(|scale| &scale.lines);
    let of_lines = lines.filter_map(|line| line.per_plugin_ns?.confidence);
    confidences.chain(of_lines).min_by(f64::total_cmp)
}

pub(crate) fn starts(count: u32) -> String {
    format!("{count} {}", if count == 1 { "start" } else { "starts" })
}

pub(crate) fn cores(count: u32) -> String {
    format!("{count} {}", if count == 1 { "core" } else { "cores" })
}

/// Where the two ends ran, in words.
pub(crate) fn placement_words(placement: &tollgate_record::Placement) -> String {
    match placement {
        tollgate_record::Placement::SameCore { core } => format!("on core {core}"),
        tollgate_record::Placement::TwoCores { probe, gateway } => {
            format!("probe on core {probe} and gateway on core {gateway}")
        }
        tollgate_record::Placement::Unpinned => "not pinned".to_owned(),
    }
}
