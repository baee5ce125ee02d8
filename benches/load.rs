//! The load generator beside wrk, and how exactly it keeps its times; as ratios and spreads of one run.
//!
//! Throughput: a closed loop over the same connections, of the generator and of `wrk -t1` in turn, on the same core, with the same
//! request, against the same gateway on another core. Lateness: how much later than planned the generator came to a request, at
//! 1,000 and 5,000 requests a second. `-- --quick` for a first look.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tollgate_benches::headers;
use tollgate_gateways::load::{Expected, LoadPlan, Target, capacity, run};
use tollgate_gateways::{
    Arm, GATEWAYS, Gateway, Options, Pin, Running, arm_label, decide_load_placement, request_bytes,
};
use tollgate_record::{Arrivals, CellId, Histogram, Mode, Phase, Placement};

const CONNECTIONS: usize = 16;
static NEVER: AtomicBool = AtomicBool::new(false);

fn main() {
    let quick = tollgate_benches::is_quick();
    let (rounds, seconds) = if quick { (2, 1) } else { (5, 4) };
    let placement = decide_load_placement();
    let cores = match placement {
        Placement::TwoCores { probe, gateway } => (Some(probe), Some(gateway)),
        _ => (None, None),
    };
    println!("placement: {placement:?}, {CONNECTIONS} connections, {rounds} rounds of {seconds} s");
    for gateway in GATEWAYS.iter().filter(|gateway| !gateway.name().starts_with("embedded-")) {
        let arm = control(*gateway);
        let options = Options { gateway_core: cores.1, ..Options::default() };
        match gateway.start(std::slice::from_ref(&arm), &options) {
            Ok(running) => {
                let bench = Bench { name: gateway.name(), arm, running, core: cores.0 };
                bench.throughput(rounds, seconds);
                bench.lateness(Duration::from_secs(if quick { 2 } else { 10 }));
            }
            Err(error) => println!("{}: not measured: {error}", gateway.name()),
        }
    }
}

fn control(gateway: &dyn Gateway) -> Arm {
    let id = CellId {
        mode: Mode::Live,
        host: gateway.name().to_owned(),
        plugin: "A".to_owned(),
        workload: "none".to_owned(),
        phase: Phase::Request,
    };
    Arm { id, plugin: None, workload: headers().clone(), chain: 1 }
}

struct Bench {
    name: &'static str,
    arm: Arm,
    running: Box<dyn Running>,
    core: Option<u32>,
}

impl Bench {
    fn plan(&self, duration: Duration) -> LoadPlan {
        LoadPlan { duration, connections: CONNECTIONS, core: self.core, ..LoadPlan::default() }
    }

    fn throughput(&self, rounds: usize, seconds: u64) {
        let address = self.running.address(0);
        // As wrk writes it.
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
        let target = Target { address, request, expected: Expected::Arm(arm_label(&self.arm)) };
        let plan = self.plan(Duration::from_secs(seconds));
        let mut ratios = Vec::new();
        for round in 0..rounds {
            // Who comes first alternates: what drifts hits both.
            let mut ours = 0.0;
            let mut own = || {
                let traffic = capacity(std::slice::from_ref(&target), &plan, &NEVER).expect("sockets can be had");
                assert_eq!(traffic[0].faults.total(), 0, "{:?}", traffic[0].faults);
                ours = traffic[0].answered as f64 / seconds as f64;
            };
            let theirs = if round % 2 == 0 {
                own();
                wrk(address, seconds, self.core)
            } else {
                let theirs = wrk(address, seconds, self.core);
                own();
                theirs
            };
            let Some(theirs) = theirs else {
                println!("{}: wrk is not here; Debian: `apt install wrk`", self.name);
                return;
            };
            println!("{}: {ours:.0} requests/s, wrk -t1 {theirs:.0}, ratio {:.3}", self.name, ours / theirs);
            ratios.push(ours / theirs);
        }
        ratios.sort_by(f64::total_cmp);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        println!("{}: ratio to wrk -t1: median {:.3}, {least:.3} to {most:.3}", self.name, ratios[ratios.len() / 2]);
    }

    fn lateness(&self, duration: Duration) {
        let target = Target {
            address: self.running.address(0),
            request: request_bytes(&self.arm.workload, false),
            expected: Expected::Arm(arm_label(&self.arm)),
        };
        for (rate, arrivals) in [(1_000.0, Arrivals::Fixed), (5_000.0, Arrivals::Fixed), (5_000.0, Arrivals::Poisson)] {
            let plan = LoadPlan { rate, arrivals, ..self.plan(duration) };
            let traffic = run(std::slice::from_ref(&target), &plan, &NEVER, &mut |_| {}).expect("sockets can be had");
            let traffic = &traffic[0];
            let us = |histogram: &Histogram| {
                let at = |quantile| histogram.value_at_quantile_ns(quantile).map_or(f64::NAN, |ns| ns as f64 / 1e3);
                let most = histogram.max_ns().map_or(f64::NAN, |ns| ns as f64 / 1e3);
                format!(
                    "p50 {:.2} p90 {:.2} p99 {:.2} p99.9 {:.2} most {most:.0}",
                    at(0.5),
                    at(0.9),
                    at(0.99),
                    at(0.999)
                )
            };
            println!(
                "{}: {rate:.0}/s {arrivals:?}: lateness µs {}; latency µs {}; answered {} of {}",
                self.name,
                us(&traffic.lateness_ns),
                us(&traffic.latency_from_intended_ns),
                traffic.answered,
                traffic.planned
            );
        }
    }
}

/// Requests a second of wrk on a core; none when there is no wrk.
fn wrk(address: SocketAddr, seconds: u64, core: Option<u32>) -> Option<f64> {
    // A child runs where its parent's thread does.
    let _pin = core.and_then(|core| Pin::current_thread(core).ok());
    let connections = format!("-c{CONNECTIONS}");
    let output = Command::new("wrk")
        .args(["-t1", &connections, &format!("-d{seconds}s"), &format!("http://{address}/")])
        .output();
    let said = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())
}
