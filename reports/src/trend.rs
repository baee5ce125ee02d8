//! The same cells over several records, in the order of time.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_record::{Mode, Phase};

use crate::csv::{field, mode_name, number};
use crate::estimate::Estimate;
use crate::number::{percent, signed_percent};
use crate::summary::Summary;
use crate::text;

/// One cell over several records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// In process or live.
    pub mode: Mode,
    /// Host or gateway.
    pub host: String,
    /// Name of the workload.
    pub workload: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Its language.
    pub language: String,
    /// Of each record that has a figure of it, from the oldest to the newest.
    pub points: Vec<TrendPoint>,
}

/// A cell's figure in one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendPoint {
    /// When that run began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Version that the host or gateway gave of itself.
    pub host_version: String,
    /// Added latency, nanoseconds per request.
    pub added_ns: Estimate,
}

/// All requests of plugins, and A' as each place's noise.
pub fn trends<'s>(summaries: impl IntoIterator<Item = &'s Summary>) -> Vec<Trend> {
    let mut ordered: Vec<&Summary> = summaries.into_iter().collect();
    ordered.sort_by_key(|summary| summary.environment.started_unix_ms);
    let mut trends: BTreeMap<(Mode, String, String, String), Trend> = BTreeMap::new();
    for summary in ordered {
        for cell in summary.cells.iter().filter(|cell| cell.phase == Phase::Request) {
            let Some(added_ns) = cell.added_ns else { continue };
            let key = (cell.mode, cell.host.clone(), cell.workload.clone(), cell.plugin.clone());
            let trend = trends.entry(key).or_insert_with(|| Trend {
                mode: cell.mode,
                host: cell.host.clone(),
                workload: cell.workload.clone(),
                plugin: cell.plugin.clone(),
                language: cell.language.clone(),
                points: Vec::new(),
            });
            let started_unix_ms = summary.environment.started_unix_ms;
            trend.points.push(TrendPoint { started_unix_ms, host_version: cell.host_version.clone(), added_ns });
        }
    }
    trends.into_values().collect()
}

impl Trend {
    /// The oldest and the newest figure, where there are two.
    pub fn ends(&self) -> Option<(&Estimate, &Estimate)> {
        match self.points.as_slice() {
            [first, .., last] => Some((&first.added_ns, &last.added_ns)),
            _ => None,
        }
    }

    /// Newest over oldest minus 1, where the two intervals lie apart and both figures are above zero.
    pub fn change(&self) -> Option<f64> {
        let (first, last) = self.ends()?;
        let is_apart = first.overlaps(last) == Some(false) && first.p50 > 0.0 && last.p50 > 0.0;
        is_apart.then(|| last.p50 / first.p50 - 1.0)
    }
}

/// What the oldest and the newest figures say, in words that claim no more than intervals do.
pub(crate) fn words(trends: &[Trend]) -> String {
    let of_plugins: Vec<&Trend> = trends.iter().filter(|trend| trend.language != "none").collect();
    let both = of_plugins.iter().filter(|trend| trend.ends().is_some()).count();
    let mut changed: Vec<(&Trend, f64)> =
        of_plugins.iter().filter_map(|trend| Some((*trend, trend.change()?))).collect();
    changed.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let rose = changed.iter().filter(|(_, share)| *share > 0.0).count();
    let Some((trend, share)) = changed.first() else {
        return format!(
            "Of {both} figures that several runs have, none went from its oldest to its newest by more than their intervals."
        );
    };
    let plugin = format!(
        "{} on {} ({})",
        text::name(&trend.plugin, 40),
        text::name(&trend.host, 40),
        text::name(&trend.workload, 40)
    );
    format!(
        "Of {both} figures that several runs have, {rose} rose and {} fell from their oldest to their newest by more than their \
         intervals; most, {plugin}, by {} %. Of two times six starts of the same thing, intervals lie apart about once in 460 times, \
         and what changed in the machine is in none of them.",
        changed.len() - rose,
        signed_percent(*share),
    )
}

/// Least confidence of the intervals, in words; none without any.
pub(crate) fn confidence(trends: &[Trend]) -> Option<String> {
    let all = trends.iter().flat_map(|trend| &trend.points).filter_map(|point| point.added_ns.confidence);
    all.min_by(f64::total_cmp).map(percent)
}

/// One line per figure, for spreadsheets; text that one would take for a formula gets an apostrophe before it.
pub(crate) fn csv(trends: &[Trend]) -> String {
    let mut text =
        "started_unix_ms,mode,host,host_version,workload,plugin,language,added_p50_ns,added_low_ns,added_high_ns,\
                    confidence,starts\n"
            .to_owned();
    for trend in trends {
        for point in &trend.points {
            let added = point.added_ns;
            let fields = [
                point.started_unix_ms.to_string(),
                mode_name(trend.mode).to_owned(),
                field(&trend.host),
                field(&point.host_version),
                field(&trend.workload),
                field(&trend.plugin),
                field(&trend.language),
                added.p50.to_string(),
                number(added.low),
                number(added.high),
                number(added.confidence),
                added.starts.to_string(),
            ];
            text.push_str(&fields.join(","));
            text.push('\n');
        }
    }
    text
}
