//! The answer in a terminal: fits 80 columns and uses more when there are more.

use crate::cost_table;
use crate::facts;
use crate::failures::{FailureGroup, failures};
use crate::grid::Grid;
use crate::headline::headline;
use crate::instruments;
use crate::life_table;
use crate::load_table;
use crate::number::{decimals, duration, significant, us};
use crate::place::{Place, Row, places};
use crate::scenario_table;
use crate::summary::Summary;
use crate::text;

/// From this width on there is room for the host beside the language.
const WIDE: u16 = 96;

/// How to draw a table.
#[derive(Debug, Clone, Copy)]
pub struct TableOptions {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether to use ANSI colours.
    pub colour: bool,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { width: 80, colour: false }
    }
}

/// The figures of a run for people: one table per place, what the SDKs add, failures, and what the words mean.
pub fn table(summary: &Summary, options: TableOptions) -> String {
    let paint = Paint(options.colour);
    let mut lines = Vec::new();
    if let Some(busy) = facts::busy(summary) {
        lines.extend(text::wrap(&busy, options.width as usize).into_iter().map(|line| paint.red(&line)));
        lines.push(String::new());
    }
    for place in places(summary) {
        lines.push(paint.bold(&text::elide(&title(&place), options.width as usize)));
        draw(&place, options, paint, &mut lines);
        for note in [sdk_line(&place), instruments::note(&place)] {
            lines.extend(text::wrap(&note, options.width as usize).into_iter().filter(|line| !line.is_empty()));
        }
        lines.push(String::new());
    }
    let lives = &summary.lifecycle;
    let costs = cost_table::costs(&summary.cost_lines, options.width);
    let parts = [costs, life_table::lives(lives, options.width), life_table::soaks(lives, options.width)];
    let loads = load_table::loads(&summary.loads, options.width);
    let scenarios = scenario_table::parts(&summary.scenarios, options.width);
    for part in parts.into_iter().flatten().chain(loads).chain(scenarios) {
        lines.push(paint.bold(&text::elide(&part.title, options.width as usize)));
        lines.extend(paint.grid(part.lines, false));
        lines.extend(part.warnings.iter().map(|line| paint.red(line)));
        lines.push(String::new());
    }
    let failures = failures(summary);
    if !failures.is_empty() {
        lines.push(paint.bold("Failed"));
        lines.extend(failures.iter().flat_map(|group| failure(group, options.width)).map(|line| paint.red(&line)));
        lines.push(String::new());
    }
    for sentence in legend(summary) {
        lines.extend(text::wrap(&sentence, options.width as usize).into_iter().map(|line| paint.dim(&line)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Colours, or none.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn grid(self, lines: Vec<String>, has_noise: bool) -> impl Iterator<Item = String> {
        lines.into_iter().enumerate().map(move |(index, line)| match index {
            0 => self.bold(&line),
            1 => self.dim(&line),
            _ if has_noise && line.starts_with("A' ") => self.dim(&line),
            _ if line.ends_with(" leak") && !line.ends_with(" no leak") => self.red(&line),
            _ if line.contains(" failed") => self.red(&line),
            _ => line,
        })
    }
}

fn title(place: &Place<'_>) -> String {
    let (kind, versions) = match place.mode {
        tollgate_record::Mode::InProcess => ("In process", place.versions()),
        tollgate_record::Mode::Live => ("Live", place.versions()),
    };
    format!("{kind}, workload {}: {versions}", text::name(place.workload, 40))
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Plugin,
    Language,
    Host,
    Added,
    Interval,
    OwnClock,
    Noop,
    P50,
    P99,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Language => "language",
            Self::Host => "host",
            Self::Added => "added µs",
            Self::Interval => "[low, high]",
            Self::OwnClock => "own clock",
            Self::Noop => "noop",
            Self::P50 => "p50",
            Self::P99 => "p99",
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Plugin | Self::Language | Self::Host)
    }
}

/// All columns that may be of use. Where several hosts share a narrow table, the host is worth more than the language,
/// which most plugins have in their name.
fn columns(place: &Place<'_>, width: u16) -> Vec<Column> {
    use Column::*;
    let several = place.hosts.len() > 1;
    let mut columns = vec![Plugin];
    columns.extend((!several || width >= WIDE).then_some(Language));
    columns.extend(several.then_some(Host));
    columns.extend([Added, Interval]);
    columns.extend(place.has_own_clock().then_some(OwnClock));
    columns.extend(place.rows.iter().any(|row| row.noop.is_some()).then_some(Noop));
    columns.extend([P50, P99]);
    columns
}

/// What a narrow terminal goes without, first to last: the figure and its interval stay longest, and the host as long
/// as them where it tells rows apart.
fn dispensable(rows: &[Row<'_>]) -> [Column; 7] {
    use Column::*;
    let mut names: Vec<&str> = rows.iter().map(|row| row.cell.plugin.as_str()).collect();
    names.sort_unstable();
    let alike = names.windows(2).any(|pair| pair[0] == pair[1]);
    match alike {
        true => [Language, Noop, OwnClock, P50, P99, Interval, Host],
        false => [Language, Noop, OwnClock, P50, Host, P99, Interval],
    }
}

fn draw(place: &Place<'_>, options: TableOptions, paint: Paint, lines: &mut Vec<String>) {
    let noise = place.noise.map(|cell| Row { cell, noop: None, sdk_adds: None });
    let rows: Vec<Row<'_>> = place.rows.iter().cloned().chain(noise).collect();
    let digits = decimals(place.largest_ns());
    let columns = columns(place, options.width);
    let index = |wanted: Column| columns.iter().position(|column| *column == wanted);
    let grid = Grid {
        columns: columns.iter().map(|column| (column.title(), column.is_text())).collect(),
        rows: rows.iter().map(|row| columns.iter().map(|&column| content(column, row, digits)).collect()).collect(),
        dispensable: dispensable(&rows).into_iter().filter_map(index).collect(),
    };
    lines.extend(paint.grid(grid.lines(options.width), place.noise.is_some()));
}

fn content(column: Column, row: &Row<'_>, digits: usize) -> String {
    let cell = row.cell;
    let missing = || "-".to_owned();
    let absolute = |at: Option<f64>| at.map_or_else(missing, |ns| significant(ns / 1_000.0));
    match column {
        Column::Plugin => text::name(&cell.plugin, 24),
        Column::Language if cell.control.is_some() => "(no plugin)".to_owned(),
        Column::Language => text::name(&cell.language, 16),
        Column::Host => text::name(&cell.host, 16),
        Column::Added if cell.error.is_some() => "failed".to_owned(),
        Column::Added => cell.added_ns.map_or_else(missing, |added| us(added.p50, digits)),
        Column::Interval if cell.error.is_some() => String::new(),
        Column::Interval => match cell.added_ns.and_then(|added| added.interval()) {
            Some((low, high)) => format!("[{}, {}]", us(low, digits), us(high, digits)),
            None => missing(),
        },
        Column::OwnClock => instruments::figure(cell, digits).unwrap_or_else(missing),
        Column::Noop => row.noop.and_then(|noop| noop.added_ns).map_or_else(missing, |added| us(added.p50, digits)),
        Column::P50 => absolute(cell.absolute_ns.and_then(|absolute| absolute.p50)),
        Column::P99 => absolute(cell.absolute_ns.and_then(|absolute| absolute.p99)),
    }
}

/// What each SDK adds to its language's raw plugin; empty where nothing tells.
pub(crate) fn sdk_line(place: &Place<'_>) -> String {
    let prices: Vec<String> = place
        .rows
        .iter()
        .filter_map(|row| {
            let adds = row.sdk_adds?;
            let digits = decimals(place.largest_ns()).min(2);
            let interval = adds.interval().map(|(low, high)| format!(" [{}, {}]", us(low, digits), us(high, digits)));
            let name = text::name(&row.cell.language, 16);
            Some(format!("{name} {} µs{}", us(adds.p50, digits), interval.unwrap_or_default()))
        })
        .collect();
    if prices.is_empty() { String::new() } else { format!("The SDK adds: {}", prices.join(", ")) }
}

fn failure(FailureGroup { first, reason, lost }: &FailureGroup<'_>, width: u16) -> Vec<String> {
    let line = format!(
        "{} on {} ({}): {}",
        text::name(&first.plugin, 60),
        text::name(&first.host, 40),
        lost.join(", "),
        text::name(reason, 600),
    );
    let mut lines = text::wrap(&line, (width as usize).saturating_sub(2)).into_iter();
    let first = lines.next().map(|line| format!("✗ {line}"));
    first.into_iter().chain(lines.map(|line| format!("  {line}"))).collect()
}

fn legend(summary: &Summary) -> Vec<String> {
    let run = &summary.environment;
    let added = vec![
        "added: what the plugin costs a request above control A (no plugin), paired by round, median over starts. \
         A': no plugin again, so its row is the noise. noop: added by a plugin that does nothing. p50, p99: whole \
         requests timed one by one, in µs."
            .to_owned(),
    ];
    // A record of scenarios alone has no cells.
    let mut lines = if summary.cells.is_empty() { Vec::new() } else { added };
    if summary.cells.iter().any(|cell| cell.gateway_added_ns.is_some()) {
        lines.push("own clock: added by the gateway's own clock, in other rounds of the same starts.".to_owned());
    }
    lines.push(facts::how(summary));
    let busy = facts::busy(summary);
    lines.extend(headline(summary).caveats.into_iter().filter(|caveat| Some(caveat) != busy.as_ref()));
    if let Some(clock) = run.machine.clock_ns.filter(|_| !summary.cells.is_empty()) {
        lines.push(format!("Reading the clock takes {} and is part of p50 and p99.", duration(clock)));
    }
    lines
}
