//! What was proved, as the table of a page: a row for each record and slowdown, and what all of a gate say together.

use std::collections::BTreeSet;

use tollgate_record::ProveRecord;

use super::Unit;
use super::proof::{Count, Judged, Proved, bias, covered, judged, proved, unit};
use super::proof_text::{put_in, seconds, unfinished};
use crate::estimate::median_interval;
use crate::markdown::escape;
use crate::number::percent;
use crate::text;

/// Options of the command that say nothing of what was proved, and whether a value follows.
const OF_ONE_SITTING: [(&str, bool); 8] = [
    ("--quiet", false),
    ("-q", false),
    ("--seed", true),
    ("--out", true),
    ("--continue", true),
    ("--time-limit", true),
    ("--runs", true),
    ("--envoy", true),
];

/// The records as Markdown.
pub fn proof_table(records: &[ProveRecord]) -> String {
    let mut out =
        "| command | right | wrong (exact 95 % interval) | inconclusive | a run takes | estimate minus truth | \
                   intervals that hold the truth |\n|---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for record in records {
        let proofs = proved(record);
        out.extend(proofs.iter().map(|proved| row(record, proved, proofs.len() > 1)));
    }
    for wanted in [Unit::Count, Unit::Share, Unit::Nanoseconds] {
        let of: Vec<&ProveRecord> = records.iter().filter(|record| unit(record) == wanted).collect();
        if of.iter().any(|record| !record.runs.is_empty()) {
            out.push_str(&format!("\n{}\n", together(&of, wanted)));
        }
    }
    out
}

fn row(record: &ProveRecord, proved: &Proved, several: bool) -> String {
    let mut command = code(&text::command(&command(record)));
    let side = match (proved.put_in, proved.asked) {
        (Some(more), _) => put_in(more).to_owned(),
        (None, 0.0) => "alike".to_owned(),
        (None, asked) => format!("{}{}", proved.unit.signed(asked), proved.unit.suffix()),
    };
    if several {
        command.push_str(&format!(", {side}"));
    }
    if let Some(unfinished) = unfinished(record) {
        command.push_str(&format!(" ({unfinished})"));
    }
    let word = match proved.asked {
        _ if proved.right.count == 0 => "",
        0.0 => " equivalent",
        _ if proved.right.count == proved.regression.count => " found",
        _ => "",
    };
    let right = format!("{} of {}{word}", proved.right.count, proved.right.of);
    let wrong = format!("{} ({})", proved.wrong.count, proved.wrong.interval());
    let not_said = proved.right.of - proved.right.count - proved.wrong.count;
    let took = format!("{} s", seconds(proved.took_ms));
    let (bias, covered) = match (proved.unit, proved.bias) {
        (Unit::Count, _) => ("exact".to_owned(), "none".to_owned()),
        (unit, bias) => (
            bias.map_or_else(|| "unknown".to_owned(), |bias| points(unit, bias)),
            format!("{} of {}", proved.covered.count, proved.covered.of),
        ),
    };
    format!("| {command} | {right} | {wrong} | {not_said} | {took} | {bias} | {covered} |\n")
}

/// Words between backticks, in a cell of a table.
fn code(words: &str) -> String {
    format!("`{}`", text::visible(words).replace('`', "'").replace('|', "\\|"))
}

/// The command that makes as many runs as there are.
fn command(record: &ProveRecord) -> Vec<String> {
    let mut words = Vec::new();
    let mut all = record.command_line.iter();
    while let Some(word) = all.next() {
        let name = word.split('=').next().unwrap_or_default();
        match OF_ONE_SITTING.iter().find(|(option, _)| *option == name) {
            Some((_, true)) if !word.contains('=') => drop(all.next()),
            Some(_) => {}
            None => words.push(word.clone()),
        }
    }
    // `--runs` is for each slowdown, except where they share them.
    let slowdowns = if record.what == "coverage" { 1 } else { proved(record).len().max(1) };
    words.extend(["--runs".to_owned(), record.runs.len().div_ceil(slowdowns).to_string()]);
    words
}

fn points(unit: Unit, value: f64) -> String {
    let suffix = if unit == Unit::Share { " points" } else { unit.suffix() };
    format!("{}{suffix}", unit.signed(value))
}

/// What all runs of one gate say: intervals and estimates have a known truth whatever it is.
fn together(records: &[&ProveRecord], unit: Unit) -> String {
    let runs = || records.iter().flat_map(|record| record.runs.iter().map(move |run| judged(record, run)));
    let cells: Vec<Judged> = runs().flatten().collect();
    let all = runs().count() as u32;
    let wrong = Count::new(runs().filter(|cells| cells.iter().any(Judged::is_wrong)).count() as u32, all);
    let (title, intervals) = match unit {
        Unit::Nanoseconds => ("Live", format!("intervals over starts ({})", confidences(records))),
        Unit::Share => ("In process", "intervals over processes (99 %)".to_owned()),
        Unit::Count => ("Counters", String::new()),
    };
    let covered = covered(&cells);
    let bias = match bias(&cells) {
        Some(bias) if unit == Unit::Share => format!("{} percentage points", unit.signed(bias)),
        Some(bias) => format!("{}{}", unit.signed(bias), unit.suffix()),
        None => "an unknown amount".to_owned(),
    };
    let wrong_words = match wrong.count {
        0 => format!(
            "no verdict was wrong, which does not exclude an error in up to {} of runs (95 %): rare errors want many runs",
            percent(upper(all))
        ),
        count => format!("{count} of {all} runs had a wrong verdict ({})", wrong.interval()),
    };
    if unit == Unit::Count {
        return format!("{title}, {all} runs on {}: {wrong_words}. Figures are exact.", places(records));
    }
    format!(
        "{title}, {all} runs on {}: {wrong_words}. Estimates were off by {bias} in the median; {} of {} {intervals} held \
         the truth ({}).",
        places(records),
        covered.count,
        covered.of,
        covered.interval(),
    )
}

/// What intervals over the starts of one batch, and of two, are to cover: from the least to the most.
fn confidences(records: &[&ProveRecord]) -> String {
    let starts = records.iter().filter_map(|record| record.live.as_ref()).map(|live| live.gate.starts as usize);
    let all = starts.flat_map(|starts| [starts, 2 * starts]).filter_map(|count| median_interval(&vec![0.0; count]));
    let all: BTreeSet<String> = all.map(|(_, _, confidence)| percent(confidence)).collect();
    all.into_iter().collect::<Vec<_>>().join(" or ")
}

/// The largest error rate under which none of so many runs has one with a probability of 5 %, exactly.
fn upper(runs: u32) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / f64::from(runs.max(1)))
}

/// Plugins, hosts and machines, each once.
fn places(records: &[&ProveRecord]) -> String {
    let mut all = BTreeSet::new();
    for record in records {
        let cpu = record.environment.cpu_model.as_deref().unwrap_or("an unknown CPU");
        let cores = match record.environment.cores {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let machine = format!("{cores} of {}", escape(&text::name(cpu, 60)));
        let hogs = if record.hogs > 0 { ", with a busy neighbour on each" } else { "" };
        match &record.live {
            Some(live) => {
                let plugin = match live.is_of_one_plugin() {
                    true => format!(" with {}", code(&text::name(&record.plugin, 60))),
                    false => String::new(),
                };
                all.insert(format!("{}{plugin} ({machine}{hogs})", escape(&text::name(&live.gateway, 40))));
            }
            None => {
                let in_process = record.runs.iter().flat_map(|run| &run.cells).map(|cell| &cell.host);
                let counted = record.runs.iter().filter_map(|run| run.counters.as_ref());
                let hosts = in_process.chain(counted.flat_map(|of| &of.cells).map(|cell| &cell.host));
                let hosts: BTreeSet<String> = hosts.map(|host| text::name(host, 40)).collect();
                let plugin = code(&text::name(&record.plugin, 60));
                all.extend(hosts.into_iter().map(|host| format!("{} with {plugin} ({machine}{hogs})", escape(&host))));
            }
        }
    }
    all.into_iter().collect::<Vec<_>>().join(", ")
}
