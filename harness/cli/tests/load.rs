//! `tollgate run --load`: each gateway at each rate, in the record and in the table; what is finished stays.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{envoy, run, runs, status, stderr, stdout, tollgate};
use tollgate_record::{Arrivals, Placement, Record};

/// Two plugins, so that it is quick.
const FEW: [&str; 13] = [
    "run",
    "--time",
    "quick",
    "--quiet",
    "--only",
    "live",
    "--plugin",
    "native",
    "--plugin",
    "lua",
    "--workload",
    "headers",
    "--seed=3",
];

#[test]
fn each_gateway_is_put_under_shares_of_what_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let (gateways, names): (&[&str], &[&str]) =
        if envoy() { (&["--gateway", "envoy"], &["embedded", "envoy"]) } else { (&[], &["embedded"]) };
    let load = ["--load", "1s", "--connections", "4", "--out", out];
    let output = run(&[&FEW[..], gateways, &load[..]].concat());
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    let shares: Vec<_> = record.loads.iter().map(|load| (load.gateway.as_str(), load.share)).collect();
    let expected = |gateway| [0.25, 0.5, 0.75].map(|share| (gateway, Some(share)));
    assert_eq!(shares, names.iter().copied().flat_map(expected).collect::<Vec<_>>());
    for load in &record.loads {
        assert_eq!((load.error.as_ref(), load.arrivals, load.connections), (None, Arrivals::Fixed, 4));
        assert!(load.placement != Placement::Unpinned, "{:?}", load.placement);
        let live = |cell: &&tollgate_record::Cell| cell.id.host == load.gateway && cell.error.is_none();
        assert_eq!(load.arms.len(), record.cells.iter().filter(live).count(), "all arms");
        let capacities: f64 = load.arms.iter().map(|arm| 1.0 / arm.capacity.unwrap().per_s()).sum();
        let capacity = load.arms.len() as f64 / capacities;
        let rate = load.rate_per_s.unwrap();
        assert!((rate / (capacity * load.share.unwrap()) - 1.0).abs() < 1e-9, "{rate} of {capacity}");
        for arm in &load.arms {
            let traffic = &arm.traffic;
            assert_eq!(traffic.answered + traffic.faults.total(), traffic.planned, "{}", arm.cell);
            assert_eq!(traffic.latency_from_intended_ns.len(), traffic.answered, "{}", arm.cell);
            assert!((traffic.planned as f64 - rate / load.arms.len() as f64).abs() <= 1.0, "{}: {rate}", arm.cell);
            assert!(arm.proof.is_some() || traffic.faults.total() > 0, "{}: {:?}", arm.cell, arm.error);
        }
    }
    let text = stdout(&output);
    for name in names {
        assert!(text.contains(&format!("Load on {name}")), "{text}");
    }
    assert!(std::fs::read_to_string(folder.path().join("report.html")).unwrap().contains("<section id=\"load\""));
}

#[test]
fn rates_of_ones_own_are_taken_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let load = ["--load=500ms", "--load-rate", "200", "--load-rate=300.5", "--arrivals", "poisson", "--out", out];
    let output = run(&[&FEW[..], &load[..]].concat());
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    let rates: Vec<_> = record.loads.iter().map(|load| (load.rate_per_s, load.share, load.arrivals)).collect();
    assert_eq!(rates, [200.0, 300.5].map(|rate| (Some(rate), None, Arrivals::Poisson)));
}

#[test]
fn an_interrupt_keeps_the_rates_that_are_finished_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let rates: Vec<String> = (0..60).map(|_| "--load-rate=100".to_owned()).collect();
    let mut command = tollgate();
    command.args(FEW).args(["--load", "500ms", "--out"]).arg(folder.path()).args(rates);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    let journal = folder.path().join("journal.jsonl");
    let begin = Instant::now();
    let loads = || std::fs::read_to_string(&journal).unwrap_or_default().matches("{\"load\":").count();
    while loads() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(120), "no load in two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let workers = support::children(pid);
    assert_eq!(workers.len(), 1);
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert!(record.interrupted && (2..60).contains(&record.loads.len()), "{}", record.loads.len());
    assert!(record.loads.iter().all(|load| load.error.is_none() && !load.arms.is_empty()));
    assert!(!workers.into_iter().any(runs));
}

#[test]
fn what_cannot_be_a_load_is_refused_with_what_can() {
    let cases: [(&[&str], &str); 6] = [
        (&["--load", "10"], "`60s`, `5m`"),
        (&["--load", "1s", "--load-rate", "0"], "from 1 to 1000000"),
        (&["--load", "1s", "--load-rate", "NaN"], "from 1 to 1000000"),
        (&["--load", "1s", "--connections", "0"], "1..=10000"),
        (&["--load-rate", "5"], "--load <TIME>"),
        (&["--load", "1s", "--only", "in-process"], "no gateway to put under load"),
    ];
    for (args, expected) in cases {
        let output = run(&[&["run"], args].concat());
        assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}
