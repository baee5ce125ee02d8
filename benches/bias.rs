//! Whether the estimate of added latency is right: plugins that spin for a known time, live, by both instruments.
//!
//! On the embedded gateway the truth does not come from a calibration: a plugin reads a clock until so much time is over,
//! and the truth is how much longer it spins than another arm does. That one spins too, for 10 us, so that what it costs to
//! be called, to read the clock and to overshoot by a part of a reading is in both. On Envoy reading a clock is too coarse,
//! out of Wasm as out of Lua (0.6 us): there the plugin is the script of [`tollgate_fixtures::spin`], which turns a loop that
//! it has timed while it was loaded. The estimate must find the truth to 5 % + 0.1 us. `-- --quick` for a first look.

mod live;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use tollgate_fixtures::Plugin;
use tollgate_gateways::{Gateway, Options, decide_placement, measure};
use tollgate_record::{CellId, PluginKind, Series};

use live::{arm, median};

/// What the arm spins that others are compared with, nanoseconds.
const BASE_NS: u64 = 10_000;
/// Truths in nanoseconds: how much longer than that.
const SPINS_NS: [u64; 4] = [1_000, 2_000, 5_000, 10_000];
/// Fresh starts of each gateway: where an arm lies in memory moves it by 0.2 us on Envoy, so that the median of a few starts
/// says nothing of 0.15.
const STARTS: u32 = 21;
/// How long each measures.
const DURATION: Duration = Duration::from_secs(2);
/// The bias that is allowed: a share of the truth and nanoseconds.
const ALLOWED: (f64, f64) = (0.05, 100.0);

fn main() {
    let quick = tollgate_benches::is_quick();
    let (starts, duration) = if quick { (1, Duration::from_millis(800)) } else { (STARTS, DURATION) };
    let core = decide_placement().shared_core();
    let mut text = format!("{:<10} {:<6} {:>8} | {:^31} | {:^31}\n", "gateway", "kind", "truth", "probe", "own clock");
    for (name, make) in [("embedded", wasm as fn(u64) -> Plugin), ("envoy", script)] {
        let gateway = tollgate_gateways::gateway(name).expect("it is in the list");
        let options = Options { gateway_core: core, ..Options::default() };
        if let Err(error) = gateway.version(&options) {
            println!("{name} is left out: {error}");
            continue;
        }
        let measured = measure_spins(gateway, make, &options, starts, duration);
        for (&truth, differences) in SPINS_NS.iter().zip(&measured) {
            write_row(&mut text, name, make(0).kind, truth, differences);
        }
    }
    println!("\n{text}\nus; allowed is {} % of the truth and {} us", ALLOWED.0 * 100.0, ALLOWED.1 / 1e3);
}

/// What each start says of a spin, in nanoseconds above the spin of [`BASE_NS`]: by the probe, and by the gateway.
#[derive(Default, Clone)]
struct Differences {
    probe: Vec<f64>,
    own: Vec<f64>,
}

fn measure_spins(
    gateway: &dyn Gateway,
    make: fn(u64) -> Plugin,
    options: &Options,
    starts: u32,
    duration: Duration,
) -> Vec<Differences> {
    let mut arms = vec![arm(gateway, "A", None), arm(gateway, "A'", None)];
    for longer in [0].iter().chain(&SPINS_NS) {
        let plugin = make(BASE_NS + longer);
        arms.push(arm(gateway, &plugin.name.clone(), Some(plugin)));
    }
    let mut differences = vec![Differences::default(); SPINS_NS.len()];
    for start in 0..starts {
        let mut arms = arms.clone();
        fastrand::Rng::with_seed(u64::from(start)).shuffle(&mut arms);
        let mut running = gateway.start(&arms, options).unwrap_or_else(|error| panic!("{error}"));
        let go_on = &mut |_: &CellId, _: &_| ControlFlow::Continue(());
        let measured = measure(running.as_mut(), &arms, start, u64::from(start), duration, 15, go_on);
        let series = |longer: u64| -> Option<Series> {
            let name = format!("spin-{}", BASE_NS + longer);
            let arm = measured.iter().find(|measured| measured.cell.plugin == name)?;
            if let Err(failure) = &arm.proof {
                println!("{}: {}", arm.cell, failure.message);
                return None;
            }
            arm.series.clone()
        };
        let Some(base) = series(0) else { return differences };
        for (spin, differences) in SPINS_NS.iter().zip(&mut differences) {
            let Some(series) = series(*spin) else { continue };
            let minus = |now: Option<f64>, base: Option<f64>| Some(now? - base?);
            differences.probe.extend(minus(middle(&series.added_blocks_ns), middle(&base.added_blocks_ns)));
            let own = |series: &Series| middle(series.gateway_added_blocks_ns.as_deref().unwrap_or_default());
            differences.own.extend(minus(own(&series), own(&base)));
        }
    }
    differences
}

fn middle(blocks: &[i64]) -> Option<f64> {
    (!blocks.is_empty()).then(|| median(blocks.iter().map(|&ns| ns as f64).collect()))
}

fn write_row(text: &mut String, gateway: &str, kind: PluginKind, truth_ns: u64, found: &Differences) {
    let truth = truth_ns as f64;
    let told = |starts: &[f64]| {
        if starts.is_empty() {
            return format!("{:^31}", "-");
        }
        let middle = median(starts.to_vec());
        let bias = middle - truth;
        let allowed = ALLOWED.0 * truth + ALLOWED.1;
        let word = if bias.abs() <= allowed { "within" } else { "OVER" };
        format!("{:>8.3} {:>+8.3} {:>+6.1} % {word}", middle / 1e3, bias / 1e3, bias / truth * 100.0)
    };
    let (probe, own) = (told(&found.probe), told(&found.own));
    writeln!(text, "{gateway:<10} {:<6} {:>8.3} | {probe:<31} | {own:<31}", short(kind), truth / 1e3)
        .expect("a String takes all");
}

fn short(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::ProxyWasm => "wasm",
        other => other.name(),
    }
}

fn plugin(spin_ns: u64, kind: PluginKind, bytes: Vec<u8>) -> Plugin {
    // Held to no workload: it does something else.
    Plugin::new(format!("spin-{spin_ns}"), kind, bytes)
}

fn wasm(spin_ns: u64) -> Plugin {
    let text = format!(
        r#"(module
             (import "env" "proxy_get_current_time_nanoseconds" (func $read (param i32) (result i32)))
             (memory (export "memory") 1)
             (func (export "proxy_abi_version_0_2_1"))
             (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
             (func $now (result i64) (drop (call $read (i32.const 0))) (i64.load (i32.const 0)))
             (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (local $end i64)
               (local.set $end (i64.add (call $now) (i64.const {spin_ns})))
               (loop $spin (br_if $spin (i64.lt_u (call $now) (local.get $end))))
               i32.const 0))"#
    );
    plugin(spin_ns, PluginKind::ProxyWasm, wat::parse_str(&text).expect("the text above is valid"))
}

/// Its time comes in front, as a gateway would put a configuration there: so it is the plugin's own.
fn script(spin_ns: u64) -> Plugin {
    let spin = tollgate_fixtures::spin();
    plugin(spin_ns, spin.kind, spin.lua_source(spin_ns.to_string().as_bytes()).into_bytes())
}
