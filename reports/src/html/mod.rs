//! One file that is the whole report: no network, complete without its script, light and dark, screen and paper.

mod answer;
mod article;
mod breakdown;
mod compare;
mod cost;
mod data;
mod distribution;
mod figures;
mod lifecycle;
mod load;
mod method;
mod parts;
mod percentiles;
mod rounds;
mod scenario;
mod shift;
mod trend;
mod work;

use tollgate_record::{Cell, Record};

use crate::headline::{Headline, headline};
use crate::place::{Place, places};
use crate::summary::{Summary, SummaryCell, summarize};
use crate::text::escape;
use parts::fill;

/// Our own script, which only adds what is nice.
const SCRIPT: &str = include_str!("script.js");

/// What the page's policy knows the script by: no other runs. A test says what it must be when the script has changed.
const SCRIPT_DIGEST: &str = "sha256-GYmIRsD0etrLrkyDehpU30WOCLf02p3474wuPAjkP44=";

/// So many records are shown on one page each by itself; of more, the newest is.
const EACH: usize = 3;

/// The report of one record, or of several with a comparison and their course over time first.
pub fn html(records: &[Record]) -> String {
    let summaries: Vec<Summary> = records.iter().map(summarize).collect();
    let mut views: Vec<View<'_>> =
        records.iter().zip(&summaries).enumerate().map(|(index, pair)| View::new(pair, index, records.len())).collect();
    let newest = (0..views.len()).max_by_key(|&at| records[at].started_unix_ms);
    views.iter_mut().enumerate().for_each(|(at, view)| view.is_brief = Some(at) != newest);
    let newest = newest.map(|at| &views[at]);
    let shown: Vec<&View<'_>> = match views.len() {
        0..=EACH => views.iter().collect(),
        _ => newest.into_iter().collect(),
    };
    let (title, body) = match (views.as_slice(), newest) {
        ([only], _) => (only.headline.title.clone(), only.body()),
        (many, Some(newest)) => {
            let how = if many.len() == 2 { "side by side" } else { "over time" };
            let title = format!("{} runs {how}", many.len());
            let bodies: String = shown.iter().map(|view| view.body()).collect();
            let left_out = match many.len() - shown.len() {
                0 => String::new(),
                _ => "<p class=\"note\">Below, the newest run; a report of each other is made from its record.</p>"
                    .to_owned(),
            };
            // Two are compared; of more, what they come to over time is the answer.
            let (compared, over_time) = (compare::section(many, &shown), trend::section(many, newest));
            let sections = if many.len() == 2 { compared + &over_time } else { over_time + &compared };
            (title.clone(), format!("<h1>{title}</h1>{sections}{left_out}{bodies}"))
        }
        _ => ("No record".to_owned(), "<h1>No record</h1><p>There is nothing to report.</p>".to_owned()),
    };
    fill(
        include_str!("page.html"),
        &[
            ("title", &escape(&title)),
            ("style", &(include_str!("style.css").to_owned() + &parts::chip_styles())),
            ("contents", &contents(&shown, views.len(), &body)),
            ("body", &body),
            ("version", &versions(records)),
            ("script", SCRIPT),
            ("script_digest", SCRIPT_DIGEST),
        ],
    )
}

/// A record as the sections see it.
struct View<'a> {
    record: &'a Record,
    summary: &'a Summary,
    /// In the order of the headline's.
    places: Vec<Place<'a>>,
    headline: Headline,
    /// What makes its ids unique among several records.
    prefix: String,
    /// Its place among several records, from 1.
    number: usize,
    /// Whether it goes without the charts that look into a run: so do all but the newest of several.
    is_brief: bool,
    /// What makes its names unique among several records: `, run 2`.
    suffix: String,
    /// Level of its own heading: 1 when it is alone on the page.
    level: u8,
}

impl<'a> View<'a> {
    fn new((record, summary): (&'a Record, &'a Summary), index: usize, of: usize) -> Self {
        let mut headline = headline(summary);
        let places = places(summary);
        // Those with the workload of the first together, then the others, each nearest to production first.
        let first = places.last().map(|place| place.workload);
        let mut with_words: Vec<_> = places.into_iter().rev().zip(headline.places).collect();
        with_words.sort_by_key(|(place, _)| Some(place.workload) != first);
        let (places, words) = with_words.into_iter().unzip();
        headline.places = words;
        let prefix = if of == 1 { String::new() } else { format!("run{}-", index + 1) };
        let suffix = if of == 1 { String::new() } else { format!(", run {}", index + 1) };
        let level = if of == 1 { 1 } else { 2 };
        Self { record, summary, places, headline, prefix, number: index + 1, is_brief: false, suffix, level }
    }

    /// What the record has of a cell of its summary.
    fn source(&self, cell: &SummaryCell) -> Option<&'a Cell> {
        let at = self.summary.cells.iter().position(|other| std::ptr::eq(other, cell))?;
        self.record.cells.get(at)
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
        let looked_into = |body: &dyn Fn(&Self) -> String| if self.is_brief { String::new() } else { body(self) };
        let sections = [
            answer::head(self),
            self.section("added", "Added latency", &answer::charts(self)),
            self.section("parts", "Where the time goes", &looked_into(&breakdown::body)),
            self.section("distributions", "Distributions", &looked_into(&distribution::body)),
            self.section("percentiles", "Percentiles", &looked_into(&percentiles::body)),
            self.section("shift", "Fast and slow requests", &looked_into(&shift::body)),
            self.section("rounds", "Rounds over time", &looked_into(&rounds::body)),
            self.section("article", "Beside the published figures", &article::body(self)),
            self.section("figures", "All figures", &figures::body(self)),
            self.section("cost", "Cost against work", &cost::body(self)),
            self.section("lifecycle", "Life and memory", &lifecycle::body(self)),
            self.section("load", "Under load", &load::body(self)),
            self.section("scenarios", &scenario::title(self), &scenario::body(self)),
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

fn contents(shown: &[&View<'_>], of: usize, body: &str) -> String {
    let link = |id: &str, text: &str| format!("<li><a href=\"#{id}\">{text}</a></li>");
    match shown {
        [] => String::new(),
        [_] if of == 1 => {
            let all = [
                ("added", "Added latency"),
                ("parts", "Parts"),
                ("distributions", "Distributions"),
                ("percentiles", "Percentiles"),
                ("shift", "Shift"),
                ("rounds", "Rounds"),
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
            let run = |view: &&View<'_>| {
                let text = if of > many.len() { "Newest run".to_owned() } else { format!("Run {}", view.number) };
                link(&format!("{}top", view.prefix), &text)
            };
            let mut first = vec![link("compare", "Comparison"), link("trend", "Over time")];
            if of != 2 {
                first.reverse();
            }
            first.into_iter().chain(many.iter().map(run)).collect()
        }
    }
}

fn versions(records: &[Record]) -> String {
    let mut versions: Vec<String> = records.iter().map(|record| escape(&record.tollgate_version)).collect();
    versions.dedup();
    versions.join(", ")
}
