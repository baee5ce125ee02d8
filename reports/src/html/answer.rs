//! The answer: one line, what each place says, and its chart.

use std::collections::BTreeSet;

use crate::charts::{bars, cuts_bars, shows_noise};
use crate::facts;
use crate::number::{date, decimals, percent, us};
use crate::place::Place;
use crate::text::{escape, name};

use super::View;
use super::parts::{
    Cell, TableRow, definitions, figure, minus, more_places, place_heading, plugin_in, side_by_side, table,
};

/// The headline; with all that is known of the run where there is no place to show it beside.
pub(super) fn head(view: &View<'_>) -> String {
    let level = view.level;
    let title = format!("<h{level}>{}</h{level}>", prose(&view.headline.title));
    if view.places.is_empty() { title + &said(view) + &facts_list(view) } else { title }
}

/// The sentences of the place nearest to production, and what to keep in mind.
fn said(view: &View<'_>) -> String {
    let mut html = String::new();
    if let Some(nearest) = view.headline.places.first() {
        html.push_str(&format!("<p class=\"where\">{}</p>{}", escape(&nearest.place), sentences(&nearest.sentences)));
    }
    if !view.headline.caveats.is_empty() {
        let mut caveats: String =
            view.headline.caveats.iter().map(|caveat| format!("<p>{}</p>", prose(caveat))).collect();
        if view.summary.cells.iter().any(|cell| cell.error.is_some()) {
            caveats.push_str(&format!("<p><a href=\"#{}\">See the failures</a></p>", view.id("failures")));
        }
        html.push_str(&format!("<div class=\"caveats\" role=\"note\" aria-label=\"Keep in mind\">{caveats}</div>"));
    }
    html
}

fn sentences(sentences: &[String]) -> String {
    let items: String = sentences.iter().map(|sentence| format!("<li>{}</li>", prose(sentence))).collect();
    format!("<ul class=\"lead\">{items}</ul>")
}

/// Escapes a sentence, writes minus signs before figures (hyphens in names stay) and keeps figures and units together.
pub(super) fn prose(sentence: &str) -> String {
    let mut text = String::new();
    let escaped = escape(sentence).replace(" µs", "\u{a0}µs").replace(" ms", "\u{a0}ms").replace(" %", "\u{a0}%");
    let mut chars = escaped.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let opens = c == '-' && matches!(before, ' ' | '[') && chars.peek().is_some_and(char::is_ascii_digit);
        text.push(if opens { '−' } else { c });
        before = c;
    }
    text
}

fn facts_list(view: &View<'_>) -> String {
    let run = &view.summary.environment;
    let machine = &run.machine;
    let cpu = machine.cpu_model.as_deref().unwrap_or("CPU not known");
    let sure = match facts::confidence(view.summary) {
        Some(least) => format!("{}, intervals of {} or more", facts::starts(run.starts), percent(least)),
        None => format!("{}, no intervals", facts::starts(run.starts)),
    };
    definitions(
        "facts",
        &[
            ("Measured", escape(&date(run.started_unix_ms))),
            ("On", escape(&format!("{cpu}, {}", facts::cores(machine.cores)))),
            ("How sure", prose(&sure)),
            ("Repeat", format!("seed {}<br/><a href=\"#{}\">command and method</a>", run.seed, view.id("method"))),
        ],
    )
}

/// What the run says beside the chart of the place nearest to production, what it was, then a chart for each other place.
pub(super) fn charts(view: &View<'_>) -> String {
    let Some((nearest, others)) = view.places.split_first() else { return String::new() };
    let others = || others.iter().enumerate().map(|(index, place)| (index + 1, place));
    // The same places again with other workloads are one click away.
    let is_first = |place: &Place<'_>| place.workload == nearest.workload;
    let same = others().filter(|(_, place)| is_first(place)).map(|(index, place)| one(view, index, place));
    let of_other = others().filter(|(_, place)| !is_first(place));
    let workloads: BTreeSet<&str> = of_other.clone().map(|(_, place)| place.workload).collect();
    let workloads: Vec<String> = workloads.into_iter().map(|workload| escape(&name(workload, 40))).collect();
    let of = format!(", workload {}", workloads.join(", "));
    format!(
        "<div class=\"hero\"><div>{}</div><div>{}</div></div>{}{}",
        said(view),
        chart(view, 0, nearest),
        facts_list(view),
        side_by_side(same) + &more_places(of_other.map(|(index, place)| one(view, index, place)).collect(), &of)
    )
}

/// A place's chart with what it says.
fn one(view: &View<'_>, index: usize, place: &Place<'_>) -> String {
    let said = sentences(&view.headline.places[index].sentences);
    view.heading(&place_heading(place)) + &said + &chart(view, index, place)
}

fn chart(view: &View<'_>, index: usize, place: &Place<'_>) -> String {
    match bars(place, &view.id(&format!("bars{index}"))) {
        Some(svg) => {
            let name = format!("Chart: added latency, {}", place.caption());
            figure(&name, &svg, &caption(place, index == 0), &behind(place))
        }
        None => "<p>No plugin gave a figure here, so there is no chart.</p>".to_owned(),
    }
}

/// What is seen; how to read it stands below the first chart only.
fn caption(place: &Place<'_>, is_first: bool) -> String {
    let mut words = match is_first {
        true => "What a plugin costs a request above no plugin, paired round by round. Solid: bare ABI or no SDK; outlined: through \
                 the language’s SDK. Whiskers are the interval for the median over starts."
            .to_owned(),
        false => "Added latency on an axis of its own.".to_owned(),
    };
    words.push_str(&format!(" Workload {}.", escape(&name(place.workload, 40))));
    if let Some(ns) = place.noise_ns().filter(|_| shows_noise(place)) {
        let band = us(ns, 3);
        words.push_str(&format!(
            " The grey band at zero is the noise, up to {band} µs: what A', a second arm without a plugin, reads."
        ));
    }
    if cuts_bars(place) {
        words.push_str(" The bar with a gap is longer than there is room for; its figure stands behind it.");
    }
    words
}

fn behind(place: &Place<'_>) -> String {
    let digits = decimals(place.largest_ns());
    let rows: Vec<TableRow> = place
        .rows
        .iter()
        .map(|row| row.cell)
        .chain(place.noise)
        .map(|cell| {
            let figure = |ns: Option<f64>| Cell::Number(ns.map_or_else(|| "–".to_owned(), |ns| us(ns, digits)));
            let added = cell.added_ns;
            TableRow {
                class: if cell.control.is_some() { "control" } else { "" },
                cells: vec![
                    plugin_in(place, cell),
                    figure(added.map(|added| added.p50)),
                    figure(added.and_then(|added| added.low)),
                    figure(added.and_then(|added| added.high)),
                    Cell::Number(added.and_then(|added| added.confidence).map_or_else(|| "–".to_owned(), percent)),
                ],
            }
        })
        .collect();
    let caption = format!("Added latency, {}, µs per request", place.caption());
    table(&caption, &["Plugin", ">added", ">low", ">high", ">confidence"], &rows)
}

/// An interval as text with real minus signs.
pub(super) fn interval(low: f64, high: f64, digits: usize) -> String {
    minus(&format!("[{}, {}]", us(low, digits), us(high, digits)))
}
