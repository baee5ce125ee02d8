//! What each host adds to the header work itself, as ratios to native in one interleaved run.
//!
//! All arms are measured as `tollgate run` measures in process: batches in shuffled rounds, each paired with no plugin.
//! The unit is *native*: the 60 operations of the workload on the host's own header map, with constant strings, called
//! directly. The floors are WAT plugins that do one thing only. `-- --quick` for a first look; `-- boundary` measures only
//! rows in whose name (plugin and host) that is found.

mod floors;

use std::ops::ControlFlow;
use std::time::Duration;

use tollgate_benches::{headers, pairs};
use tollgate_fixtures::{Plugin, Workload};
use tollgate_hosts::{Arm, Bench, Host, hosts_here};
use tollgate_record::{CellId, Mode, Phase, PluginKind, Series};

use floors::{CONSTANT_KEYS, HeaderWork, floor_plugins};

/// Fresh instances of everything: layout in memory alone moves a figure by percents.
const STARTS: u32 = 5;
const NATIVE: &str = "native, constant keys";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    let is_wanted = |id: &CellId| id.plugin == NATIVE || format!("{} {}", id.plugin, id.host).contains(&wanted);
    let (starts, duration) = if quick { (1, Duration::from_millis(1_500)) } else { (STARTS, Duration::from_secs(8)) };
    let mut rows: Vec<Row> = Vec::new();
    for start in 0..starts {
        fastrand::seed(u64::from(start));
        let bench = Bench::prepare(arms(&is_wanted), &mut |_| {});
        let results = bench.run(start, 7, duration, 15, 64, &mut |_, _| ControlFlow::Continue(()));
        for (id, result) in results {
            let series = result.unwrap_or_else(|failure| panic!("{id}: {}", failure.message));
            match rows.iter_mut().find(|row| row.id == id) {
                Some(row) => row.added_ns.extend(added_ns(&series)),
                None => rows.push(Row { id, added_ns: added_ns(&series).into_iter().collect() }),
            }
        }
    }
    print(&rows, starts);
}

struct Row {
    id: CellId,
    /// Of each start.
    added_ns: Vec<f64>,
}

impl Row {
    /// Median over starts.
    fn median_ns(&self) -> Option<f64> {
        let mut values = self.added_ns.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
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
    let of = |name: &str| rows.iter().find(|row| row.id.plugin == name).and_then(Row::median_ns);
    let native_ns = of(NATIVE).expect("the native arm is measured");
    println!(
        "ratios to native (60 operations on the header map, constant strings, {native_ns:.0} ns here), starts: {starts}"
    );
    println!("{:<30}{:<20}{:>8}{:>12}{:>16}", "what", "host", "ratio", "ns", "ns over native");
    for row in rows.iter().filter(|row| row.id.plugin != "A") {
        let Some(ns) = row.median_ns() else { continue };
        // Per host call: the workload makes 60.
        let over = (ns - native_ns) / 60.0;
        let over = if row.id.plugin == "boundary" { format!("{over:.1}/call") } else { String::new() };
        println!("{:<30}{:<20}{:>8.2}{:>12.0}{:>16}", row.id.plugin, row.id.host, ns / native_ns, ns, over);
    }
}
