//! The published comparison that Tollgate began with, beside what was measured here.

use tollgate_record::{Mode, PluginKind, Variant};

use crate::estimate::Estimate;
use crate::headline::unsettled;
use crate::number::{duration, significant};
use crate::place::{Place, places};
use crate::summary::Summary;
use crate::text;
use crate::workload::SHARED;

/// Where the published figures stand: "Plug-in performance reference", Alibaba Cloud (Higress).
pub const ARTICLE_URL: &str = "https://www.alibabacloud.com/help/en/api-gateway/cloud-native-api-gateway/user-guide/plug-in-performance-reference";

/// A figure of the article: the whole cost of setting, getting and removing 20 request headers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// Language as the article spells it.
    pub name: &'static str,
    /// Language as Tollgate spells it.
    pub language: &'static str,
    /// Published milliseconds, two decimals.
    pub ms: f64,
}

/// All figures of the article. Hardware, baseline, load, spread and percentiles are not given there.
pub const PUBLISHED: [Published; 4] = [
    Published { name: "C++", language: "C++", ms: 0.19 },
    Published { name: "Golang", language: "Go", ms: 0.20 },
    Published { name: "Rust", language: "Rust", ms: 0.21 },
    Published { name: "AssemblyScript", language: "AssemblyScript", ms: 0.21 },
];

/// A published figure counts as confirmed within this factor, because the hardware is not given.
const SAME: f64 = 1.25;

/// Beyond this factor it counts as contradicted: more than server cores of one decade are likely to differ by.
const DIFFERENT: f64 = 3.0;

/// What our measurement says of a published figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Within a quarter of each other.
    Confirmed,
    /// Further apart than hardware explains.
    Contradicted,
    /// One of the two lacks what a comparison needs.
    NotComparable,
}

impl Agreement {
    /// The same in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Contradicted => "contradicted",
            Self::NotComparable => "not comparable",
        }
    }
}

/// What a place says of the article's language.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Short name of the place.
    pub place: String,
    /// Mode of the place.
    pub mode: Mode,
    /// Host or gateway of the cell.
    pub host: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Bare ABI or SDK; the article used SDKs, so the SDK's is taken where there is one.
    pub variant: Option<Variant>,
    /// Added latency in nanoseconds.
    pub added_ns: Estimate,
    /// Measured over published.
    pub ratio: f64,
}

/// A published figure with ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ArticleRow {
    /// The article's figure.
    pub published: Published,
    /// Ours, in the order of the places.
    pub measured: Vec<Measured>,
    /// What that means.
    pub agreement: Agreement,
    /// The same in a sentence, with its reason.
    pub sentence: String,
}

/// The article beside a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Article {
    /// One per published figure.
    pub rows: Vec<ArticleRow>,
    /// What the run says of the article's order and spread, which do not depend on the hardware as its figures do.
    pub order: String,
}

/// Sets the article's figures beside a run's. None when the run measured none of its languages.
pub fn article(summary: &Summary) -> Option<Article> {
    let places = places(summary);
    let rows: Vec<ArticleRow> = PUBLISHED.iter().map(|published| row(*published, &places)).collect();
    let order = order(&rows);
    rows.iter().any(|row| !row.measured.is_empty()).then_some(Article { rows, order })
}

fn row(published: Published, places: &[Place<'_>]) -> ArticleRow {
    // The article's workload is `headers`; others do other work.
    let measured: Vec<Measured> = places
        .iter()
        .filter(|place| place.workload == SHARED)
        .filter_map(|place| measured_in(published, place))
        .collect();
    let (agreement, sentence) = judge(published, &measured);
    ArticleRow { published, measured, agreement, sentence }
}

fn measured_in(published: Published, place: &Place<'_>) -> Option<Measured> {
    // The published ones are plugins inside the gateway.
    let inside = place.rows.iter().map(|row| row.cell).filter(|cell| cell.kind != Some(PluginKind::External));
    let cells = inside.filter(|cell| cell.language == published.language);
    let cell = cells.filter(|cell| cell.added_ns.is_some()).max_by_key(|cell| cell.variant)?;
    let added_ns = cell.added_ns?;
    Some(Measured {
        place: place.short_title(),
        mode: cell.mode,
        host: cell.host.clone(),
        plugin: text::name(&cell.plugin, 40),
        variant: cell.variant,
        added_ns,
        ratio: added_ns.p50 / (published.ms * 1e6),
    })
}

fn judge(published: Published, measured: &[Measured]) -> (Agreement, String) {
    let Some(envoy) = measured.iter().find(|measured| measured.host == "envoy") else {
        let reason = match measured {
            [] => "Not measured in this run.".to_owned(),
            _ => "Not measured on Envoy in this run, on which the article's gateway is built; run with \
                  `--gateway envoy` to compare."
                .to_owned(),
        };
        return (Agreement::NotComparable, reason);
    };
    let published_ns = published.ms * 1e6;
    let (low, high) = envoy.added_ns.interval().unwrap_or((envoy.added_ns.p50, envoy.added_ns.p50));
    // The nearest and the farthest that the interval allows; published figures have two decimals, so ±0.005 ms.
    let near = ((published_ns - 5e3) / high).max(low / (published_ns + 5e3));
    let far = ((published_ns + 5e3) / low).max(high / (published_ns - 5e3));
    let same_api = match envoy.variant {
        Some(Variant::Raw) => " Ours uses the bare ABI where the article used an SDK.",
        _ => "",
    };
    let figure = duration(envoy.added_ns.p50);
    if low <= 0.0 {
        return (Agreement::NotComparable, format!("{figure} on Envoy is not above the noise of this run."));
    }
    let few = unsettled(std::iter::once(&envoy.added_ns));
    if far <= SAME
        && let Some(few) = few
    {
        let text = format!("{figure} on Envoy agrees within a quarter, which is {few}.{same_api}");
        return (Agreement::NotComparable, text);
    }
    if far <= SAME {
        let text =
            format!("{figure} on Envoy agrees within a quarter, though the article names no hardware.{same_api}");
        return (Agreement::Confirmed, text);
    }
    let apart = if envoy.ratio < 1.0 {
        format!("The published figure is {} times the {figure} measured on Envoy", significant(1.0 / envoy.ratio))
    } else {
        format!("The {figure} measured on Envoy are {} times the published figure", significant(envoy.ratio))
    };
    if near >= DIFFERENT {
        let text = format!(
            "{apart}: further apart than hardware is likely to explain. What it includes beyond the plugin is not \
             stated.{same_api}"
        );
        return (Agreement::Contradicted, text);
    }
    (
        Agreement::NotComparable,
        format!("{apart}: the hardware, which the article does not name, could explain that.{same_api}"),
    )
}

fn order(rows: &[ArticleRow]) -> String {
    // The last place, which is the nearest to production, that measured more than one of the languages.
    let at = |place: &str| -> Vec<(&'static str, &Measured)> {
        let in_place = |row: &'_ ArticleRow| row.measured.iter().position(|measured| measured.place == place);
        rows.iter().filter_map(|row| Some((row.published.name, &row.measured[in_place(row)?]))).collect()
    };
    let mut names: Vec<&str> =
        rows.iter().flat_map(|row| &row.measured).map(|measured| measured.place.as_str()).collect();
    names.reverse();
    names.sort_by_key(|name| *name != "envoy");
    let Some(chosen) = names.into_iter().map(at).find(|chosen| chosen.len() > 1) else { return String::new() };
    let mut sorted: Vec<&(&str, &Measured)> = chosen.iter().collect();
    sorted.sort_by(|(_, a), (_, b)| a.added_ns.p50.total_cmp(&b.added_ns.p50));
    let (Some((_, least)), Some((_, most))) = (sorted.first(), sorted.last()) else { return String::new() };
    if sorted.len() < 2 || least.added_ns.p50 <= 0.0 {
        return String::new();
    }
    let names: Vec<&str> = sorted.iter().map(|(name, _)| *name).collect();
    let overlapping = sorted.windows(2).any(|pair| pair[0].1.added_ns.overlaps(&pair[1].1.added_ns).unwrap_or(true));
    let spread = most.added_ns.p50 / least.added_ns.p50;
    let said = "The article orders them C++, Golang, Rust and AssemblyScript, all within a factor of 1.1.";
    if least.host != "envoy" {
        return format!(
            "{said} Nothing here was measured on Envoy, on which its gateway is built, so this run neither confirms nor \
             contradicts that; on {} the order is {}, within a factor of {}.",
            least.place,
            names.join(", "),
            significant(spread),
        );
    }
    let mut text =
        format!("{said} On envoy the order is {}, within a factor of {}", names.join(", "), significant(spread));
    if let Some(unsettled) = unsettled(sorted.iter().map(|(_, measured)| &measured.added_ns)) {
        text.push_str(&format!("; it is {unsettled}"));
    } else if overlapping {
        text.push_str("; some neighbours' intervals overlap, so the order is not settled everywhere");
    }
    text.push_str(if spread > 1.5 {
        ". That the languages cost nearly the same is not what is seen here."
    } else {
        "."
    });
    if chosen.iter().any(|(_, measured)| measured.variant == Some(Variant::Raw)) {
        text.push_str(" Plugins without an SDK stand among those with one, which favours them.");
    }
    text
}
