//! The article's figures beside ours.

use crate::article::{ARTICLE_URL, Article, article};
use crate::charts;
use crate::number::{significant, us};
use crate::text::escape;

use super::View;
use super::parts::{Cell, TableRow, chip, figure, table};

pub(super) fn body(view: &View<'_>) -> String {
    let Some(article) = article(view.summary) else { return String::new() };
    let svg = charts::article(&article, &view.id("article-chart"));
    let caption = "Diamonds are published, the other marks measured here; the axis is logarithmic. Where a language has a \
                   plugin with its SDK that one is taken, because the article used SDKs.";
    let mut html = format!(
        "<p class=\"quiet\">Alibaba Cloud’s <a href=\"{ARTICLE_URL}\">Plug-in performance reference</a> gives one figure \
         per language for the same work: set, get and remove 20 request headers, 60 calls in all. It states no hardware, \
         no baseline, no load and no spread.</p>"
    );
    if !article.order.is_empty() {
        html.push_str(&format!("<p>{}</p>", escape(&article.order)));
    }
    html.push_str(&figure("Chart: published and measured", &svg, caption, &behind(&article)));
    html.push_str(&verdicts(&article));
    html
}

fn verdicts(article: &Article) -> String {
    let rows: Vec<TableRow> = article
        .rows
        .iter()
        .map(|row| {
            TableRow::new(vec![
                Cell::Html(format!("{}{}", chip(row.published.language), escape(row.published.name))),
                Cell::Number(format!("{:.2} ms", row.published.ms)),
                Cell::Html(format!("<span class=\"nowrap\">{}</span>", row.agreement.words())),
                Cell::LongHtml(options(&escape(&row.sentence))),
            ])
        })
        .collect();
    table("What this run says of each published figure", &["Language", ">published", "verdict", "why"], &rows)
}

/// What stands between backticks, as code that does not break.
fn options(escaped: &str) -> String {
    let mut html = String::new();
    for (index, part) in escaped.split('`').enumerate() {
        html.push_str(&if index % 2 == 1 { format!("<code class=\"nowrap\">{part}</code>") } else { part.to_owned() });
    }
    html
}

fn behind(article: &Article) -> String {
    let rows: Vec<TableRow> = article
        .rows
        .iter()
        .flat_map(|row| row.measured.iter().map(move |measured| (row.published, measured)))
        .map(|(published, measured)| {
            TableRow::new(vec![
                Cell::Html(format!("{}{}", chip(published.language), escape(published.name))),
                Cell::Text(measured.place.clone()),
                Cell::Text(measured.plugin.clone()),
                Cell::Number(us(published.ms * 1e6, 0)),
                Cell::Main(us(measured.added_ns.p50, 2)),
                Cell::Number(significant(measured.ratio)),
            ])
        })
        .collect();
    let columns = ["Language", "place", "plugin", ">published µs", ">added µs", ">measured ÷ published"];
    table("Published and measured, µs per request", &columns, &rows)
}
