//! Scenarios as lines of CSV: one for each plugin and kind of swap, policy, or chain.

use tollgate_record::{FailingKind, Mode, SwapKind};

use crate::csv::{field, mode_name, number};
use crate::scaling::{ScaleLine, ScalePoint};
use crate::scenario::{FailingFigures, Latency, ScenarioFigures, SwapFigures};

/// A line's fields with their columns; what is left out is not known, or has no meaning there.
pub(crate) type Named = Vec<(&'static str, String)>;

/// Columns that only scenarios have.
pub(crate) const COLUMNS: [&str; 22] = [
    "scenario_what",
    "scenario_swaps",
    "scenario_took_effect",
    "scenario_until_new_p50_ns",
    "scenario_until_new_max_ns",
    "scenario_requests",
    "scenario_faults",
    "scenario_served",
    "scenario_bypassed",
    "scenario_errors",
    "scenario_recovered_ns",
    "scenario_recovered_again_ns",
    "scenario_recovered_by_swap_ns",
    "scenario_invalid",
    "chain_length",
    "workers",
    "vms",
    "resident_ready_bytes",
    "resident_after_bytes",
    "per_plugin_ns",
    "bytes_per_plugin",
    "bytes_per_vm",
];

/// The lines of a scenario.
pub(crate) fn lines(scenario: &ScenarioFigures) -> Vec<Named> {
    let of = |phase: &str, plugin: &str, more: Named| {
        let common = [
            ("plugin", field(plugin)),
            ("mode", mode_name(Mode::Live).to_owned()),
            ("host", field(&scenario.gateway)),
            ("host_version", field(&scenario.gateway_version)),
            ("workload", "headers".to_owned()),
            ("phase", phase.to_owned()),
            ("load_rate_per_s", number(scenario.rate_per_s)),
            ("load_lateness_p99_ns", number(scenario.lateness_p99_ns)),
            ("scenario_invalid", scenario.invalid.as_deref().map(field).unwrap_or_default()),
        ];
        // What a line says itself goes before what its scenario says.
        let error = ("error", scenario.error.as_deref().map(field).unwrap_or_default());
        more.into_iter().chain(common).chain([error]).collect::<Named>()
    };
    let swaps = scenario.reload.iter().flat_map(|reload| &reload.rows);
    let arms = scenario.failure.iter().flatten();
    let chains = scenario.scale.iter().flat_map(|scale| &scale.lines);
    let chains = chains.flat_map(|line| line.points.iter().map(move |point| (line, point)));
    swaps
        .map(|row| of("reload", &row.plugin, swap(row)))
        .chain(arms.map(|arm| of("failure", arm.plugin.as_deref().unwrap_or(&arm.policy), failing(arm))))
        .chain(chains.map(|(line, point)| of("scale", &line.plugin, chain(line, point))))
        .collect()
}

fn latency(latency: &Latency) -> [(&'static str, String); 2] {
    [("absolute_p50_ns", number(latency.p50)), ("absolute_p99_ns", number(latency.p99))]
}

fn swap(row: &SwapFigures) -> Named {
    let kind = match row.kind {
        SwapKind::Plugin => "plugin",
        SwapKind::Configuration => "configuration",
    };
    let own = [
        ("scenario_what", kind.to_owned()),
        ("scenario_swaps", row.swaps.to_string()),
        ("scenario_took_effect", (row.seen + row.counted).to_string()),
        ("scenario_until_new_p50_ns", number(row.until_new_p50_ns)),
        ("scenario_until_new_max_ns", number(row.until_new_max_ns)),
        ("scenario_requests", row.requests.to_string()),
        ("scenario_faults", row.faults.to_string()),
    ];
    own.into_iter().chain(latency(&row.near)).collect()
}

fn failing(arm: &FailingFigures) -> Named {
    let recovered =
        |kind| number(arm.events.iter().find(|event| event.kind == kind).and_then(|event| event.recovered_ns));
    let outcomes = arm.outcomes;
    let own = [
        ("scenario_what", field(&arm.policy)),
        ("scenario_requests", outcomes.total().to_string()),
        ("scenario_faults", outcomes.lost.to_string()),
        ("scenario_served", outcomes.served.to_string()),
        ("scenario_bypassed", outcomes.bypassed.to_string()),
        ("scenario_errors", outcomes.errors.to_string()),
        ("scenario_recovered_ns", recovered(FailingKind::Failure)),
        ("scenario_recovered_again_ns", recovered(FailingKind::FailureAgain)),
        ("scenario_recovered_by_swap_ns", recovered(FailingKind::Swap)),
    ];
    own.into_iter().chain(latency(&arm.latency)).collect()
}

fn chain(line: &ScaleLine, point: &ScalePoint) -> Named {
    let (added, gateway) = (point.added_ns, point.gateway_added_ns);
    let mut named = vec![
        ("language", field(&line.language)),
        ("starts", number(added.map(|added| added.starts))),
        ("added_p50_ns", number(added.map(|added| added.p50))),
        ("added_low_ns", number(added.and_then(|added| added.low))),
        ("added_high_ns", number(added.and_then(|added| added.high))),
        ("confidence", number(added.and_then(|added| added.confidence))),
        ("between_starts", number(added.map(|added| added.between_starts))),
        ("between_share", number(added.and_then(|added| added.between_share))),
        ("gateway_added_p50_ns", number(gateway.map(|added| added.p50))),
        ("gateway_added_low_ns", number(gateway.and_then(|added| added.low))),
        ("gateway_added_high_ns", number(gateway.and_then(|added| added.high))),
        ("chain_length", point.length.to_string()),
        ("workers", line.workers.to_string()),
        ("vms", number(point.vms)),
        ("resident_ready_bytes", number(point.ready_bytes)),
        ("resident_after_bytes", number(point.after_bytes)),
        ("per_plugin_ns", number(line.per_plugin_ns.map(|ns| ns.p50))),
        ("bytes_per_plugin", number(line.bytes_per_plugin)),
        ("bytes_per_vm", number(line.bytes_per_vm)),
    ];
    if let Some(error) = point.error.as_ref().or(point.memory_error.as_ref()) {
        named.push(("error", field(error)));
    }
    named
}
