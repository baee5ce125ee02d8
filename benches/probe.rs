//! What the probe itself costs, and how still it stands: on each gateway that is here, in one interleaved run,
//! the probe's p50 on an arm without a plugin as a ratio to a plain blocking socket with a prebuilt request, what A' adds,
//! and how that differs between windows of a second.
//!
//! Each start is a fresh gateway; `-- --quick` for a first look. Goals: ratio at most 1.05, A' within 0.1 us, its
//! windows within 0.05 us (standard deviation).

mod live;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tollgate_gateways::{
    Arm, GATEWAYS, Gateway, Options, Pin, Probe, Running, decide_placement, measure, request_bytes,
};

use live::{arm, median};

const STARTS: u32 = 5;
/// Windows of a start.
const WINDOWS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(5);

fn main() {
    let quick = tollgate_benches::is_quick();
    let (starts, windows) = if quick { (1, 2) } else { (STARTS, WINDOWS) };
    println!(
        "{:<12}{:>10}{:>11}{:>8}{:>10}{:>14}",
        "gateway", "plain us", "probe us", "ratio", "A' us", "A' windows us"
    );
    for gateway in GATEWAYS.iter().copied().filter(|gateway| !gateway.name().starts_with("embedded-")) {
        let results: Result<Vec<Start>, String> = (0..starts).map(|number| start(gateway, number, windows)).collect();
        match results {
            Err(reason) => println!("{:<12}not measured: {reason}", gateway.name()),
            Ok(starts) => print(gateway.name(), &starts),
        }
    }
}

/// What one start measured, nanoseconds.
struct Start {
    plain: f64,
    probe: f64,
    /// Of each window.
    added: Vec<f64>,
}

fn print(gateway: &str, starts: &[Start]) {
    let us = |of: &dyn Fn(&Start) -> f64| median(starts.iter().map(of).collect()) / 1_000.0;
    let spread = median(starts.iter().map(|start| deviation(&start.added)).collect()) / 1_000.0;
    println!(
        "{gateway:<12}{:>10.2}{:>11.2}{:>8.3}{:>10.3}{spread:>14.3}",
        us(&|start| start.plain),
        us(&|start| start.probe),
        median(starts.iter().map(|start| start.probe / start.plain).collect()),
        us(&|start| median(start.added.clone())),
    );
}

fn start(gateway: &dyn Gateway, number: u32, windows: u32) -> Result<Start, String> {
    let core = decide_placement().shared_core();
    let arms = ["A", "A'"].map(|name| arm(gateway, name, None));
    let options = Options { gateway_core: core, ..Options::default() };
    let mut running = gateway.start(&arms, &options).map_err(|error| error.to_string())?;
    let added = added(running.as_mut(), &arms, number, windows)?;
    let (plain, probe) = side_by_side(running.as_ref(), &arms[0]).map_err(|error| error.to_string())?;
    Ok(Start { plain, probe, added })
}

/// What A' adds in each of so many seconds, one after the other.
fn added(running: &mut dyn Running, arms: &[Arm], number: u32, seconds: u32) -> Result<Vec<f64>, String> {
    let duration = Duration::from_secs(u64::from(seconds));
    let measured = measure(running, arms, 0, u64::from(number), duration, 15, &mut |_, _| ControlFlow::Continue(()));
    let other = measured.into_iter().nth(1).expect("two arms");
    other.proof.map_err(|failure| failure.message)?;
    let blocks = other.series.expect("what is proved was measured").added_blocks_ns;
    let window = blocks.len().div_ceil(seconds as usize);
    Ok(blocks.chunks(window).map(|blocks| median(blocks.iter().map(|&ns| ns as f64).collect())).collect())
}

/// p50 of both ways to ask, taking turns in a random order on connections of their own.
fn side_by_side(running: &dyn Running, arm: &Arm) -> std::io::Result<(f64, f64)> {
    let _pin = running.probe_core().and_then(|core| Pin::current_thread(core).ok());
    let request = request_bytes(&arm.workload, false);
    let mut probe = Probe::connect(running.address(0), TIMEOUT).map_err(std::io::Error::other)?;
    let mut plain = TcpStream::connect(running.address(0))?;
    plain.set_nodelay(true)?;
    let mut buffer = [0; 16 * 1024];
    let (mut by_probe, mut by_plain) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        let probe_first = fastrand::bool();
        for is_probe in [probe_first, !probe_first] {
            // As in a measurement, after one that is not timed.
            for timed in [false, true] {
                let ns = match is_probe {
                    true => probe.exchange(&request).map_err(std::io::Error::other)?,
                    false => exchange(&mut plain, &request, &mut buffer)?,
                };
                if is_probe {
                    probe.response().map_err(std::io::Error::other)?;
                }
                match is_probe {
                    true if timed => by_probe.push(ns as f64),
                    false if timed => by_plain.push(ns as f64),
                    _ => {}
                }
            }
        }
    }
    Ok((median(by_plain), median(by_probe)))
}

/// The least that a client can do: one write, one read. The response fits into a packet.
fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> std::io::Result<u64> {
    let begin = Instant::now();
    stream.write_all(request)?;
    let read = stream.read(buffer)?;
    let ns = begin.elapsed().as_nanos() as u64;
    if buffer[..read].ends_with(tollgate_gateways::BODY.as_bytes()) || buffer[..read].ends_with(b"\r\n0\r\n\r\n") {
        return Ok(ns);
    }
    Err(std::io::Error::other("the response did not come in one piece"))
}

/// Standard deviation of a sample.
fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}
