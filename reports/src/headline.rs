//! The answer in words, made from the figures and no surer than they are.

use tollgate_record::{Mode, Phase, Placement, PluginKind, Variant};

use crate::estimate::Estimate;
use crate::facts::{self, SETTLED_STARTS};
use crate::failures::failures;
use crate::language;
use crate::number::{decimals, duration, percent, signed_us, significant, us};
use crate::place::{Place, Row, places};
use crate::scenario_table;
use crate::summary::{Summary, SummaryCell};
use crate::text;
use crate::workload::is_on_response;

/// What a run says, in plain sentences; names in it are already made visible, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The whole answer in one line.
    pub title: String,
    /// What each place says, the place nearest to production first.
    pub places: Vec<PlaceWords>,
    /// What to keep in mind when reading them.
    pub caveats: Vec<String>,
}

/// What one place says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceWords {
    /// Where, with versions: `Through envoy 1.40.0`.
    pub place: String,
    /// Sentences: each group of plugins that may be compared, then the noise.
    pub sentences: Vec<String>,
}

/// Puts a summary into words.
pub fn headline(summary: &Summary) -> Headline {
    let places = places(summary);
    let words = |place: &Place<'_>| PlaceWords { place: where_it_was(place), sentences: sentences(place) };
    Headline {
        title: places
            .last()
            .map(title)
            .or_else(|| scenario_table::headline(&summary.scenarios))
            .unwrap_or_else(nothing),
        places: places.iter().rev().map(words).collect(),
        caveats: caveats(summary, &places),
    }
}

fn nothing() -> String {
    "This record holds no measured request".to_owned()
}

fn title(place: &Place<'_>) -> String {
    let mut measured: Vec<(&Row<'_>, Estimate)> =
        choices(place).filter_map(|row| Some((row, row.cell.added_ns?))).collect();
    measured.sort_by(|(_, a), (_, b)| a.p50.total_cmp(&b.p50));
    let said = |(row, added): &(&Row<'_>, Estimate)| format!("{} ({})", duration(added.p50), place.label(row));
    match measured.as_slice() {
        [] => format!("{} no plugin gave a figure", spoken(place)),
        [only] => format!("{} the plugin adds {} to a request{}", spoken(place), said(only), by_what(place)),
        [least, .., most] => {
            let what = by_what(place);
            let text = format!("{} a plugin adds {} to {} to a request{what}", spoken(place), said(least), said(most));
            match unsettled(measured.iter().map(|(_, added)| added)) {
                Some(unsettled) => format!("{text}, {unsettled}"),
                None => text,
            }
        }
    }
}

/// What the plugin works on, where that is not the request itself.
fn by_what(place: &Place<'_>) -> &'static str {
    if is_on_response(place.workload) { " by its work on the response's headers" } else { "" }
}

/// Where it was, as a sentence begins.
fn spoken(place: &Place<'_>) -> String {
    let name = crate::text::name(place.hosts[0].0, 24);
    match (place.mode, name.as_str()) {
        (Mode::InProcess, _) if place.hosts.len() > 1 => "In process".to_owned(),
        (Mode::InProcess, _) => format!("In process, on {name},"),
        (Mode::Live, "embedded") => "On the embedded gateway".to_owned(),
        (Mode::Live, "envoy") => "On Envoy".to_owned(),
        (Mode::Live, _) => format!("On {name}"),
    }
}

fn where_it_was(place: &Place<'_>) -> String {
    let path = if is_on_response(place.workload) { ", on response headers" } else { "" };
    match place.mode {
        Mode::Live => format!("Through {}{path}", place.versions()),
        Mode::InProcess => format!("In process, {}{path}", place.versions()),
    }
}

/// What people choose between: plugins inside the place, not the floors, and not what is asked over a network.
fn choices<'p, 'a>(place: &'p Place<'a>) -> impl Iterator<Item = &'p Row<'a>> {
    let is_inside = |row: &&Row<'_>| row.cell.kind != Some(PluginKind::External);
    place.rows.iter().filter(is_inside).filter(|row| language::is_choice(&row.cell.language))
}

/// What is asked over a network instead.
fn externals<'p, 'a>(place: &'p Place<'a>) -> impl Iterator<Item = &'p Row<'a>> {
    place.rows.iter().filter(|row| row.cell.kind == Some(PluginKind::External) && row.cell.added_ns.is_some())
}

fn sentences(place: &Place<'_>) -> Vec<String> {
    let measured = |variant: Option<Variant>| {
        choices(place).filter(|row| row.cell.added_ns.is_some() && row.cell.variant == variant).collect::<Vec<_>>()
    };
    let mut sentences = Vec::new();
    sentences.extend(compare(place, &measured(Some(Variant::Raw)), "With the bare ABI"));
    sentences.extend(compare(place, &measured(Some(Variant::Sdk)), "Through an SDK"));
    for row in measured(None) {
        sentences.push(format!("{} adds {}.", place.label(row), figure(row.cell)));
    }
    for row in externals(place) {
        let (name, adds) = (text::name(&row.cell.plugin, 19), figure(row.cell));
        sentences
            .push(format!("In a process of its own, asked over gRPC, {} ({name}) adds {adds}.", row.cell.language));
    }
    if sentences.is_empty() {
        sentences.push("No plugin gave a figure.".to_owned());
    }
    sentences.push(noise(place));
    sentences
}

/// That there were too few starts to put figures into an order.
pub(crate) fn unsettled<'e>(estimates: impl Iterator<Item = &'e Estimate>) -> Option<String> {
    let fewest = estimates.map(|added| added.starts).min()?;
    (fewest < SETTLED_STARTS).then(|| format!("not settled at {}", facts::starts(fewest)))
}

/// Who adds least and most among rows that may be compared, and whether that is settled.
fn compare(place: &Place<'_>, rows: &[&Row<'_>], how: &str) -> Option<String> {
    let mut sorted: Vec<(&Row<'_>, Estimate)> =
        rows.iter().filter_map(|row| Some((*row, row.cell.added_ns?))).collect();
    sorted.sort_by(|(_, a), (_, b)| a.p50.total_cmp(&b.p50));
    let name = |row: &Row<'_>| bare_label(place, row);
    let ((least, least_added), (most, most_added)) = (*sorted.first()?, *sorted.last()?);
    if sorted.len() == 1 {
        return Some(format!("{how}, {} adds {}.", name(least), figure(least.cell)));
    }
    if let Some(unsettled) = unsettled(sorted.iter().map(|(_, added)| added)) {
        return Some(format!(
            "{how}, figures go from {} for {} to {} for {}; their order is {unsettled}.",
            figure(least.cell),
            name(least),
            figure(most.cell),
            name(most)
        ));
    }
    let mut text = format!(
        "{how}, {} adds least, {}, and {} most, {}",
        name(least),
        figure(least.cell),
        name(most),
        figure(most.cell)
    );
    if least_added.p50 > 0.0 {
        text.push_str(&format!(", {:.1} times as much", most_added.p50 / least_added.p50));
    }
    if least_added.overlaps(&most_added).unwrap_or(true) {
        text.push_str("; their intervals overlap, so this run does not settle which is which.");
        return Some(text);
    }
    let near: Vec<String> = sorted[1..]
        .iter()
        .filter(|(_, added)| added.overlaps(&least_added).unwrap_or(true))
        .map(|(row, _)| name(row))
        .collect();
    if !near.is_empty() {
        text.push_str(&format!("; {} cannot be told from {} here", near.join(" and "), name(least)));
    }
    text.push('.');
    Some(text)
}

/// The language alone: the sentence has said how the plugins talk to the host.
fn bare_label(place: &Place<'_>, row: &Row<'_>) -> String {
    let label = place.label(row);
    match label.rsplit_once(", ") {
        Some((language, "raw" | "SDK")) => language.to_owned(),
        _ => label,
    }
}

fn figure(cell: &SummaryCell) -> String {
    let Some(added) = cell.added_ns else { return "an unknown amount".to_owned() };
    let figure = duration(added.p50);
    match added.interval() {
        // The ends in the unit of the figure, as many digits as it.
        Some((low, high)) if figure.ends_with("µs") => {
            format!("{figure} [{}, {}]", significant(low / 1e3), significant(high / 1e3))
        }
        Some((low, high)) => format!("{figure} [{}, {}]", duration(low), duration(high)),
        None => format!("{figure} (no interval)"),
    }
}

fn noise(place: &Place<'_>) -> String {
    let Some(cell) = place.noise else {
        return "There is no second control arm here, so the noise is not known.".to_owned();
    };
    let Some(noise) = cell.added_ns else {
        let what = if cell.error.is_some() { "failed" } else { "gave no figure" };
        return format!("The second arm without a plugin (A') {what} here, so the noise is not known.");
    };
    let mut text = format!("No plugin at all, measured the same way, reads {} µs", signed_us(noise.p50));
    if let Some((low, high)) = noise.interval() {
        let digits = decimals(low.abs().max(high.abs()));
        text.push_str(&format!(" [{}, {}]", us(low, digits), us(high, digits)));
    }
    text.push('.');
    let smallest = choices(place).filter_map(|row| row.cell.added_ns).map(|added| added.p50);
    if place.noise_ns().unwrap_or_default() * 2.0 > smallest.fold(f64::INFINITY, f64::min) {
        text.push_str(" That noise is of the size of the smallest figure here: do not rank by it.");
    }
    text
}

/// How many starts an interrupted run has of each place, where not all: `, envoy 2 of 6 starts`.
fn missing(summary: &Summary) -> String {
    let mut places: Vec<(&str, u32)> = Vec::new();
    for cell in summary.cells.iter().filter(|cell| cell.phase == Phase::Request && cell.control.is_none()) {
        let place = if cell.mode == Mode::InProcess { "in process" } else { &cell.host };
        let starts = cell.added_ns.map_or(0, |added| added.starts);
        match places.iter_mut().find(|(other, _)| *other == place) {
            Some((_, most)) => *most = starts.max(*most),
            None => places.push((place, starts)),
        }
    }
    let all = summary.environment.starts;
    let words = |(place, starts): &(&str, u32)| format!(", {} {starts} of {all} starts", text::name(place, 40));
    places.iter().filter(|(_, starts)| *starts < all).map(words).collect()
}

fn caveats(summary: &Summary, places: &[Place<'_>]) -> Vec<String> {
    let mut caveats: Vec<String> = facts::busy(summary).into_iter().collect();
    let run = &summary.environment;
    if run.interrupted {
        caveats.push(format!(
            "The run was interrupted: what is here is what was finished by then{}. `tollgate resume` goes on with it.",
            missing(summary)
        ));
    }
    match failures(summary).len() {
        0 => {}
        1 => caveats.push("One plugin failed somewhere and has no figure there; the reason is listed.".to_owned()),
        many => caveats.push(format!("There were {many} failures, without figures; the reasons are listed.")),
    }
    let estimates: Vec<Estimate> =
        places.iter().flat_map(|place| &place.rows).filter_map(|row| row.cell.added_ns).collect();
    if estimates.iter().any(|added| !added.between_starts) {
        caveats.push(
            "Figures come from one start: their intervals do not know how starts differ, and are too narrow."
                .to_owned(),
        );
    }
    let worst = estimates.iter().filter(|added| added.between_starts).min_by_key(|added| added.starts);
    if let Some(Estimate { starts, confidence: Some(confidence), .. }) = worst
        && *confidence < 0.95
    {
        caveats.push(format!(
            "With {starts} starts an interval is the range of the starts; it covers the true median with {} confidence. \
             Six starts give 96.9 %.",
            percent(*confidence)
        ));
    }
    caveats.extend(facts::unproved(summary).map(str::to_owned));
    // Scenarios have no differences.
    let is_unpinned = |placement: &Placement| matches!(placement, Placement::Unpinned);
    if !summary.cells.is_empty() && run.placement.values().any(is_unpinned) {
        caveats.push("Cores were left to the scheduler: differences carry more noise than pinned ones.".to_owned());
    }
    caveats
}
