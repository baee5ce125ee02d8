//! What each host adds to the header work itself, as ratios to native in one interleaved run.
//!
//! All arms are measured as `tollgate run` measures in process: batches in shuffled rounds, each paired with no plugin.
//! The unit is *native*: the 60 operations of the workload on the host's own header map, with constant strings, called
//! directly. The floors are WAT plugins that do one thing only. `-- --quick` for a first look; `-- boundary` measures only
//! rows in whose name (plugin and host) that is found.

mod floors;

use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::Duration;

use tollgate_benches::{headers, pairs};
use tollgate_fixtures::{Plugin, Workload};
use tollgate_hosts::{Arm, Bench, Host, hosts_here};
use tollgate_record::{CellId, Mode, Phase, PluginKind, Series};

use floors::{CONSTANT_KEYS, HeaderWork, floor_plugins};

/// Fresh processes: layout in memory alone moves the header work itself from 490 to 750 ns.
const STARTS: u32 = 7;
/// Set for a process that measures one start for its parent: the start's number.
const START: &str = "TOLLGATE_OVERHEAD_START";
const NATIVE: &str = "native, constant keys";

fn main() {
    let quick = tollgate_benches::is_quick();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    if let Ok(start) = std::env::var(START) {
        return measure(start.parse().expect("our parent writes a number"), quick, &wanted);
    }
    let starts = if quick { 1 } else { STARTS };
    let mut rows: Vec<Row> = Vec::new();
    for (what, host, ns) in (0..starts).flat_map(start) {
        match rows.iter_mut().find(|row| (&row.what, &row.host) == (&what, &host)) {
            Some(row) => row.added_ns.push(ns),
            None => rows.push(Row { what, host, added_ns: vec![ns] }),
        }
    }
    print(&rows, starts);
}

/// Has a fresh process measure, with the arguments of this one.
fn start(number: u32) -> Vec<(String, String, f64)> {
    let program = std::env::current_exe().expect("a bench knows its own path");
    let mut child = Command::new(program);
    child.args(std::env::args_os().skip(1)).env(START, number.to_string()).stderr(Stdio::inherit());
    let output = child.output().expect("a bench can start itself again");
    assert!(output.status.success(), "the process of start {number} ended with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("rows are text");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a row")).collect()
}

/// One start: a line of JSON for each row, `[what, host, nanoseconds]`.
fn measure(start: u32, quick: bool, wanted: &str) {
    let is_wanted = |id: &CellId| id.plugin == NATIVE || format!("{} {}", id.plugin, id.host).contains(wanted);
    let duration = if quick { Duration::from_millis(1_500) } else { Duration::from_secs(6) };
    fastrand::seed(u64::from(start));
    let bench = Bench::prepare(arms(&is_wanted), &mut |_| {});
    for (id, result) in bench.run(start, 7, duration, 15, 64, &mut |_, _| ControlFlow::Continue(())) {
        let series = result.unwrap_or_else(|failure| panic!("{id}: {}", failure.message));
        let Some(ns) = added_ns(&series) else { continue };
        let line = serde_json::to_string(&(id.plugin, id.host, ns)).expect("text and a number are JSON");
        writeln!(std::io::stdout(), "{line}").expect("our parent reads");
    }
}

struct Row {
    what: String,
    host: String,
    /// Of each start.
    added_ns: Vec<f64>,
}

impl Row {
    fn sorted_ns(&self) -> Vec<f64> {
        let mut values = self.added_ns.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Median over starts.
    fn median_ns(&self) -> f64 {
        let values = self.sorted_ns();
        values[values.len() / 2]
    }
}

/// Median over the blocks of one start, per request; none for control A.
fn added_ns(series: &Series) -> Option<f64> {
    let mut blocks = series.added_blocks_ns.clone();
    blocks.sort_unstable();
    blocks.get(blocks.len() / 2).map(|&ns| ns as f64 / series.requests_per_sample as f64)
}

fn arms(is_wanted: &dyn Fn(&CellId) -> bool) -> Vec<Arm> {
    let mut arms = vec![arm("A", None, None), arm("A'", None, None)];
    let native = Plugin { kind: PluginKind::Native, ..constant_keys() };
    arms.push(arm(NATIVE, Some(&HeaderWork), Some(native)));
    for host in hosts_here().filter(|host| host.runs(PluginKind::ProxyWasm)) {
        arms.extend(floor_plugins().into_iter().map(|plugin| arm(&plugin.name.clone(), Some(host), Some(plugin))));
    }
    for host in hosts_here().filter(|host| host.runs(PluginKind::Lua)) {
        arms.push(arm(CONSTANT_KEYS, Some(host), Some(constant_keys())));
    }
    arms.extend(pairs().map(|(plugin, host)| arm(&plugin.name, Some(host), Some(plugin.clone()))));
    arms.retain(|arm| arm.host.is_none() || is_wanted(&arm.id));
    arms
}

fn constant_keys() -> Plugin {
    floors::constant_keys_lua()
}

fn arm(name: &str, host: Option<&'static dyn Host>, plugin: Option<Plugin>) -> Arm {
    let workload: &Workload = headers();
    let id = CellId {
        mode: Mode::InProcess,
        host: host.map_or("in-process", |host| host.name()).to_owned(),
        plugin: name.to_owned(),
        workload: workload.name.clone(),
        phase: Phase::Request,
    };
    Arm { id, host, plugin, workload: workload.clone() }
}

fn print(rows: &[Row], starts: u32) {
    let native = rows.iter().find(|row| row.what == NATIVE).expect("the native arm is measured");
    let native_ns = native.median_ns();
    println!(
        "ratios to native: 60 operations on the header map, constant strings, {native_ns:.0} ns here; starts: {starts}"
    );
    println!("{:<28}{:<20}{:>7}{:>17}{:>9}{:>16}", "what", "host", "ratio", "over starts", "ns", "ns over native");
    for row in rows {
        // Paired by start: of each its own ratio.
        let mut ratios: Vec<f64> = row.added_ns.iter().zip(&native.added_ns).map(|(ns, native)| ns / native).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios[0], ratios[ratios.len() - 1]);
        // Per host call: the workload makes 60.
        let over = match row.what.as_str() {
            "boundary" => format!("{:.1}/call", (row.median_ns() - native_ns) / 60.0),
            _ => String::new(),
        };
        println!(
            "{:<28}{:<20}{:>7.2}{:>17}{:>9.0}{over:>16}",
            row.what,
            row.host,
            ratios[ratios.len() / 2],
            format!("{low:.2} to {high:.2}"),
            row.median_ns()
        );
    }
}
