//! A synthetic record with everything a report can meet: all languages on all places, floors, controls, lifecycle
//! phases, failures and hostile names. Seeded, so that every test sees the same figures.

use std::collections::BTreeMap;

use tollgate_record::{
    ArmLoad, Arrivals, Artifact, Capacity, Cell, CellId, Control, Counters, Environment, Failure, Histogram, Load,
    Memory, MemorySample, Mode, Phase, Placement, Plan, PluginKind, Record, SCHEMA, Series, Soak, Spread, TimeBudget,
    Traffic, Variant,
};

/// Names that must show as text wherever they appear.
pub(crate) fn hostile_names() -> Vec<String> {
    vec![
        "<script>alert('x')</script>".to_owned(),
        "=cmd|' /C calc'!A0".to_owned(),
        "quote\"quote' onload=alert(1) x=\"".to_owned(),
        "esc\u{1b}[31m\u{0}bell\u{7}".to_owned(),
        "rtl\u{202e}evil\u{2066}".to_owned(),
        "]]>--></style></svg></script>{{title}}&amp;\"#A00001\"".to_owned(),
        "pipe|tick`star*under_[link](javascript:x) @all".to_owned(),
        "@SUM(1+1)".to_owned(),
        "-2+3".to_owned(),
        "+1".to_owned(),
        "x".repeat(10_000),
    ]
}

type Catalogued = (&'static str, &'static str, PluginKind, Option<Variant>, [f64; 3]);

/// Catalogue plugins: name, language, kind, variant, added microseconds in process / embedded / Envoy.
const PLUGINS: [Catalogued; 10] = [
    ("native", "native", PluginKind::Native, None, [0.95, 1.4, 0.0]),
    ("boundary", "WAT", PluginKind::ProxyWasm, None, [3.9, 4.6, 26.6]),
    ("lua", "Lua", PluginKind::Lua, None, [6.1, 7.0, 14.4]),
    ("cpp-raw", "C++", PluginKind::ProxyWasm, Some(Variant::Raw), [5.2, 5.9, 29.5]),
    ("rust-raw", "Rust", PluginKind::ProxyWasm, Some(Variant::Raw), [5.4, 6.1, 29.9]),
    ("rust-sdk", "Rust", PluginKind::ProxyWasm, Some(Variant::Sdk), [8.8, 9.6, 37.2]),
    ("go-raw", "Go", PluginKind::ProxyWasm, Some(Variant::Raw), [17.3, 18.9, 52.0]),
    ("go-sdk", "Go", PluginKind::ProxyWasm, Some(Variant::Sdk), [31.0, 33.5, 88.4]),
    ("assemblyscript-raw", "AssemblyScript", PluginKind::ProxyWasm, Some(Variant::Raw), [12.9, 13.8, 46.1]),
    ("assemblyscript-sdk", "AssemblyScript", PluginKind::ProxyWasm, Some(Variant::Sdk), [16.2, 17.1, 55.0]),
];

/// How a synthetic record is made.
pub(crate) struct Make {
    pub(crate) starts: u32,
    pub(crate) envoy: bool,
    pub(crate) hostile: bool,
    pub(crate) requests: u64,
    /// Whether there is a third amount of work, and with it lines of cost.
    pub(crate) lines: bool,
}

impl Default for Make {
    fn default() -> Self {
        Self { starts: 6, envoy: true, hostile: false, requests: 12_000, lines: false }
    }
}

pub(crate) fn record(make: &Make) -> Record {
    let mut builder = Builder { random: fastrand::Rng::with_seed(7), make, cells: Vec::new() };
    builder.place(Mode::InProcess, "in-process", 0, 0.12);
    builder.place(Mode::Live, "embedded", 1, 14.0);
    if make.envoy {
        builder.place(Mode::Live, "envoy", 2, 16.5);
    }
    builder.phases();
    if make.hostile {
        builder.hostile();
    }
    let loads = if make.envoy { loads(&builder.cells) } else { Vec::new() };
    Record {
        schema: SCHEMA.to_owned(),
        tollgate_version: "0.1.0".to_owned(),
        command_line: ["tollgate", "run", "--gateway", "envoy", "--seed", "42"].map(str::to_owned).to_vec(),
        started_unix_ms: 1_790_000_000_000,
        finished_unix_ms: Some(1_790_000_094_000),
        interrupted: false,
        environment: environment(),
        plan: plan(make.starts),
        cells: builder.cells,
        loads,
        scenarios: Vec::new(),
    }
}

/// Three rates on Envoy, the third of which the generator could not keep, and a gateway that failed.
fn loads(cells: &[Cell]) -> Vec<Load> {
    let live =
        |cell: &&Cell| (cell.id.host.as_str(), cell.id.phase) == ("envoy", Phase::Request) && cell.error.is_none();
    let arm = |cell: &Cell, share: f64| {
        let own_ns = 40_000 + 1_000 * cell.id.plugin.len() as u64;
        let mut traffic = Traffic { planned: 2_000, sent: 2_000, answered: 2_000, ..Traffic::default() };
        traffic.last_sent_ns = Some(999_500_000);
        for request in 0..2_000 {
            let late_ns = if share > 0.7 && request % 50 == 0 { 300_000 } else { 100 };
            let latency_ns = (own_ns as f64 / (1.0 - share)) as u64 + 50 * request;
            traffic.lateness_ns.record(late_ns);
            traffic.latency_from_sent_ns.record(latency_ns);
            traffic.latency_from_intended_ns.record(latency_ns + late_ns);
        }
        if cell.id.plugin == "go-sdk" && share > 0.7 {
            (traffic.answered, traffic.faults.status) = (1_990, 10);
        }
        let capacity = Some(Capacity { answered: 500_000_000 / own_ns, duration_ms: 500, connections: 16 });
        ArmLoad { cell: cell.id.clone(), capacity, traffic, proof: Some("counted".to_owned()), error: None }
    };
    let load = |share: f64| Load {
        gateway: "envoy".to_owned(),
        rate_per_s: Some(40_000.0 * share),
        share: Some(share),
        arrivals: Arrivals::Poisson,
        duration_ms: 1_000,
        connections: 16,
        seed: 5,
        placement: Placement::TwoCores { probe: 0, gateway: 1 },
        arms: cells.iter().filter(live).map(|cell| arm(cell, share)).collect(),
        error: None,
    };
    let failed = Load {
        gateway: "embedded".to_owned(),
        rate_per_s: None,
        share: None,
        arms: Vec::new(),
        error: Some(Failure::environment("start", "embedded was not ready; try again")),
        ..load(0.25)
    };
    vec![load(0.25), load(0.5), load(0.75), failed]
}

fn environment() -> Environment {
    Environment {
        os: "Debian GNU/Linux 12".to_owned(),
        kernel: "6.1.102".to_owned(),
        cpu_model: Some("Intel(R) Xeon(R) Processor @ 2.60GHz".to_owned()),
        cores: 2,
        memory_bytes: Some(8_322_000_000),
        governor: None,
        virtual_machine: Some(true),
        load_average: Some([0.42, 0.61, 0.55]),
        busy_share: Some(0.02),
        steal_share: Some(0.0012),
        clock_ns: Some(38.0),
        versions: [("envoy", "1.40.0"), ("luajit", "2.1.1774638290"), ("rustc", "1.95.0"), ("wasmtime", "48.0.8")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into(),
    }
}

fn plan(starts: u32) -> Plan {
    Plan {
        seed: 42,
        time: TimeBudget::Standard,
        starts,
        rounds_per_block: 25,
        requests_per_batch: 20,
        timed_with_limits: Some(false),
        soak_ms: Some(60_000),
        operations: WORKLOADS.map(|(name, operations, _)| (name.to_owned(), operations)).into(),
        workloads: vec!["headers".to_owned(), "noop".to_owned()],
        placement: BTreeMap::from([
            ("in_process".to_owned(), Placement::SameCore { core: 1 }),
            ("embedded".to_owned(), Placement::SameCore { core: 1 }),
            ("envoy".to_owned(), Placement::TwoCores { probe: 0, gateway: 1 }),
        ]),
        live_gate: None,
    }
}

/// Workloads with their operations in each loop and their share of the cost of `headers`: a line.
const WORKLOADS: [(&str, u32, f64); 3] = [("headers", 20, 1.0), ("noop", 0, 0.07), ("headers-40", 40, 1.93)];

struct Builder<'a> {
    random: fastrand::Rng,
    make: &'a Make,
    cells: Vec<Cell>,
}

impl Builder<'_> {
    fn place(&mut self, mode: Mode, host: &str, column: usize, base_us: f64) {
        for (name, control) in [("A", Control::A), ("A'", Control::APrime)] {
            let mut cell = empty_cell(mode, host, name, "none", Phase::Request);
            cell.control = Some(control);
            cell.series = self.series(base_us, (control == Control::APrime).then_some(0.0));
            if mode == Mode::Live && control == Control::APrime {
                own_clock(&mut cell.series);
            }
            self.cells.push(cell);
        }
        for (name, language, kind, variant, added) in PLUGINS {
            let host = match (mode, kind) {
                (Mode::Live, _) => host,
                (_, PluginKind::Native) => "native",
                (_, PluginKind::Lua) => "luajit",
                _ => "wasmtime",
            };
            if host == "envoy" && kind == PluginKind::Native {
                continue;
            }
            for &(workload, _, share) in &WORKLOADS[..if self.make.lines { 3 } else { 2 }] {
                let mut cell = empty_cell(mode, host, name, workload, Phase::Request);
                (cell.language, cell.kind, cell.variant) = (language.to_owned(), Some(kind), variant);
                cell.artifact = (kind != PluginKind::Native).then(|| artifact(name));
                cell.counters = Some(counters(kind, language, variant, workload));
                cell.proof = Some("trace equal to the catalogue's: 20 replace, 20 get, 20 remove".to_owned());
                let added = added[column] * share;
                cell.series = self.series(base_us, Some(added));
                if mode == Mode::Live {
                    own_clock(&mut cell.series);
                }
                if mode == Mode::InProcess && kind != PluginKind::Native {
                    let start_bytes = if language == "Go" { 4_259_840 } else { 131_072 };
                    for series in &mut cell.series {
                        let requests = 4_000 + u64::from(series.start);
                        series.memory = Some(Memory { start_bytes, requests, end_bytes: start_bytes + 65_536 });
                    }
                    cell.soak = (workload == "headers").then(|| soak(name, start_bytes));
                }
                if host == "envoy" && name == "assemblyscript-sdk" {
                    // It failed half-way: what it measured until then must not be used.
                    cell.error = Some(Failure::plugin(
                        "start",
                        "the gateway refused the module: function env.abort not found; rebuild the plugin with \
                         `--use abort=` or run it on a host that provides the import",
                    ));
                }
                self.cells.push(cell);
            }
        }
    }

    /// Log-normal requests with a rare slow tail; starts differ by about a percent.
    fn series(&mut self, base_us: f64, added_us: Option<f64>) -> Vec<Series> {
        (0..self.make.starts)
            .map(|start| {
                let layout = 1.0 + 0.008 * self.normal();
                let noise_us = 0.004 * self.normal();
                let added_ns = added_us.map(|us| (us * layout + noise_us) * 1_000.0);
                let sample_ns = base_us * 1_000.0 + added_ns.unwrap_or(0.0);
                let mut latency_ns = Histogram::new();
                for _ in 0..self.make.requests {
                    let tail = if self.random.f64() < 0.004 { 1.0 + 12.0 * self.random.f64() } else { 1.0 };
                    let spread = (0.05 * self.normal()).exp();
                    latency_ns.record((sample_ns * spread * tail).max(20.0) as u64);
                }
                let blocks = 30;
                let block = |random: &mut fastrand::Rng| (random.f64() - 0.5) * 0.004;
                Series {
                    start,
                    requests_per_sample: 20,
                    rounds: blocks * 25,
                    rounds_dropped: 3 + u64::from(start),
                    rounds_per_block: 25,
                    sample_blocks_ns: (0..blocks)
                        .map(|_| (sample_ns * 20.0 * (1.0 + block(&mut self.random))) as u64)
                        .collect(),
                    added_blocks_ns: match added_ns {
                        Some(ns) => (0..blocks).map(|_| (ns * 20.0 * (1.0 + block(&mut self.random))) as i64).collect(),
                        None => Vec::new(),
                    },
                    gateway_added_blocks_ns: None,
                    latency_ns,
                    memory: None,
                }
            })
            .collect()
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0
    }

    fn phases(&mut self) {
        for (name, language, kind, variant, _) in PLUGINS {
            let host = match kind {
                PluginKind::Native => continue,
                PluginKind::Lua => "luajit",
                _ => "wasmtime",
            };
            let size = if language == "Go" { 40.0 } else { 1.0 };
            for (phase, us) in
                [(Phase::Compile, 9_000.0 * size), (Phase::Instantiate, 70.0 * size), (Phase::FirstRequest, 90.0)]
            {
                let mut cell = empty_cell(Mode::InProcess, host, name, "headers", phase);
                (cell.language, cell.kind, cell.variant) = (language.to_owned(), Some(kind), variant);
                cell.series = (0..self.make.starts)
                    .map(|start| Series::of_values(start, &[(us * 1_000.0 * (1.0 + 0.05 * self.random.f64())) as u64]))
                    .collect();
                self.cells.push(cell);
            }
        }
    }

    fn hostile(&mut self) {
        for (index, name) in hostile_names().into_iter().enumerate() {
            let mut cell = empty_cell(Mode::InProcess, "wasmtime", &name, "headers", Phase::Request);
            (cell.language, cell.kind) = (name.clone(), Some(PluginKind::ProxyWasm));
            cell.host_version = name.clone();
            if index % 2 == 0 {
                cell.series = self.series(0.12, Some(4.0 + index as f64));
            } else {
                cell.error = Some(Failure::plugin("verify", format!("effects differ: got `{name}`; mend the plugin")));
            }
            self.cells.push(cell);
        }
    }
}

/// A gateway's own clock, which sees 0.3 us less.
fn own_clock(series: &mut [Series]) {
    for series in series {
        let requests = series.requests_per_sample as i64;
        series.gateway_added_blocks_ns =
            Some(series.added_blocks_ns.iter().map(|added| added / requests - 300).collect());
    }
}

fn empty_cell(mode: Mode, host: &str, plugin: &str, workload: &str, phase: Phase) -> Cell {
    let versions = [("envoy", "1.40.0"), ("wasmtime", "48.0.8"), ("luajit", "2.1.1774638290")];
    let version = versions.iter().find(|(name, _)| *name == host).map_or("0.1.0", |(_, version)| version);
    Cell {
        id: CellId { mode, host: host.to_owned(), plugin: plugin.to_owned(), workload: workload.to_owned(), phase },
        language: "none".to_owned(),
        kind: None,
        variant: None,
        control: None,
        host_version: version.to_owned(),
        artifact: None,
        series: Vec::new(),
        counters: None,
        soak: None,
        proof: None,
        error: None,
    }
}

fn artifact(name: &str) -> Artifact {
    let digit = char::from_digit(name.len() as u32 % 16, 16).expect("below 16");
    Artifact {
        sha256: digit.to_string().repeat(64),
        size_bytes: if name.starts_with("go") { 2_306_867 } else { 4_211 },
        toolchain: Some("the one that built it 1.2.3".to_owned()),
        sdk: name.ends_with("sdk").then(|| "proxy-wasm 0.2.4".to_owned()),
    }
}

/// `assemblyscript-raw` leaks, `rust-sdk` traps, the others stand still.
fn soak(name: &str, start_bytes: u64) -> Soak {
    let leak = if name == "assemblyscript-raw" { 16 } else { 0 };
    let sample = |index: u64| {
        let requests = index * 32_768;
        MemorySample { requests, least_bytes: start_bytes + leak * requests }
    };
    let traps = name == "rust-sdk";
    let samples: Vec<MemorySample> = (0..=150).map(sample).take(if traps { 10 } else { 151 }).collect();
    let requests = samples.last().map_or(0, |last| last.requests);
    let error = traps.then(|| Failure::plugin("soak", "after 294912 requests: unreachable; see its log"));
    Soak { duration_ms: 60_000, requests, samples, limit_bytes: None, error }
}

fn counters(kind: PluginKind, language: &str, variant: Option<Variant>, workload: &str) -> Counters {
    let calls = if workload == "noop" { 0 } else { 20 };
    let names = ["proxy_replace_header_map_value", "proxy_get_header_map_value", "proxy_remove_header_map_value"];
    let host_calls = names.iter().filter(|_| calls > 0).map(|name| ((*name).to_owned(), calls)).collect();
    let fuel = if variant == Some(Variant::Sdk) { 31_415 } else { 9_265 };
    let mut varying = BTreeMap::new();
    if language == "Go" {
        varying.insert("fuel".to_owned(), Spread { requests: 64, least: fuel, most: 10 * fuel, total: 80 * fuel });
        varying.insert("clock_time_get".to_owned(), Spread { requests: 64, least: 0, most: 2, total: 2 });
    }
    Counters {
        host_calls,
        bytes_in: 250,
        bytes_out: 980,
        allocations: calls,
        fuel: (kind == PluginKind::ProxyWasm && language != "Go").then_some(fuel),
        lua_instructions: (kind == PluginKind::Lua).then_some(585),
        varying,
    }
}
