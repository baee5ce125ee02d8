//! Whether a figure depends on who else is in the run: what Envoy's Lua adds beside two other arms and beside eleven, timed
//! as the probe does it, right after a request that is not, and without such a request. Caches and branch predictors hold the
//! arm that was asked last: without it every arm pays for what the others have thrown out.
//!
//! On each gateway that runs Lua and is here, or on those that are named (`-- envoy`); each start is fresh. `-- --quick` for a
//! first look.

mod live;

use std::time::{Duration, Instant};

use tollgate_fixtures::Plugin;
use tollgate_gateways::{Arm, GATEWAYS, Gateway, Options, Pin, Probe, decide_placement, request_bytes};
use tollgate_record::PluginKind;

use live::{arm, median};

const STARTS: u32 = 5;
const DURATION: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes from which on a plugin is no neighbour.
const LARGE: usize = 500_000;
/// Other arms beside the plugin, the one without a plugin among them.
const OTHERS: [usize; 2] = [2, 11];

fn main() {
    let quick = tollgate_benches::is_quick();
    let (starts, duration) = if quick { (1, Duration::from_millis(500)) } else { (STARTS, DURATION) };
    println!(
        "{:<10} | {:^26} | {:^26}\n{:<10} | {:>12} {:>13} | {:>12} {:>13}   us added by lua",
        "", "right after another", "without", "gateway", "2 others", "11 others", "2 others", "11 others"
    );
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |gateway: &dyn Gateway| named.is_empty() || named.iter().any(|name| name == gateway.name());
    let runs_lua = GATEWAYS.iter().copied().filter(|gateway| gateway.runs(PluginKind::Lua));
    for gateway in runs_lua.filter(|gateway| is_asked(*gateway)) {
        match measured(gateway, starts, duration) {
            Err(reason) => println!("{:<10} not measured: {reason}", gateway.name()),
            Ok([[few, few_cold], [many, many_cold]]) => println!(
                "{:<10} | {:>12.2} {:>13.2} | {:>12.2} {:>13.2}",
                gateway.name(),
                few / 1e3,
                many / 1e3,
                few_cold / 1e3,
                many_cold / 1e3
            ),
        }
    }
}

/// Medians over starts in nanoseconds: for each number of others, after another request and without.
fn measured(gateway: &dyn Gateway, starts: u32, duration: Duration) -> Result<[[f64; 2]; 2], String> {
    let mut figures = [[0.0; 2]; 2];
    for (others, figures) in OTHERS.into_iter().zip(&mut figures) {
        let arms = arms(gateway, others);
        let all: Result<Vec<_>, String> = (0..starts).map(|start| added(gateway, &arms, start, duration)).collect();
        let all = all?;
        for (way, figure) in figures.iter_mut().enumerate() {
            *figure = median(all.iter().map(|start| start[way]).collect());
        }
    }
    Ok(figures)
}

/// What the second arm adds to the first in one start, nanoseconds: after a request that is not timed, and without. Rounds of
/// the two take turns, so that both have the same arms beside them and the same minute.
fn added(gateway: &dyn Gateway, arms: &[Arm], start: u32, duration: Duration) -> Result<[f64; 2], String> {
    let options = Options { gateway_core: decide_placement().shared_core(), ..Options::default() };
    let running = gateway.start(arms, &options).map_err(|error| error.to_string())?;
    if let Some((_, failure)) = running.refused().first() {
        return Err(failure.message.clone());
    }
    let _pin = running.probe_core().and_then(|core| Pin::current_thread(core).ok());
    let probes: Result<Vec<_>, _> = (0..arms.len()).map(|arm| Probe::connect(running.address(arm), TIMEOUT)).collect();
    let mut probes = probes.map_err(|error| error.to_string())?;
    let request = request_bytes(&arms[0].workload, false);
    let mut order: Vec<usize> = (0..arms.len()).collect();
    let mut random = fastrand::Rng::with_seed(u64::from(start));
    let mut differences = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    // The first half is for compilers to come to rest.
    while begin.elapsed() < duration * 2 {
        for (way, differences) in differences.iter_mut().enumerate() {
            random.shuffle(&mut order);
            let mut timed = vec![0.0; arms.len()];
            for &arm in &order {
                let requests = if way == 0 { 2 } else { 1 };
                for _ in 0..requests {
                    timed[arm] = probes[arm].exchange(&request).map_err(|error| error.to_string())? as f64;
                    probes[arm].response().map_err(|error| error.to_string())?;
                }
            }
            if begin.elapsed() > duration {
                differences.push(timed[1] - timed[0]);
            }
        }
    }
    Ok(differences.map(median))
}

/// No plugin, the script, and so many more that there are `others` beside it.
fn arms(gateway: &dyn Gateway, others: usize) -> Vec<Arm> {
    let lua = tollgate_fixtures::plugin("lua").expect("the catalogue has this plugin");
    // Small ones: V8 compiles Go's anew for seconds, on the core that is measured. One in a process of its own works on
    // after it has answered.
    let is_quiet = |plugin: &&Plugin| plugin.bytes.len() < LARGE && plugin.kind != PluginKind::External;
    let more = tollgate_fixtures::plugins().iter().filter(is_quiet);
    let more = more.filter(|plugin| plugin.name != lua.name && gateway.runs(plugin.kind));
    // Scripts again, under other names, where a gateway runs nothing else.
    let more: Vec<&Plugin> = more.chain([lua]).collect();
    let mut arms = vec![arm(gateway, "A", None), arm(gateway, &lua.name, Some(lua.clone()))];
    for (number, plugin) in more.into_iter().cycle().take(others - 1).enumerate() {
        arms.push(arm(gateway, &format!("{}-{number}", plugin.name), Some(plugin.clone())));
    }
    arms
}
