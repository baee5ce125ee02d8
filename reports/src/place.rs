//! The cells of a summary as people look at them: one place (a host or a gateway) with its plugins, floors and noise.

use tollgate_record::{Control, Mode, Phase, PluginKind, Variant};

use crate::cost_line::is_only_a_point;
use crate::estimate::{Estimate, over_starts};
use crate::language;
use crate::summary::{Summary, SummaryCell};
use crate::text;
use crate::workload::{SHARED, is_noop, is_on_response};

/// Where plugins were measured beside each other, against one control, at one workload.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// In process or live.
    pub mode: Mode,
    /// Names and versions of the hosts, or of the gateway.
    pub hosts: Vec<(&'a str, &'a str)>,
    /// Workload of the rows.
    pub workload: &'a str,
    /// Control A: what added latency is counted from.
    pub control: Option<&'a SummaryCell>,
    /// Control A': what no difference looks like here.
    pub noise: Option<&'a SummaryCell>,
    /// The plugins, floors first, then by language, raw before SDK.
    pub rows: Vec<Row<'a>>,
}

/// A plugin in a place.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The plugin at the place's workload.
    pub cell: &'a SummaryCell,
    /// The same plugin at the workload that does nothing.
    pub noop: Option<&'a SummaryCell>,
    /// On an SDK row: what the SDK adds to the same language's raw plugin, paired by start.
    pub sdk_adds: Option<Estimate>,
}

impl Place<'_> {
    /// A name for people: `in process (wasmtime, luajit)`, `envoy, live`.
    pub fn title(&self) -> String {
        let names: Vec<String> = self.hosts.iter().map(|(name, _)| text::name(name, 40)).collect();
        match self.mode {
            Mode::InProcess => format!("in process ({})", names.join(", ")),
            Mode::Live => format!("{}, live", names.join(", ")),
        }
    }

    /// The title of a chart or a table, which says on whose headers where that is not the request.
    pub(crate) fn caption(&self) -> String {
        let title = self.title();
        if is_on_response(self.workload) { format!("{title}, response headers") } else { title }
    }

    /// The shortest name that tells it from the other places of a run.
    pub fn short_title(&self) -> String {
        match (self.mode, self.hosts.first()) {
            (Mode::Live, Some((name, _))) => text::name(name, 24),
            (_, Some((name, _))) => format!("{} (in process)", text::name(name, 24)),
            _ => "in process".to_owned(),
        }
    }

    /// Hosts with their versions: `wasmtime 48.0.8, luajit 2.1`.
    pub fn versions(&self) -> String {
        let names = self.hosts.iter().map(|(name, version)| {
            let (name, version) = (text::name(name, 40), text::name(version, 60));
            if version.starts_with(&name) { version } else { format!("{name} {version}") }
        });
        names.collect::<Vec<_>>().join(", ")
    }

    /// Whether the gateway timed requests too.
    pub(crate) fn has_own_clock(&self) -> bool {
        self.rows.iter().map(|row| row.cell).chain(self.noise).any(|cell| cell.gateway_added_ns.is_some())
    }

    /// Largest distance from zero that the noise reaches, in nanoseconds; none without an A'.
    pub fn noise_ns(&self) -> Option<f64> {
        let noise = self.noise?.added_ns?;
        let (low, high) = noise.interval().unwrap_or((noise.p50, noise.p50));
        Some(low.abs().max(high.abs()))
    }

    /// Largest finite end of an interval among rows and noise, in nanoseconds.
    pub(crate) fn largest_ns(&self) -> f64 {
        let cells = self.rows.iter().map(|row| row.cell).chain(self.noise);
        let ends = cells.filter_map(|cell| cell.added_ns).map(|added| added.high.unwrap_or(added.p50));
        ends.fold(0.0, f64::max)
    }

    /// What the row is called: its language and variant where that names it, else the plugin, as one given by path.
    pub(crate) fn label(&self, row: &Row<'_>) -> String {
        let cell = row.cell;
        let twins = |other: &&Row<'_>| other.cell.plugin == cell.plugin && other.cell.language == cell.language;
        match self.rows.iter().filter(twins).count() {
            0 | 1 => plain_label(cell),
            // The same script in several Luas.
            _ => text::elide(&format!("{}, {}", plain_label(cell), text::name(&cell.host, 14)), 17),
        }
    }
}

/// The label of a plugin that is in its place once.
fn plain_label(cell: &SummaryCell) -> String {
    if (cell.kind, cell.plugin.as_str()) == (Some(PluginKind::External), "external") {
        return text::elide(&format!("{}, own process", text::name(&cell.language, 14)), 17);
    }
    if !is_named_by_language(cell) {
        return text::name(&cell.plugin, 17);
    }
    match cell.variant {
        Some(Variant::Raw) => format!("{}, raw", text::name(&cell.language, 14)),
        Some(Variant::Sdk) => format!("{}, SDK", text::name(&cell.language, 14)),
        None => text::name(&cell.language, 17),
    }
}

/// Whether a plugin is named as the catalogue names its own, after its language and variant: `lua`, `cpp-raw`.
fn is_named_by_language(cell: &SummaryCell) -> bool {
    let slug = cell.language.to_lowercase().replace('+', "p");
    let variant = match cell.variant {
        Some(Variant::Raw) => "-raw",
        Some(Variant::Sdk) => "-sdk",
        None => "",
    };
    language::is_choice(&cell.language) && cell.plugin == format!("{slug}{variant}")
}

/// The places of a run: in process first, then gateways, Envoy last, because that is the order from floor to reality.
///
/// A host that runs a single plugin (`native`, `luajit`) is shown beside the first in-process host that runs several,
/// because the comparison between them is the point.
pub fn places(summary: &Summary) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    let plugins = || summary.cells.iter().filter(|cell| cell.phase == Phase::Request && cell.control.is_none());
    // What does nothing is a column of what does something on the same path.
    let is_column = |cell: &SummaryCell| {
        let beside = |other: &SummaryCell| !is_noop(&other.workload) && is_same_path(other, cell);
        is_noop(&cell.workload) && plugins().any(beside)
    };
    let has_table = |cell: &&SummaryCell| !is_column(cell) && !is_only_a_point(summary, &cell.workload);
    for cell in plugins().filter(has_table) {
        let here = |place: &&mut Place<'_>| {
            place.mode == cell.mode && place.workload == cell.workload && place.hosts[0].0 == cell.host
        };
        let row = Row { cell, noop: noop(summary, cell), sdk_adds: None };
        match places.iter_mut().find(here) {
            Some(place) => place.rows.push(row),
            None => places.push(Place {
                mode: cell.mode,
                hosts: vec![(&cell.host, &cell.host_version)],
                workload: &cell.workload,
                control: control(summary, cell, Control::A),
                noise: control(summary, cell, Control::APrime),
                rows: vec![row],
            }),
        }
    }
    let mut places = join_single_hosts(places);
    for place in &mut places {
        place.rows.sort_by(|a, b| sort_key(a.cell).cmp(&sort_key(b.cell)));
        for index in 0..place.rows.len() {
            place.rows[index].sdk_adds = sdk_adds(place.rows[index].cell, &place.rows);
        }
    }
    // The last place is the headline's: that of the workload that all plugins share, unless it has no figure.
    let has_figure = |place: &Place<'_>| place.rows.iter().any(|row| row.cell.added_ns.is_some());
    places.sort_by_key(|place| (nearness(place), has_figure(place), place.workload == SHARED));
    places
}

/// How near to production a place is.
fn nearness(place: &Place<'_>) -> u8 {
    match (place.mode, place.hosts[0].0) {
        // The runtime that a run takes unless another is named is nearer to what gateways have than its alternatives.
        (Mode::InProcess, "wasmtime") => 1,
        (Mode::InProcess, _) => 0,
        (Mode::Live, "embedded") => 3,
        (Mode::Live, name) if is_embedded(name) => 2,
        (Mode::Live, "envoy") => 5,
        (Mode::Live, _) => 4,
    }
}

/// Whether a gateway is the embedded one, with whatever host.
pub(crate) fn is_embedded(gateway: &str) -> bool {
    gateway == "embedded" || gateway.starts_with("embedded-")
}

fn join_single_hosts(places: Vec<Place<'_>>) -> Vec<Place<'_>> {
    let (single, mut many): (Vec<_>, Vec<_>) =
        places.into_iter().partition(|place| place.mode == Mode::InProcess && place.rows.len() == 1);
    for place in single {
        let beside = many.iter_mut().find(|other| other.mode == Mode::InProcess && other.workload == place.workload);
        match beside {
            Some(other) => {
                other.hosts.extend(place.hosts);
                other.rows.extend(place.rows);
            }
            None => many.push(place),
        }
    }
    many
}

fn is_same_path(one: &SummaryCell, other: &SummaryCell) -> bool {
    is_on_response(&one.workload) == is_on_response(&other.workload)
}

/// What is asked over a network comes last: it is another kind of thing.
fn sort_key(cell: &SummaryCell) -> (bool, usize, &str, Option<Variant>, &str) {
    let is_external = cell.kind == Some(PluginKind::External);
    (is_external, language::rank(&cell.language), &cell.language, cell.variant, &cell.plugin)
}

fn noop<'a>(summary: &'a Summary, cell: &SummaryCell) -> Option<&'a SummaryCell> {
    summary.cells.iter().find(|other| {
        other.phase == Phase::Request
            && is_noop(&other.workload)
            && !is_noop(&cell.workload)
            && is_same_path(other, cell)
            && (other.mode, &other.host, &other.plugin) == (cell.mode, &cell.host, &cell.plugin)
    })
}

fn control<'a>(summary: &'a Summary, cell: &SummaryCell, control: Control) -> Option<&'a SummaryCell> {
    summary.cells.iter().find(|other| {
        other.control == Some(control)
            && other.mode == cell.mode
            // In process one control serves all hosts, because they are measured in the same rounds.
            && (cell.mode == Mode::InProcess || other.host == cell.host)
    })
}

/// Median over starts of SDK minus raw within the start, where both were paired with the same control's rounds.
fn sdk_adds(sdk: &SummaryCell, rows: &[Row<'_>]) -> Option<Estimate> {
    if sdk.variant != Some(Variant::Sdk) {
        return None;
    }
    let mut raws = rows
        .iter()
        .map(|row| row.cell)
        .filter(|raw| raw.variant == Some(Variant::Raw) && raw.language == sdk.language && raw.host == sdk.host);
    let (raw, None) = (raws.next()?, raws.next()) else { return None };
    let raw_of = |start: u32| raw.starts.iter().find(|other| other.start == start);
    let differences: Vec<f64> =
        sdk.starts.iter().filter_map(|estimate| Some(estimate.added_ns - raw_of(estimate.start)?.added_ns)).collect();
    over_starts(&differences)
}
