//! The answer for a job summary, a pull request or a README.

use crate::cost_line::CostLine;
use crate::cost_table;
use crate::facts;
use crate::failures::{FailureGroup, failures};
use crate::headline::{Headline, headline};
use crate::instruments;
use crate::lifecycle::{Lifecycle, requests_words};
use crate::load::{LoadFigures, arms_of, by_gateway};
use crate::load_table;
use crate::number::{bytes, decimals, duration, significant, us};
use crate::place::{Place, Row, places};
use crate::scenario::ScenarioFigures;
use crate::scenario_table;
use crate::summary::Summary;
use crate::table::sdk_line;
use crate::text;
use crate::workload::SHARED;

/// The figures of a run as GitHub-flavoured Markdown.
pub fn markdown(summary: &Summary) -> String {
    let headline = headline(summary);
    let mut out = title(&headline) + &said(&headline);
    for place in places(summary) {
        out.push_str(&table(&place));
    }
    out + &besides(summary) + &failed(summary) + &made(summary)
}

/// The same for a page that people read first: with the headline's chart, which lies at the path `chart` seen from there; the
/// place nearest to production first, what is further from it folded; of several workloads the one that all plugins share.
pub fn front_page(summary: &Summary, chart: &str) -> String {
    let headline = headline(summary);
    let mut out = title(&headline);
    out.push_str(&format!("\n![{}]({chart})\n", escape(&headline.title)));
    out.push_str(&said(&headline));
    let mut places = places(summary);
    if places.iter().any(|place| place.workload == SHARED) {
        places.retain(|place| place.workload == SHARED);
    }
    let nearest = places.pop();
    out.push_str(&nearest.as_ref().map(table).unwrap_or_default());
    let others: String = places.iter().rev().map(table).collect::<String>() + &besides(summary);
    if !others.is_empty() {
        out.push_str("\n<details>\n<summary>The other gateways and hosts, and each plugin's life</summary>\n");
        out.push_str(&format!("{others}\n</details>\n"));
    }
    out + &failed(summary) + &made(summary)
}

fn title(headline: &Headline) -> String {
    format!("{}.\n", escape(&headline.title))
}

/// What the place nearest to production says, and what to keep in mind.
fn said(headline: &Headline) -> String {
    let mut out = String::new();
    if let Some(nearest) = headline.places.first() {
        out.push_str(&format!("\n{}: {}\n", escape(&nearest.place), escape(&nearest.sentences.join(" "))));
    }
    for caveat in &headline.caveats {
        out.push_str(&format!("\n{}\n", escape(caveat)));
    }
    out
}

/// Added latency in a place.
fn table(place: &Place<'_>) -> String {
    let mut out = format!("\n### {}, workload {}\n\n", escape(&place.title()), name(place.workload));
    let own = place.has_own_clock();
    let (title, rule) = if own { (" own clock µs |", "--:|") } else { ("", "") };
    out.push_str(&format!("| plugin | language | host | added µs | interval |{title} noop | p50 µs | p99 µs |\n"));
    out.push_str(&format!("|---|---|---|--:|--:|{rule}--:|--:|--:|\n"));
    let digits = decimals(place.largest_ns());
    for row in &place.rows {
        out.push_str(&line(row, digits, own));
    }
    if let Some(noise) = place.noise {
        out.push_str(&line(&Row { cell: noise, noop: None, sdk_adds: None }, digits, own));
    }
    let sdk = sdk_line(place);
    if !sdk.is_empty() {
        out.push_str(&format!("\n{}.\n", escape(&sdk)));
    }
    let note = instruments::note(place);
    if !note.is_empty() {
        out.push_str(&format!("\n{}\n", escape(&note)));
    }
    out
}

/// What was measured besides added latency.
fn besides(summary: &Summary) -> String {
    costs(&summary.cost_lines) + &lives(&summary.lifecycle) + &loads(&summary.loads) + &scenarios(&summary.scenarios)
}

fn failed(summary: &Summary) -> String {
    let failures = failures(summary);
    let mut out = if failures.is_empty() { "" } else { "\n### Failed\n\n" }.to_owned();
    for FailureGroup { first, reason, lost } in failures {
        let (plugin, host) = (name(&first.plugin), name(&first.host));
        let reason = escape(&text::name(reason, 600));
        out.push_str(&format!("- {plugin} on {host} ({}): {reason}\n", escape(&lost.join(", "))));
    }
    out
}

/// What the columns mean, where and how the figures were made, and how to make them again.
fn made(summary: &Summary) -> String {
    let mut out = String::new();
    if !summary.cells.is_empty() {
        let added =
            "Added: above control A (no plugin), paired by round, median over starts. A': no plugin again, the noise.";
        out.push_str(&format!("\n{added}\n"));
    }
    if summary.cells.iter().any(|cell| cell.gateway_added_ns.is_some()) {
        out.push_str("\nOwn clock: added by the gateway's own clock, in other rounds of the same starts.\n");
    }
    out.push_str(&format!("\n{} {}\n", escape(&facts::whereabouts(summary)), escape(&facts::how(summary))));
    out + &repeat(&summary.environment.command_line)
}

/// What requests went through while something happened to plugins.
fn scenarios(scenarios: &[ScenarioFigures]) -> String {
    let mut out = String::new();
    for sheet in scenario_table::sheets(scenarios) {
        let row = |fields: Vec<String>| format!("| {} |\n", fields.join(" | "));
        out.push_str(&format!("\n### {}\n\n", escape(&sheet.title)));
        out.push_str(&row(sheet.columns.iter().map(|(title, _)| title.trim().to_owned()).collect()));
        let rule = |(_, is_text): &(String, bool)| if *is_text { "---" } else { "--:" };
        out.push_str(&format!("|{}|\n", sheet.columns.iter().map(rule).collect::<Vec<_>>().join("|")));
        for fields in sheet.rows {
            out.push_str(&row(fields.iter().map(|field| escape(field)).collect()));
        }
        for sentence in sheet.sentences.iter().chain(&sheet.warnings).filter(|sentence| !sentence.is_empty()) {
            out.push_str(&format!("\n- {}", escape(sentence)));
        }
        out.push_str(&format!("\n\n{}\n", sheet.legend));
    }
    out
}

/// The price of an operation and of being called.
fn costs(lines: &[CostLine]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = "\n### Cost against work\n\n".to_owned();
    out.push_str(
        "| plugin | host | ns per operation | interval | called µs | off the line |\n|---|---|--:|--:|--:|--:|\n",
    );
    for line in lines {
        let [per_operation, between, called, off] = cost_table::figures(line);
        let fields = [name(&line.plugin), escape(&line.place()), per_operation, escape(&between), called, off];
        out.push_str(&format!("| {} |\n", fields.join(" | ")));
    }
    out.push_str(&format!("\n{}\n", cost_table::WORDS));
    out
}

/// What each plugin costs beside its requests, with its soak where there was one.
fn lives(lives: &[Lifecycle]) -> String {
    if lives.is_empty() {
        return String::new();
    }
    let soaked = lives.iter().any(|life| life.soak.is_some());
    let mut out = "\n### In process, each plugin's life\n\n".to_owned();
    out.push_str("| plugin | host | artifact | compile | instantiate | first request | request p50 | memory |");
    out.push_str(if soaked { " B/request | soak |\n" } else { "\n" });
    out.push_str("|---|---|--:|--:|--:|--:|--:|--:|");
    out.push_str(if soaked { "--:|---|\n" } else { "\n" });
    for life in lives {
        let ns = |ns: Option<f64>| ns.map(duration).unwrap_or_default();
        let mut fields = vec![
            name(&life.plugin),
            name(&life.host),
            life.artifact_bytes.map(bytes).unwrap_or_default(),
            ns(life.compile_ns),
            ns(life.instantiate_ns),
            ns(life.first_request_ns),
            ns(life.request_ns),
            life.memory.map(|memory| bytes(memory.end_bytes)).unwrap_or_default(),
        ];
        if soaked {
            let soak = life.soak.as_ref();
            fields.push(soak.and_then(crate::life_table::slope).unwrap_or_default());
            let words = soak.map(|soak| format!("{}: {}", soak.verdict.name(), soak.reason));
            fields.push(words.map(|words| escape(&words)).unwrap_or_default());
        }
        out.push_str(&format!("| {} |\n", fields.join(" | ")));
    }
    if let Some(requests) = requests_words(lives) {
        out.push_str(&format!("\nMemory: held after {requests} requests.\n"));
    }
    out
}

/// Each gateway under load: a row per arm, two columns per rate.
fn loads(loads: &[LoadFigures]) -> String {
    let mut out = String::new();
    for all in by_gateway(loads) {
        out.push_str(&format!("\n### {} under load\n", name(&all[0].gateway)));
        let steps: Vec<&LoadFigures> = all.iter().copied().filter(|step| !step.arms.is_empty()).collect();
        if !steps.is_empty() {
            out.push_str(&load_rows(&steps));
        }
        for step in &all {
            out.push_str(&format!("\n- {}: {}", escape(&step.name()), escape(&step.words())));
        }
        out.push('\n');
    }
    if !loads.is_empty() {
        out.push_str(&format!("\n{}\n", load_table::LEGEND));
    }
    out
}

fn load_rows(steps: &[&LoadFigures]) -> String {
    let mut out = "\n| plugin | alone, requests/s |".to_owned();
    steps.iter().for_each(|step| out.push_str(&format!(" {0} p50 | {0} p99 |", escape(&step.name()))));
    out.push_str(&format!(" failed |\n|---|--:|{}--:|\n", "--:|--:|".repeat(steps.len())));
    for arm in arms_of(steps) {
        let figures = load_table::cells(arm, steps, duration);
        let fields: Vec<String> = figures.into_iter().map(|figure| figure.unwrap_or_default()).collect();
        out.push_str(&format!("| {} | {} |\n", escape(&arm.name()), fields.join(" | ")));
    }
    out
}

/// The command that repeats the run, as a block; its fence is longer than any row of backticks in it.
fn repeat(words: &[String]) -> String {
    if words.is_empty() {
        return String::new();
    }
    let command = text::visible(&text::command(words));
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\nTo repeat it:\n\n{fence}sh\n{command}\n{fence}\n")
}

fn line(row: &Row<'_>, digits: usize, own: bool) -> String {
    let cell = row.cell;
    let interval = cell.added_ns.and_then(|added| added.interval());
    let absolute = |at: Option<f64>| at.map(|ns| significant(ns / 1_000.0)).unwrap_or_default();
    let mut fields = vec![
        name(&cell.plugin),
        if cell.control.is_some() { "no plugin".to_owned() } else { name(&cell.language) },
        name(&cell.host),
        match (&cell.error, cell.added_ns) {
            (Some(_), _) => "failed".to_owned(),
            (None, Some(added)) => us(added.p50, digits),
            (None, None) => String::new(),
        },
        interval.map(|(low, high)| format!("{} to {}", us(low, digits), us(high, digits))).unwrap_or_default(),
        row.noop.and_then(|noop| noop.added_ns).map(|added| us(added.p50, digits)).unwrap_or_default(),
        absolute(cell.absolute_ns.and_then(|absolute| absolute.p50)),
        absolute(cell.absolute_ns.and_then(|absolute| absolute.p99)),
    ];
    if own {
        fields.insert(5, instruments::figure(cell, digits).unwrap_or_default());
    }
    format!("| {} |\n", fields.join(" | "))
}

fn name(name: &str) -> String {
    escape(&text::name(name, 80))
}

/// Text that Markdown, the HTML within it and GitHub's mentions leave alone.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text::visible(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '|' => escaped.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '#' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
