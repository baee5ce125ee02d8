//! How any number can be followed down to how it was measured, and what went wrong.

use std::collections::BTreeSet;

use tollgate_record::{Cell as RecordCell, Control, Mode, PluginKind, Record, Scenario, Story, TimeBudget};

use crate::facts::{placement_words, starts};
use crate::failures;
use crate::number::{bytes, date, duration, grouped, significant};
use crate::text::{elide, escape, name, visible};
use crate::workload::is_on_response;

use super::View;
use super::parts::{Cell, TableRow, command_line, definitions, plugin, table};

/// Every failure with its reason.
pub(super) fn failures(view: &View<'_>) -> String {
    let items: String = failures::failures(view.summary)
        .iter()
        .map(|group| {
            let cell = group.first;
            format!(
                "<li><p><b>{}</b> on {} ({})</p><p>{}</p></li>",
                escape(&name(&cell.plugin, 200)),
                escape(&name(&cell.host, 80)),
                escape(&group.lost.join(", ")),
                escape(&elide(&visible(group.reason), 2_000)),
            )
        })
        .collect();
    if items.is_empty() { items } else { format!("<ul class=\"fails\">{items}</ul>") }
}

/// Method, plan, machine, versions and artifacts.
pub(super) fn body(view: &View<'_>) -> String {
    let record = view.record;
    format!(
        "{}{}<pre><code>{}</code></pre>{}{}{}{}{}{}",
        how(record),
        view.heading("Repeat it"),
        command_line(&record.command_line),
        plan(record),
        view.heading("Machine"),
        machine(record),
        versions(record),
        view.heading("Artifacts"),
        artifacts(record),
    )
}

/// What was done, and what a figure therefore is and is not.
fn how(record: &Record) -> String {
    let mode = |mode: Mode| record.cells.iter().any(|cell| cell.id.mode == mode);
    let batch = record.plan.requests_per_batch;
    let mut paragraphs: Vec<String> = scenarios(record).into_iter().map(str::to_owned).collect();
    if has_rounds(record) {
        paragraphs.push(
            "Each round runs every arm once in random order. A sample is paired with control A’s of the same round, so that \
         drift and neighbours hit both, and the median over a block of rounds is kept. A start’s estimate is the median \
         of its blocks; the figure is the median over starts, because a fresh process is what differs. The interval is \
         exact and assumes no distribution: it inverts the sign test (David and Nagaraja, <cite>Order \
         Statistics</cite>, 2003, section 7.1). Percentiles are those of all starts’ requests in one heap, without an \
         interval."
                .to_owned(),
        );
    }
    if mode(Mode::InProcess) {
        paragraphs.push(format!(
            "<b>In process</b> a sample is a batch of {batch} requests, so <i>added</i> is a median of means: rare pauses \
             such as garbage collection are in it, spread over their batch. Rounds are dropped at first while medians \
             still move, for up to a quarter of the time."
        ));
    }
    match record.plan.timed_with_limits {
        Some(false) => paragraphs.push(
            "No limits (fuel, epochs, counted instructions) were on while plugins were timed; they are on while plugins are \
             verified and their work is counted. A plugin that hangs is ended from outside, with its process."
                .to_owned(),
        ),
        Some(true) => paragraphs.push(
            "Plugins were under limits (fuel, epochs or counted instructions) while they were timed, which slows them down."
                .to_owned(),
        ),
        None => {}
    }
    if mode(Mode::Live) {
        paragraphs.push(
            "<b>Live</b> a sample is one request, so <i>added</i> is a median of single differences: pauses rarer than \
             every other request are not in it, they are in the percentiles. It is another statistic than that in \
             process, and the two must not be subtracted. Each timed request follows an untimed one to the same arm, so \
             caches are warm with the plugin’s own data; otherwise the figure would depend on who else is in the run. \
             Rounds are dropped at first while medians still move, for up to a third of the time."
                .to_owned(),
        );
        if record.cells.iter().flat_map(|cell| &cell.series).any(|series| series.gateway_added_blocks_ns.is_some()) {
            paragraphs.push(
                "<b>Own clock</b> is a second instrument: in rounds of their own, a sixth of all, requests ask the gateway \
                 for its own time of them; on Envoy the access log’s <code>COMMON_DURATION</code> from the first \
                 byte read to the first byte written, on the embedded gateway the time between hyper’s reading and its \
                 writing. It is paired by round as the probe’s, and these requests are in no figure of the probe. A row \
                 whose two figures are further apart than 1.5 µs and 15 % says so. The gateway’s clock stops when its \
                 response begins, and a client waits for more: what a plugin does afterwards (done, log, the end of its \
                 context) comes before the response leaves. That is a difference of microseconds which SDKs, with more \
                 callbacks, have more of; <i>noop</i> shows it alone."
                    .to_owned(),
            );
        }
        paragraphs.push(
            "That plugins did their work live is shown by canary requests, which carry a header that the workload \
             removes, and by the gateway’s own counters. For Wasm on Envoy these count the requests that got past the \
             plugin, which fails closed: a broken plugin lets none through. What each cell has to show for itself is in \
             the table of artifacts."
                .to_owned(),
        );
    }
    if record.cells.iter().any(|cell| is_on_response(&cell.id.workload)) {
        paragraphs.push(
            "<b>Workloads whose names begin with response</b> do the same on the headers of the response. Each plugin of \
             ours has an artifact of its own for them, made of the same source, and does nothing when the request comes."
                .to_owned(),
        );
    }
    if record.cells.iter().any(|cell| cell.kind == Some(PluginKind::Native)) {
        paragraphs.push(
            "<b>native</b> is the same workload in Rust without any boundary, its strings built anew for each request. It \
             is no lower bound: plugins whose strings are constants (<i>boundary</i>) or interned by a just-in-time \
             compiler (Lua) skip that and can be below it."
                .to_owned(),
        );
    }
    paragraphs.iter().map(|paragraph| format!("<p>{paragraph}</p>")).collect()
}

/// Whether anything was measured in rounds with a control; of the scenarios, chains are.
fn has_rounds(record: &Record) -> bool {
    let is_scale = |scenario: &Scenario| matches!(scenario.story, Story::Scale(_));
    !record.cells.is_empty() || record.scenarios.is_empty() || record.scenarios.iter().any(is_scale)
}

/// How each kind of scenario is measured.
fn scenarios(record: &Record) -> BTreeSet<&'static str> {
    let words = |scenario: &Scenario| match scenario.story {
        Story::Reload(_) => {
            "<b>Hot reload</b>: requests come on a schedule, whether those before were answered or not, and each latency counts \
             from its planned time, so that a pause is in all requests that it holds up. Meanwhile files of plugins and of \
             configurations are renamed over the old ones. An answer shows the configuration that it went through, and a swap is \
             seen with the first that shows the new one; of plugins without a workload of ours the gateway’s counters tell. A request \
             is lost that gets no answer, a wrong one, or an error’s status."
        }
        Story::Failure(_) => {
            "<b>Plugins that fail</b>: each policy, and no plugin, has a listener of its own in one process, and they take turns in one \
             schedule. One request makes the plugin fail and another does again soon after; later the plugin gets another \
             configuration. A request carries a canary that the plugin takes away, which tells those that it served from those \
             that passed without it."
        }
        Story::Scale(_) => {
            "<b>Plugins in a row</b>: chains of all lengths are measured in the same rounds of one process per plugin and number of \
             workers; memory is read in a process for each chain by itself."
        }
    };
    record.scenarios.iter().map(words).collect()
}

fn plan(record: &Record) -> String {
    let plan = &record.plan;
    let time = match plan.time {
        TimeBudget::Quick => "quick",
        TimeBudget::Standard => "standard",
        TimeBudget::Thorough => "thorough",
    };
    let placement: Vec<String> = plan
        .placement
        .iter()
        .map(|(place, placement)| format!("{}: {}", escape(&place.replace('_', " ")), placement_words(placement)))
        .collect();
    let ended = match (record.finished_unix_ms, record.interrupted) {
        (Some(ms), false) => format!("{}, after {}", date(ms), took(record.started_unix_ms, ms)),
        (Some(ms), true) => format!("interrupted {}, after {}", date(ms), took(record.started_unix_ms, ms)),
        (None, _) => "did not end by itself".to_owned(),
    };
    let workloads: Vec<String> = plan.workloads.iter().map(|workload| escape(&name(workload, 60))).collect();
    let rounds = format!(
        "blocks of {}; in process {} requests per batch, live one",
        plan.rounds_per_block, plan.requests_per_batch
    );
    let limits = match plan.timed_with_limits {
        Some(true) => "on".to_owned(),
        Some(false) => "off".to_owned(),
        None => "not recorded".to_owned(),
    };
    let mut all = vec![
        ("Seed", plan.seed.to_string()),
        ("Began", date(record.started_unix_ms)),
        ("Ended", ended),
        ("Time", format!("{time}, {}", starts(plan.starts))),
    ];
    if !record.cells.is_empty() || record.scenarios.is_empty() {
        all.extend([("Rounds", rounds), ("Limits while timing", limits), ("Not counted", dropped(record))]);
    }
    all.push(("Workloads", workloads.join(", ")));
    let unknown = || "not recorded".to_owned();
    all.push(("Placement", if placement.is_empty() { unknown() } else { placement.join("<br/>") }));
    definitions("defs", &all)
}

fn took(from_ms: u64, to_ms: u64) -> String {
    format!("{} s", significant(to_ms.saturating_sub(from_ms) as f64 / 1_000.0))
}

/// Rounds run before the medians stood still, and unfinished blocks: never dropped in silence.
fn dropped(record: &Record) -> String {
    let controls = record.cells.iter().filter(|cell| cell.control == Some(Control::A));
    let parts: Vec<String> = controls
        .map(|cell| {
            let dropped: u64 = cell.series.iter().map(|series| series.rounds_dropped).sum();
            let counted: u64 = cell.series.iter().map(|series| series.rounds).sum();
            format!(
                "{}: {} rounds besides {} that count",
                escape(&name(&cell.id.host, 40)),
                grouped(dropped),
                grouped(counted)
            )
        })
        .collect();
    if parts.is_empty() { "not known".to_owned() } else { parts.join("<br/>") }
}

fn machine(record: &Record) -> String {
    let machine = &record.environment;
    let unknown = || "not known".to_owned();
    definitions(
        "defs",
        &[
            ("System", escape(&format!("{}, kernel {}", machine.os, machine.kernel))),
            ("CPU", escape(machine.cpu_model.as_deref().unwrap_or("not known"))),
            ("Cores", machine.cores.to_string()),
            ("Memory", machine.memory_bytes.map_or_else(unknown, bytes)),
            ("Governor", machine.governor.as_deref().map_or_else(|| "none readable".to_owned(), escape)),
            (
                "Virtual machine",
                match machine.virtual_machine {
                    Some(true) => "yes".to_owned(),
                    Some(false) => "no".to_owned(),
                    None => unknown(),
                },
            ),
            (
                "Load at the start",
                machine.load_average.map_or_else(unknown, |load| load.map(|load| format!("{load:.2}")).join(", ")),
            ),
            (
                "Used by others at the start",
                machine.busy_share.map_or_else(unknown, |share| format!("{:.0} % of CPU time", share * 100.0)),
            ),
            (
                "Stolen by the hypervisor",
                machine.steal_share.map_or_else(unknown, |share| format!("{:.2} %", share * 100.0)),
            ),
            ("One clock reading", machine.clock_ns.map_or_else(unknown, duration)),
        ],
    )
}

fn versions(record: &Record) -> String {
    let is_known =
        |(program, version): &(&String, &String)| *program == "tollgate" && **version == record.tollgate_version;
    // Our own comes first, and not twice.
    let others = record.environment.versions.iter().filter(|of| !is_known(of));
    let rows: Vec<TableRow> = std::iter::once(("tollgate", record.tollgate_version.as_str()))
        .chain(others.map(|(program, version)| (program.as_str(), version.as_str())))
        .map(|(program, version)| TableRow::new(vec![Cell::Text(name(program, 60)), Cell::Long(name(version, 200))]))
        .collect();
    table("Versions", &["Program", "version"], &rows)
}

fn artifacts(record: &Record) -> String {
    let mut seen: Vec<&RecordCell> = Vec::new();
    for cell in record.cells.iter().filter(|cell| cell.artifact.is_some() || cell.proof.is_some()) {
        let known = |other: &&RecordCell| {
            other.id.plugin == cell.id.plugin && other.artifact == cell.artifact && other.proof == cell.proof
        };
        if !seen.iter().any(known) {
            seen.push(cell);
        }
    }
    let unknown = || "–".to_owned();
    let rows: Vec<TableRow> = seen
        .iter()
        .map(|cell| {
            let artifact = cell.artifact.as_ref();
            let digest = artifact.map_or_else(unknown, |artifact| escape(&artifact.sha256));
            let words = |text: Option<&str>, most| Cell::Long(text.map_or_else(unknown, |text| name(text, most)));
            TableRow::new(vec![
                plugin(&cell.id.plugin, &cell.language),
                Cell::Number(artifact.map_or_else(unknown, |artifact| bytes(artifact.size_bytes))),
                Cell::Html(format!("<code class=\"digest\">{digest}</code>")),
                words(artifact.and_then(|artifact| artifact.toolchain.as_deref()), 200),
                words(artifact.and_then(|artifact| artifact.sdk.as_deref()), 200),
                words(cell.proof.as_deref(), 400),
            ])
        })
        .collect();
    if rows.is_empty() {
        return "<p>None recorded: a scenario’s plugins are those of this version’s catalogue, or of the command.</p>"
            .to_owned();
    }
    let columns = ["Plugin", ">size", "SHA-256", "toolchain", "SDK", "shown to do its work by"];
    table("What was measured, byte for byte", &columns, &rows)
}
