//! What it takes to bring plugins to life, and what they hold in memory: a row per plugin, by host.

use super::bars::{LEFT, TICKS, trimmed};
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::shapes::{Shape, draw_shape};
use super::{FONT, WIDTH};
use crate::language;
use crate::lifecycle::Lifecycle;
use crate::number::{bytes, duration};
use crate::text;

const ROW: i32 = 26;
const BAR: i32 = 14;
/// Names of shapes stand two to a line above the rows.
const LEGEND: i32 = 24;
/// Room for half of the last number below the axis.
const TIME_RIGHT: i32 = WIDTH - 22;
/// Room for the figure behind the longest bar.
const MEMORY_RIGHT: i32 = WIDTH - 76;
/// So many characters have room to the left of the rows.
const LABEL: usize = 19;
/// So many names have room along the axis of times.
const MOST_NAMED: usize = 4;
const MIB: f64 = 1_048_576.0;

/// Parts of a life, each with its shape.
const PHASES: [(&str, Shape); 4] = [
    ("compile", Shape::Diamond),
    ("instantiate", Shape::Square),
    ("first request", Shape::Triangle),
    ("request, p50", Shape::Circle),
];

/// How long each part takes, nanoseconds, in the order of [`PHASES`].
fn times(life: &Lifecycle) -> [Option<f64>; 4] {
    [life.compile_ns, life.instantiate_ns, life.first_request_ns, life.request_ns].map(|ns| ns.filter(|ns| *ns > 0.0))
}

/// Where a row stands and what it is called.
struct Placed<'a> {
    life: &'a Lifecycle,
    label: String,
    middle: i32,
}

/// Rows with the names of the hosts that have several of them, and where they end.
struct Layout<'a> {
    rows: Vec<Placed<'a>>,
    hosts: Vec<(&'a str, i32)>,
    bottom: i32,
}

/// Hosts of a single plugin first, which the plugin's row names; then each other under its name.
fn layout<'a>(lives: &[&'a Lifecycle], top: i32) -> Layout<'a> {
    let mut hosts: Vec<&str> = Vec::new();
    for life in lives {
        if !hosts.contains(&life.host.as_str()) {
            hosts.push(&life.host);
        }
    }
    let of = |host: &str| lives.iter().copied().filter(|life| life.host == host).collect::<Vec<_>>();
    let mut layout = Layout { rows: Vec::new(), hosts: Vec::new(), bottom: top };
    let (single, several): (Vec<_>, Vec<_>) = hosts.iter().map(|host| of(host)).partition(|lives| lives.len() == 1);
    for life in single.into_iter().flatten() {
        let label =
            if life.plugin == life.host { life.plugin.clone() } else { format!("{}, {}", life.plugin, life.host) };
        layout.add(life, &label);
    }
    for lives in several {
        layout.hosts.push((&lives[0].host, layout.bottom + ROW / 2));
        layout.bottom += ROW;
        lives.into_iter().for_each(|life| layout.add(life, &life.plugin));
    }
    layout
}

impl<'a> Layout<'a> {
    fn add(&mut self, life: &'a Lifecycle, label: &str) {
        self.rows.push(Placed { life, label: text::name(label, LABEL), middle: self.bottom + ROW / 2 });
        self.bottom += ROW;
    }

    fn draw_names(&self, canvas: &mut Canvas<'_>) {
        for (host, middle) in &self.hosts {
            canvas.text(
                &text::name(&format!("on {host}"), LABEL),
                (LEFT - 10, *middle),
                Anchor::End,
                FONT,
                Mark::new(MUTED),
            );
        }
        for row in &self.rows {
            canvas.text(&row.label, (LEFT - 10, row.middle), Anchor::End, FONT, Mark::new(INK));
        }
    }
}

/// Compile, instantiate, first and later requests on one logarithmic axis; none without any of the first three. `id` must be
/// unique on the page.
pub(crate) fn life_times(lives: &[Lifecycle], id: &str) -> Option<String> {
    let lives: Vec<&Lifecycle> = lives.iter().filter(|life| times(life)[..3].iter().any(Option::is_some)).collect();
    let known = || lives.iter().flat_map(|life| times(life)).flatten();
    let (low, high) = (known().reduce(f64::min)?, known().reduce(f64::max)?);
    let top = 2 * LEGEND + 36;
    let layout = layout(&lives, top);
    let about = About {
        id,
        title: "What it takes to bring plugins to life",
        description: "One row per plugin and host with the times of compiling, instantiating, the first request and the median request \
                      on a logarithmic axis. The figures are in the table.",
    };
    Some(draw((WIDTH as u32, (layout.bottom + 28) as u32), &about, |canvas| {
        for (index, (name, shape)) in PHASES.iter().enumerate() {
            let (x, y) = (8 + WIDTH / 2 * (index as i32 % 2), 14 + LEGEND * (index as i32 / 2));
            draw_shape(canvas, *shape, (x + 10, y), Mark::new(MUTED));
            canvas.text(name, (x + 28, y), Anchor::Start, FONT, Mark::new(INK));
        }
        canvas.text("logarithmic", (WIDTH - 4, top - 20), Anchor::End, FONT, Mark::new(MUTED));
        let x = Scale::log((low * 0.6, high * 1.7), (LEFT, TIME_RIGHT));
        // A factor of ten each, because there are many of them.
        let ticks = x.ticks(3);
        for &tick in &ticks {
            let at = x.px(tick);
            canvas.line(&[(at, top - 4), (at, layout.bottom)], 1, Mark::new(RULE));
            let text = round(tick);
            // Where there is no room for all, the units themselves.
            if ticks.len() <= MOST_NAMED || text.starts_with("1 ") {
                canvas.text(&text, (at, layout.bottom + 14), Anchor::Middle, FONT, Mark::new(MUTED));
            }
        }
        layout.draw_names(canvas);
        for row in &layout.rows {
            draw_times(canvas, row, &x);
        }
    }))
}

/// A whole power of ten with its unit and nothing after the point.
fn round(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns >= 0.999e9 => (ns / 1e9, "s"),
        ns if ns >= 0.999e6 => (ns / 1e6, "ms"),
        ns if ns >= 0.999e3 => (ns / 1e3, "µs"),
        _ => (ns, "ns"),
    };
    format!("{} {unit}", trimmed(value))
}

fn draw_times(canvas: &mut Canvas<'_>, row: &Placed<'_>, x: &Scale) {
    let life = row.life;
    let all = times(life);
    let ends = (all.iter().flatten().copied().reduce(f64::min), all.iter().flatten().copied().reduce(f64::max));
    if let (Some(low), Some(high)) = ends {
        canvas.line(&[(x.px(low), row.middle), (x.px(high), row.middle)], 1, Mark::new(RULE));
    }
    for ((name, shape), ns) in PHASES.iter().zip(all) {
        let Some(ns) = ns else { continue };
        let mark = Mark::new(language::colour(&life.language))
            .with("class", "life")
            .with("data-plugin", &life.plugin)
            .with("data-host", &life.host)
            .with("data-phase", name)
            .with_figure("data-ns", Some(ns))
            .tooltip(format!("{} on {}, {name}: {}", life.plugin, life.host, duration(ns)));
        draw_shape(canvas, *shape, (x.px(ns), row.middle), mark);
    }
}

/// Memory after requests as bars from zero, with a mark at what it was before; none where it is not known. `id` must be unique
/// on the page.
pub(crate) fn life_memory(lives: &[Lifecycle], id: &str) -> Option<String> {
    let lives: Vec<&Lifecycle> = lives.iter().filter(|life| life.memory.is_some()).collect();
    let sizes = lives.iter().filter_map(|life| life.memory).map(|memory| memory.end_bytes.max(memory.start_bytes));
    let most = sizes.max()? as f64;
    let top = 34;
    let layout = layout(&lives, top);
    let about = About {
        id,
        title: "Memory that plugins hold",
        description: "One horizontal bar per plugin and host from zero in MiB: its memory after requests, with a mark at what it had \
                      when it was instantiated. The figures are in the table.",
    };
    Some(draw((WIDTH as u32, (layout.bottom + 28) as u32), &about, |canvas| {
        let x = Scale::linear_beyond((0.0, most / MIB), (LEFT, MEMORY_RIGHT), TICKS);
        for tick in x.ticks(TICKS) {
            let at = x.px(tick);
            canvas.line(&[(at, top - 2), (at, layout.bottom)], 1, Mark::new(RULE));
            canvas.text(&trimmed(tick), (at, layout.bottom + 14), Anchor::Middle, FONT, Mark::new(MUTED));
        }
        canvas.text("MiB", (WIDTH - 4, 13), Anchor::End, FONT, Mark::new(MUTED));
        layout.draw_names(canvas);
        for row in &layout.rows {
            draw_memory(canvas, row, &x);
        }
    }))
}

fn draw_memory(canvas: &mut Canvas<'_>, row: &Placed<'_>, x: &Scale) {
    let life = row.life;
    let Some(memory) = life.memory else { return };
    let px = |size: u64| x.px(size as f64 / MIB);
    let (start, end) = (px(memory.start_bytes), px(memory.end_bytes).max(LEFT + 1));
    let mark = Mark::new(language::colour(&life.language))
        .with("class", "memory")
        .with("data-plugin", &life.plugin)
        .with("data-host", &life.host)
        .with("data-start-bytes", &memory.start_bytes.to_string())
        .with("data-end-bytes", &memory.end_bytes.to_string())
        .tooltip(format!(
            "{} on {}: {} at the start, {} after requests",
            life.plugin,
            life.host,
            bytes(memory.start_bytes),
            bytes(memory.end_bytes)
        ));
    canvas.rect((LEFT, row.middle - BAR / 2), (end, row.middle + BAR / 2), mark);
    canvas.line(&[(start, row.middle - BAR / 2 - 2), (start, row.middle + BAR / 2 + 2)], 1, Mark::new(INK));
    let at = (end.max(start) + 8, row.middle);
    canvas.text(&bytes(memory.end_bytes), at, Anchor::Start, FONT, Mark::new(INK));
}
