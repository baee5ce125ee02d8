//! Plugins that were exchanged, failed, or were many.

use tollgate_record::{Reload, Scenario, Story, SwapOutcome};

use crate::charts;
use crate::number::{bytes, duration, grouped, us};
use crate::scaling::ScaleFigures;
use crate::scenario_table::{Sheet, sheets};
use crate::text::{escape, name};

use super::View;
use super::parts::{Cell, TableRow, figure, plugin, table};

pub(super) fn body(view: &View<'_>) -> String {
    let sheets = sheets(&view.summary.scenarios);
    let scenarios = view.record.scenarios.iter().zip(sheets).enumerate();
    scenarios.map(|(index, (scenario, sheet))| part(view, index, scenario, &sheet)).collect()
}

fn part(view: &View<'_>, index: usize, scenario: &Scenario, sheet: &Sheet) -> String {
    let mut html = view.heading(&sheet.title);
    html.push_str("<ul class=\"lead\">");
    for sentence in sheet.sentences.iter().filter(|sentence| !sentence.is_empty()) {
        html.push_str(&format!("<li>{}</li>", escape(sentence)));
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
            if let Some(svg) = charts::reload(reload, &view.id(&format!("reload{index}"))) {
                html.push_str(&figure("Chart: hot reload over time", &svg, &over_time(reload), &swaps(reload)));
            }
            if let Some(svg) = charts::around(reload, &view.id(&format!("around{index}"))) {
                html.push_str(&figure("Chart: latency around swaps", &svg, AROUND, &bins(reload)));
            }
        }
        Story::Failure(failing) => {
            if let Some(svg) = charts::failing(failing, &view.id(&format!("failing{index}"))) {
                html.push_str(&figure("Chart: outcomes over time", &svg, FAILING, &own_table(sheet)));
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
    let figures = every_chain(scale);
    let latency = charts::chain_latency(scale, &view.id(&format!("chains{index}")));
    let memory = charts::chain_memory(scale, &view.id(&format!("memory{index}")));
    let latency = latency.map(|svg| figure("Chart: added latency of chains", &svg, CHAINS, &figures));
    let memory = memory.map(|svg| figure("Chart: memory of chains", &svg, MEMORY, &figures));
    [latency, memory].into_iter().flatten().collect()
}

/// Every length of every chain.
fn every_chain(scale: &ScaleFigures) -> String {
    let none = || "–".to_owned();
    let time = |ns: Option<f64>| Cell::Number(ns.map_or_else(none, |ns| us(ns, 2)));
    let size = |size: Option<u64>| Cell::Number(size.map_or_else(none, bytes));
    let rows: Vec<TableRow> = scale
        .lines
        .iter()
        .flat_map(|line| line.points.iter().map(move |point| (line, point)))
        .map(|(line, point)| {
            TableRow::new(vec![
                plugin(&line.plugin, &line.language),
                Cell::Number(line.workers.to_string()),
                Cell::Number(point.length.to_string()),
                time(point.added_ns.map(|ns| ns.p50)),
                time(point.added_ns.and_then(|ns| ns.low)),
                time(point.added_ns.and_then(|ns| ns.high)),
                time(point.gateway_added_ns.map(|ns| ns.p50)),
                Cell::Number(point.vms.map_or_else(none, grouped)),
                size(point.ready_bytes),
                size(point.after_bytes),
            ])
        })
        .collect();
    let columns = [
        "Plugin",
        ">workers",
        ">in a row",
        ">added µs",
        ">low",
        ">high",
        ">own clock µs",
        ">VMs",
        ">resident, ready",
        ">after requests",
    ];
    table("Every chain", &columns, &rows)
}

fn over_time(reload: &Reload) -> String {
    format!("Each point is the slowest request of {} ms, from its planned time.", grouped(reload.window_ms))
}

fn own_table(sheet: &Sheet) -> String {
    let columns: Vec<String> = sheet
        .columns
        .iter()
        .map(|(title, is_text)| if *is_text { title.trim().to_owned() } else { format!(">{}", title.trim()) })
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let cell = |(text, (_, is_text)): (&String, &(String, bool))| {
        if *is_text { Cell::Text(text.clone()) } else { Cell::Number(text.clone()) }
    };
    let row = |row: &Vec<String>| TableRow::new(row.iter().zip(&sheet.columns).map(cell).collect());
    table(&sheet.title, &columns, &sheet.rows.iter().map(row).collect::<Vec<_>>())
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
