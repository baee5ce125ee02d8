//! Where a plugin's added latency goes, as far as arms of one run tell its parts apart.
//!
//! Each part is a difference of arms that shared rounds, taken within each start; the median over starts is what stands. So
//! parts need not add up to the whole exactly, and what is left is shown as the rest.

use tollgate_record::{PluginKind, Variant};

use crate::estimate::median;
use crate::place::{Place, Row};
use crate::summary::SummaryCell;

/// A part of what a plugin adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Being called at all: `boundary` when it does nothing; for what crosses no such boundary, the plugin itself when it
    /// does nothing.
    HostFloor,
    /// Going into the host and back for each operation: what the calls of `boundary` cost beyond the header work.
    Crossings,
    /// Work on headers: what `native` costs beyond doing nothing. An upper bound, because it builds its strings.
    HeaderWork,
    /// Both, where native work is not below what the same calls cost `boundary`, whose strings are constants.
    Calls,
    /// The plugin's own code: raw plugin minus `boundary`.
    GuestCode,
    /// The SDK: minus the raw plugin of its language.
    Sdk,
    /// What no arm tells apart, and what does not add up.
    Rest,
}

impl Part {
    /// All of them, from the host outwards.
    pub const ALL: [Self; 7] =
        [Self::HostFloor, Self::Crossings, Self::HeaderWork, Self::Calls, Self::GuestCode, Self::Sdk, Self::Rest];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostFloor => "host floor",
            Self::Crossings => "crossings",
            Self::HeaderWork => "header work",
            Self::Calls => "crossings and header work",
            Self::GuestCode => "guest code",
            Self::Sdk => "SDK",
            Self::Rest => "rest",
        }
    }
}

/// The parts of one plugin.
#[derive(Debug, Clone)]
pub struct Breakdown<'a> {
    /// The plugin in its place.
    pub row: Row<'a>,
    /// Its added latency, nanoseconds per request.
    pub added_ns: f64,
    /// Its parts in their order, nanoseconds per request; the last is [`Part::Rest`], and with it they add up to the whole.
    pub parts: Vec<(Part, f64)>,
}

/// The plugins of a place whose work is known to be the same as that of `boundary` there, with their parts. Empty without
/// `boundary` at the workload and when it does nothing.
pub fn breakdowns<'a>(place: &Place<'a>) -> Vec<Breakdown<'a>> {
    let Some(floors) = Floors::of(place) else { return Vec::new() };
    let inside = place.rows.iter().filter(|row| row.cell.kind != Some(PluginKind::External));
    inside.filter_map(|row| breakdown(place, row, &floors)).collect()
}

/// Whether crossings and header work can be told apart in a place, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// By `native`, which has no crossings and takes less than the calls of `boundary`.
    Native,
    /// They cannot: `native` takes more, because it builds its strings. Both in nanoseconds per request.
    TooHigh {
        /// What `native` takes for the work.
        native_ns: f64,
        /// What the calls of `boundary` take.
        calls_ns: f64,
    },
    /// They cannot: there is no `native`.
    Missing,
}

/// Whether they can in this place; none where nothing is taken apart.
pub fn bound(place: &Place<'_>) -> Option<Bound> {
    Floors::of(place).map(|floors| floors.bound)
}

/// The arms that all parts are taken from.
struct Floors<'a> {
    boundary: &'a SummaryCell,
    boundary_noop: &'a SummaryCell,
    /// With its work, and without; only where it bounds the header work.
    native: Option<(&'a SummaryCell, &'a SummaryCell)>,
    bound: Bound,
}

impl<'a> Floors<'a> {
    fn of(place: &Place<'a>) -> Option<Self> {
        let named = |name: &str| place.rows.iter().find(|row| row.cell.plugin == name);
        let pair = |name: &str| named(name).and_then(|row| Some((row.cell, row.noop?)));
        let (boundary, boundary_noop) = pair("boundary")?;
        let calls_ns = paired(&[boundary], &[boundary_noop])?;
        let native = pair("native");
        let bound = match native.and_then(|(work, noop)| paired(&[work], &[noop])) {
            None => Bound::Missing,
            Some(native_ns) if native_ns < calls_ns => Bound::Native,
            Some(native_ns) => Bound::TooHigh { native_ns, calls_ns },
        };
        Some(Self { boundary, boundary_noop, native: native.filter(|_| bound == Bound::Native), bound })
    }
}

fn breakdown<'a>(place: &Place<'a>, row: &Row<'a>, floors: &Floors<'a>) -> Option<Breakdown<'a>> {
    let cell = row.cell;
    let added_ns = cell.added_ns?.p50;
    let mut parts: Vec<(Part, f64)> = Vec::new();
    let mut part = |part: Part, ns: Option<f64>| parts.extend(ns.map(|ns| (part, ns)));
    if cell.kind == Some(PluginKind::ProxyWasm) && cell.host == floors.boundary.host {
        let Floors { boundary, boundary_noop, native, .. } = *floors;
        part(Part::HostFloor, paired(&[boundary_noop], &[]));
        match native {
            Some((work, noop)) => {
                part(Part::Crossings, paired(&[boundary, noop], &[boundary_noop, work]));
                part(Part::HeaderWork, paired(&[work], &[noop]));
            }
            None => part(Part::Calls, paired(&[boundary], &[boundary_noop])),
        }
        if cell.plugin != boundary.plugin {
            match raw_of(place, cell) {
                Some(raw) => {
                    part(Part::GuestCode, paired(&[raw], &[boundary]));
                    part(Part::Sdk, paired(&[cell], &[raw]));
                }
                None => part(Part::GuestCode, paired(&[cell], &[boundary])),
            }
        }
    } else {
        part(Part::HostFloor, row.noop.and_then(|noop| paired(&[noop], &[])));
    }
    let known: f64 = parts.iter().map(|(_, ns)| ns).sum();
    parts.push((Part::Rest, added_ns - known));
    Some(Breakdown { row: row.clone(), added_ns, parts })
}

/// The raw plugin of an SDK plugin's language in the same host.
fn raw_of<'a>(place: &Place<'a>, sdk: &SummaryCell) -> Option<&'a SummaryCell> {
    if sdk.variant != Some(Variant::Sdk) {
        return None;
    }
    let is_raw = |cell: &&SummaryCell| {
        cell.variant == Some(Variant::Raw) && cell.language == sdk.language && cell.host == sdk.host
    };
    let mut raws = place.rows.iter().map(|row| row.cell).filter(is_raw);
    let (raw, None) = (raws.next()?, raws.next()) else { return None };
    raw.added_ns.is_some().then_some(raw)
}

/// Median over the starts that all of them share of the sum of some cells' added latencies minus the sum of others'.
fn paired(plus: &[&SummaryCell], minus: &[&SummaryCell]) -> Option<f64> {
    let at = |cell: &SummaryCell, start: u32| {
        cell.starts.iter().find(|other| other.start == start).map(|other| other.added_ns)
    };
    let sum = |cells: &[&SummaryCell], start| cells.iter().map(|cell| at(cell, start)).sum::<Option<f64>>();
    let starts = plus.first()?.starts.iter().map(|start| start.start);
    let differences: Vec<f64> = starts.filter_map(|start| Some(sum(plus, start)? - sum(minus, start)?)).collect();
    median(&differences)
}
