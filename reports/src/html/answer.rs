//! The answer: one line, what each place says, and its chart.

use crate::charts::{bars, shows_noise};
use crate::facts;
use crate::number::{date, decimals, percent, us};
use crate::place::Place;
use crate::text::escape;

use super::View;
use super::parts::{Cell, TableRow, definitions, figure, minus, plugin, table};

/// The headline with the sentences of the place nearest to production.
pub(super) fn head(view: &View<'_>) -> String {
    let level = view.level;
    let mut html = format!("<h{level}>{}</h{level}>", prose(&view.headline.title));
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
    html.push_str(&facts_list(view));
    html
}

fn sentences(sentences: &[String]) -> String {
    let items: String = sentences.iter().map(|sentence| format!("<li>{}</li>", prose(sentence))).collect();
    format!("<ul class=\"lead\">{items}</ul>")
}

/// Escapes a sentence, writes minus signs before figures (hyphens in names stay) and keeps figures and units together.
fn prose(sentence: &str) -> String {
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

/// One chart per place.
pub(super) fn charts(view: &View<'_>) -> String {
    if view.places.is_empty() {
        return String::new();
    }
    let mut html =
        "<p class=\"quiet\">What a plugin costs a request above no plugin, paired round by round. Solid bars \
                    use the bare ABI, outlined bars go through the language’s SDK; a language keeps its colour.</p>"
            .to_owned();
    for (index, place) in view.places.iter().enumerate() {
        html.push_str(&view.heading(&format!("{} · workload {}", place.title(), place.workload)));
        if index > 0 {
            html.push_str(&sentences(&view.headline.places[index].sentences));
        }
        let Some(svg) = bars(place, &view.id(&format!("bars{index}"))) else {
            html.push_str("<p>No plugin gave a figure here, so there is no chart.</p>");
            continue;
        };
        html.push_str(&figure(
            &format!("Chart: added latency, {}", place.caption()),
            &svg,
            &caption(place),
            &behind(place),
        ));
    }
    html
}

fn caption(place: &Place<'_>) -> String {
    let noise = match place.noise_ns().filter(|_| shows_noise(place)) {
        Some(ns) => format!(
            " The grey band at zero is the noise, up to {} µs: what A', a second arm without a plugin, reads.",
            us(ns, 3)
        ),
        None => String::new(),
    };
    format!("Bars start at zero; whiskers are the interval for the median over starts.{noise}")
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
                    plugin(&cell.plugin, &cell.language),
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
