//! Plugins that were exchanged, failed, or were many.

use tollgate_record::{Failing, FailingArm, Outcomes, Reload, Scenario, Story, SwapOutcome};

use crate::charts;
use crate::number::{bytes, duration, grouped, us};
use crate::scaling::{ScaleFigures, ScaleLine, ScalePoint};
use crate::scenario_table::{Sheet, UNKNOWN, sheets};
use crate::text::{escape, name};

use super::View;
use super::answer::prose;
use super::parts::{Cell, TableRow, figure, plugin, side_by_side, table};

pub(super) fn body(view: &View<'_>) -> String {
    let sheets = sheets(&view.summary.scenarios);
    let scenarios = view.record.scenarios.iter().zip(sheets).enumerate();
    scenarios.map(|(index, (scenario, sheet))| part(view, index, scenario, &sheet)).collect()
}

/// What happened to plugins in this record.
pub(super) fn title(view: &View<'_>) -> String {
    let kinds = [
        ("Plugins exchanged", "exchanged", view.record.scenarios.iter().any(|of| matches!(of.story, Story::Reload(_)))),
        ("Plugins that fail", "failing", view.record.scenarios.iter().any(|of| matches!(of.story, Story::Failure(_)))),
        ("Plugins in a row", "in a row", view.record.scenarios.iter().any(|of| matches!(of.story, Story::Scale(_)))),
    ];
    let there: Vec<(&str, &str)> = kinds.iter().filter(|kind| kind.2).map(|kind| (kind.0, kind.1)).collect();
    match there.as_slice() {
        [(alone, _)] => (*alone).to_owned(),
        many => format!("Plugins {}", many.iter().map(|(_, short)| *short).collect::<Vec<_>>().join(", ")),
    }
}

fn part(view: &View<'_>, index: usize, scenario: &Scenario, sheet: &Sheet) -> String {
    let mut html = view.heading(&sheet.title);
    html.push_str("<ul class=\"lead\">");
    for sentence in sheet.sentences.iter().filter(|sentence| !sentence.is_empty()) {
        html.push_str(&format!("<li>{}</li>", prose(sentence)));
    }
    html.push_str("</ul>");
    if !sheet.warnings.is_empty() {
        let warnings: String = sheet.warnings.iter().map(|warning| format!("<p>{}</p>", escape(warning))).collect();
        html.push_str(&format!("<div class=\"caveats\" role=\"note\" aria-label=\"What went wrong\">{warnings}</div>"));
    }
    html.push_str(&own_table(sheet));
    html.push_str(&format!("<p class=\"note\">{}</p>", escape(&sheet.legend)));
    match &scenario.story {
        Story::Reload(reload) => {
            let over_time = charts::reload(reload, &view.id(&format!("reload{index}"))).map(|svg| {
                let behind = swaps(reload) + &stretches(reload);
                figure("Chart: hot reload over time", &svg, &caption(reload), &behind)
            });
            let around = charts::around(reload, &view.id(&format!("around{index}")))
                .map(|svg| figure("Chart: latency around swaps", &svg, AROUND, &bins(reload)));
            html.push_str(&side_by_side([over_time, around].into_iter().flatten()));
        }
        Story::Failure(failing) => {
            if let Some(svg) = charts::failing(failing, &view.id(&format!("failing{index}"))) {
                html.push_str(&figure("Chart: outcomes over time", &svg, FAILING, &outcomes(failing)));
            }
        }
        Story::Scale(_) => {
            let figures = view.summary.scenarios.get(index).and_then(|figures| figures.scale.as_ref());
            html.push_str(&figures.map(|scale| chains(view, index, scale)).unwrap_or_default());
        }
    }
    html
}

const AROUND: &str = "All swaps of a kind together. Zero is the end of the first answer of the new configuration; before it, \
                      the gateway loads the plugin. Latency counts from the time at which the schedule had the request.";

const FAILING: &str = "Shares of requests by the time at which the schedule had them; an outcome that is there at all has at \
                       least a pixel. Lines: one request makes the plugin fail, one more does soon after, and the plugin gets \
                       another configuration.";

const CHAINS: &str = "Each point was measured, in the same process and rounds as all others of its line. At 0 is no plugin at all, \
                      measured as one: the noise. In brackets: workers.";

const MEMORY: &str = "Each point is a process of its own, after requests to each worker. At 0 is the gateway without a plugin. In brackets: workers.";

fn chains(view: &View<'_>, index: usize, scale: &ScaleFigures) -> String {
    let (latency_figures, memory_figures) = (latencies(scale), footprints(scale));
    let latency = charts::chain_latency(scale, &view.id(&format!("chains{index}")));
    let memory = charts::chain_memory(scale, &view.id(&format!("memory{index}")));
    let latency = latency.map(|svg| figure("Chart: added latency of chains", &svg, CHAINS, &latency_figures));
    let memory = memory.map(|svg| figure("Chart: memory of chains", &svg, MEMORY, &memory_figures));
    side_by_side([latency, memory].into_iter().flatten())
}

/// Added latency of every length of every chain.
fn latencies(scale: &ScaleFigures) -> String {
    let time = |ns: Option<f64>| Cell::Number(ns.map_or_else(none, |ns| us(ns, 2)));
    let columns = ["Plugin", ">workers", ">in a row", ">added", ">low", ">high", ">own clock"];
    let row = |point: &ScalePoint| {
        vec![
            time(point.added_ns.map(|ns| ns.p50)),
            time(point.added_ns.and_then(|ns| ns.low)),
            time(point.added_ns.and_then(|ns| ns.high)),
            time(point.gateway_added_ns.map(|ns| ns.p50)),
        ]
    };
    table("Added latency of every chain, µs per request", &columns, &every_chain(scale, &row))
}

/// What every length of every chain takes of memory.
fn footprints(scale: &ScaleFigures) -> String {
    let size = |size: Option<u64>| Cell::Number(size.map_or_else(none, bytes));
    let columns = ["Plugin", ">workers", ">in a row", ">VMs", ">resident, ready", ">after requests"];
    let row = |point: &ScalePoint| {
        vec![Cell::Number(point.vms.map_or_else(none, grouped)), size(point.ready_bytes), size(point.after_bytes)]
    };
    table("Memory of every chain", &columns, &every_chain(scale, &row))
}

fn none() -> String {
    "–".to_owned()
}

/// A row for every length of every chain.
fn every_chain(scale: &ScaleFigures, figures: &dyn Fn(&ScalePoint) -> Vec<Cell>) -> Vec<TableRow> {
    let points = scale.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
    let row = |(line, point): (&ScaleLine, &ScalePoint)| {
        let mut cells = vec![
            plugin(&line.plugin, &line.language),
            Cell::Number(line.workers.to_string()),
            Cell::Number(point.length.to_string()),
        ];
        cells.extend(figures(point));
        TableRow::new(cells)
    };
    points.map(row).collect()
}

fn caption(reload: &Reload) -> String {
    format!(
        "Each point is the slowest request of {} ms, from its planned time, on a logarithmic axis; where none was answered rightly the \
         line is broken. Upright lines: swaps. Dots at the top: requests were lost.",
        grouped(reload.window_ms)
    )
}

/// Windows of which there are many are put together in so many rows at most.
const MOST_ROWS: usize = 25;

/// The slowest request and those lost, over time.
fn stretches(reload: &Reload) -> String {
    let windows = &reload.traffic.windows;
    let together = windows.len().div_ceil(MOST_ROWS).max(1);
    let rows: Vec<TableRow> = windows
        .chunks(together)
        .enumerate()
        .map(|(at, windows)| {
            let slowest = windows.iter().filter_map(|window| window.max_latency_ns).max();
            TableRow::new(vec![
                Cell::Number(seconds(at * together, reload.window_ms)),
                Cell::Number(slowest.map_or_else(|| "–".to_owned(), |ns| duration(ns as f64))),
                Cell::Number(grouped(windows.iter().map(|window| window.answered).sum())),
                Cell::Number(grouped(windows.iter().map(|window| window.faults).sum())),
            ])
        })
        .collect();
    table("Requests over time", &["From s", ">slowest", ">answered", ">lost"], &rows)
}

/// When a window begins.
fn seconds(window: usize, window_ms: u64) -> String {
    format!("{:.1}", (window as u64 * window_ms) as f64 / 1e3)
}

/// What clients got over time.
fn outcomes(failing: &Failing) -> String {
    let of_arm = |arm: &FailingArm| {
        let together = arm.windows.len().div_ceil(MOST_ROWS).max(1);
        let row = |(at, windows): (usize, &[Outcomes])| {
            let sum = |of: fn(&Outcomes) -> u64| Cell::Number(grouped(windows.iter().map(of).sum()));
            TableRow::new(vec![
                Cell::Text(name(&arm.policy, 40)),
                Cell::Number(seconds(at * together, failing.window_ms)),
                sum(|outcomes| outcomes.served),
                sum(|outcomes| outcomes.bypassed),
                sum(|outcomes| outcomes.errors),
                sum(|outcomes| outcomes.lost),
            ])
        };
        arm.windows.chunks(together).enumerate().map(row).collect::<Vec<_>>()
    };
    let rows: Vec<TableRow> = failing.arms.iter().flat_map(of_arm).collect();
    let columns = ["Policy", ">from s", ">served", ">bypassed", ">errors", ">lost"];
    table("What clients got over time, requests", &columns, &rows)
}

fn own_table(sheet: &Sheet) -> String {
    let columns: Vec<String> = sheet
        .columns
        .iter()
        .map(|(title, is_text)| if *is_text { title.trim().to_owned() } else { format!(">{}", title.trim()) })
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let cell = |(text, (_, is_text)): (&String, &(String, bool))| match (text.as_str(), is_text) {
        (UNKNOWN, true) => Cell::Text("–".to_owned()),
        (UNKNOWN, false) => Cell::Number("–".to_owned()),
        (_, true) => Cell::Text(text.clone()),
        (_, false) => Cell::Number(text.clone()),
    };
    let row = |row: &Vec<String>| TableRow::new(row.iter().zip(&sheet.columns).map(cell).collect());
    table("The figures", &columns, &sheet.rows.iter().map(row).collect::<Vec<_>>())
}

/// Every swap.
fn swaps(reload: &Reload) -> String {
    let ns = |ns: u64| Cell::Number(duration(ns as f64));
    let none = || Cell::Number("–".to_owned());
    let rows: Vec<TableRow> = reload
        .swaps
        .iter()
        .map(|swap| {
            let (what, until) = match &swap.outcome {
                SwapOutcome::Seen { first_new_ns, proof, .. } => {
                    (format!("answers show it; {proof}"), Some(*first_new_ns))
                }
                SwapOutcome::Counted { proof, .. } => (proof.clone(), None),
                SwapOutcome::Rejected { .. } => ("refused".to_owned(), None),
                SwapOutcome::Broken { .. } => ("taken, and nothing answered".to_owned(), None),
                SwapOutcome::Lost { .. } => ("not seen in time".to_owned(), None),
            };
            let said =
                swap.complaint.as_ref().map(|said| format!("; it said: {}", name(said, 300))).unwrap_or_default();
            TableRow::new(vec![
                Cell::Text(name(&swap.plugin, 40)),
                Cell::Text(name(&swap.config, 20)),
                Cell::Number(format!("{:.1}", swap.at_ns as f64 / 1e9)),
                until.map_or_else(none, ns),
                Cell::Number(grouped(swap.requests)),
                Cell::Number(grouped(swap.faults)),
                swap.near_ns.max_ns().map_or_else(none, ns),
                Cell::Long(format!("{}{said}", name(&what, 200))),
            ])
        })
        .collect();
    let columns = ["New plugin", "configuration", ">at s", ">until new", ">requests", ">lost", ">slowest", "proof"];
    table("Every swap", &columns, &rows)
}

fn bins(reload: &Reload) -> String {
    let ns = |ns: Option<u64>| Cell::Number(ns.map_or_else(|| "–".to_owned(), |ns| duration(ns as f64)));
    let rows: Vec<TableRow> = reload
        .around
        .iter()
        .flat_map(|around| around.bins.iter().enumerate().map(move |(index, bin)| (around, index, bin)))
        .map(|(around, index, bin)| {
            let kind = match around.kind {
                tollgate_record::SwapKind::Plugin => "plugin",
                tollgate_record::SwapKind::Configuration => "configuration",
            };
            TableRow::new(vec![
                Cell::Text(kind.to_owned()),
                Cell::Number(((i64::from(around.first_bin) + index as i64) * reload.bin_ms as i64).to_string()),
                Cell::Number(grouped(bin.len())),
                ns(bin.value_at_quantile_ns(0.5)),
                ns(bin.max_ns()),
            ])
        })
        .collect();
    table("Latency around swaps", &["Swap", ">from ms", ">requests", ">p50", ">slowest"], &rows)
}
