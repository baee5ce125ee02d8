//! One file that is the whole report: no network, no script, light and dark, screen and paper.

mod answer;
mod article;
mod compare;
mod cost;
mod data;
mod figures;
mod lifecycle;
mod load;
mod method;
mod parts;
mod percentiles;
mod scenario;
mod work;

use tollgate_record::Record;

use crate::headline::{Headline, headline};
use crate::place::{Place, places};
use crate::summary::{Summary, summarize};
use crate::text::escape;
use parts::fill;

/// The report of one record, or of several with a comparison first.
pub fn html(records: &[Record]) -> String {
    let summaries: Vec<Summary> = records.iter().map(summarize).collect();
    let views: Vec<View<'_>> =
        records.iter().zip(&summaries).enumerate().map(|(index, pair)| View::new(pair, index, records.len())).collect();
    let (title, body) = match views.as_slice() {
        [] => ("No record".to_owned(), "<h1>No record</h1><p>There is nothing to report.</p>".to_owned()),
        [only] => (only.headline.title.clone(), only.body()),
        many => {
            let title = format!("{} runs side by side", many.len());
            let bodies: String = many.iter().map(View::body).collect();
            (title.clone(), format!("<h1>{title}</h1>{}{bodies}", compare::section(many)))
        }
    };
    fill(
        include_str!("page.html"),
        &[
            ("title", &escape(&title)),
            ("style", include_str!("style.css")),
            ("contents", &contents(&views, &body)),
            ("body", &body),
            ("version", &versions(records)),
            ("data", &data::blocks(&views)),
        ],
    )
}

/// A record as the sections see it.
struct View<'a> {
    record: &'a Record,
    summary: &'a Summary,
    /// Nearest to production first.
    places: Vec<Place<'a>>,
    headline: Headline,
    /// What makes its ids unique among several records.
    prefix: String,
    /// What makes its names unique among several records: `, run 2`.
    suffix: String,
    /// Level of its own heading: 1 when it is alone on the page.
    level: u8,
}

impl<'a> View<'a> {
    fn new((record, summary): (&'a Record, &'a Summary), index: usize, of: usize) -> Self {
        let mut places = places(summary);
        places.reverse();
        let prefix = if of == 1 { String::new() } else { format!("run{}-", index + 1) };
        let suffix = if of == 1 { String::new() } else { format!(", run {}", index + 1) };
        let level = if of == 1 { 1 } else { 2 };
        Self { record, summary, places, headline: headline(summary), prefix, suffix, level }
    }

    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A part of the report under its heading; nothing when there is nothing in it.
    fn section(&self, name: &str, title: &str, body: &str) -> String {
        if body.is_empty() {
            return String::new();
        }
        let (id, level) = (self.id(name), self.level + 1);
        format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h{level} id=\"{id}-h\">{title}{}</h{level}>{body}</section>\n",
            self.suffix
        )
    }

    fn heading(&self, title: &str) -> String {
        let level = self.level + 2;
        format!("<h{level}>{}</h{level}>", escape(title))
    }

    fn body(&self) -> String {
        let sections = [
            answer::head(self),
            self.section("added", "Added latency", &answer::charts(self)),
            self.section("percentiles", "Percentiles", &percentiles::body(self)),
            self.section("article", "Beside the published figures", &article::body(self)),
            self.section("figures", "All figures", &figures::body(self)),
            self.section("cost", "Cost against work", &cost::body(self)),
            self.section("lifecycle", "Life and memory", &lifecycle::body(self)),
            self.section("load", "Under load", &load::body(self)),
            self.section("scenarios", "Plugins exchanged, failing, in a row", &scenario::body(self)),
            self.section("work", "Work per request", &work::body(self)),
            self.section("failures", "Failures", &method::failures(self)),
            self.section("method", "Method and environment", &method::body(self)),
            self.section("data", "Data", &data::downloads(self)),
        ];
        let body = sections.concat();
        if self.prefix.is_empty() {
            body
        } else {
            // Regions need names of their own on a page; this is the end of each region's tag and of nothing else.
            let body = body.replace("\" tabindex=\"0\">", &format!("{}\" tabindex=\"0\">", self.suffix));
            format!("<div class=\"record\" id=\"{}top\">{body}</div>", self.prefix)
        }
    }
}

fn contents(views: &[View<'_>], body: &str) -> String {
    let link = |id: &str, text: &str| format!("<li><a href=\"#{id}\">{text}</a></li>");
    match views {
        [] => String::new(),
        [_] => {
            let all = [
                ("added", "Added latency"),
                ("percentiles", "Percentiles"),
                ("article", "Published"),
                ("figures", "Figures"),
                ("cost", "Cost"),
                ("lifecycle", "Life"),
                ("load", "Load"),
                ("scenarios", "Scenarios"),
                ("work", "Work"),
                ("failures", "Failures"),
                ("method", "Method"),
                ("data", "Data"),
            ];
            let there = |id: &str| body.contains(&format!("<section id=\"{id}\""));
            all.iter().filter(|(id, _)| there(id)).map(|(id, text)| link(id, text)).collect()
        }
        many => {
            let runs = (1..=many.len()).map(|number| link(&format!("run{number}-top"), &format!("Run {number}")));
            std::iter::once(link("compare", "Comparison")).chain(runs).collect()
        }
    }
}

fn versions(records: &[Record]) -> String {
    let mut versions: Vec<String> = records.iter().map(|record| escape(&record.tollgate_version)).collect();
    versions.dedup();
    versions.join(", ")
}
