//! A run that is killed at any moment leaves a readable journal with all that was finished, and can be gone on with.

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{children, run, runs, status, stderr, stdout, tollgate};
use tollgate_record::{GateRecord, Phase, ProveRecord, Record, RecordError, Series};

const ARGS: [&str; 9] =
    ["run", "--time", "quick", "--quiet", "--only", "in-process", "--plugin", "boundary", "--workload"];

fn command(out: &Path) -> Command {
    let mut command = tollgate();
    command.args(ARGS).args(["noop", "--seed", "7", "--out"]).arg(out).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A run that is killed outright, with what it started, when it goes out of scope.
struct Run(Child);

impl Run {
    fn kill(&mut self) {
        let workers = children(self.0.id());
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        // They end by themselves when their parent has gone.
        let deadline = Instant::now() + Duration::from_secs(10);
        while workers.iter().any(|&pid| runs(pid)) {
            assert!(Instant::now() < deadline, "still running: {workers:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Run {
    /// Kills it as soon as its journal holds so much, and gives what it holds then.
    fn kill_when(&mut self, journal: &Path, is_reached: &dyn Fn(&Record) -> bool) -> Record {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if Record::read(journal).is_ok_and(|record| is_reached(&record)) {
                self.kill();
                return Record::read(journal).unwrap();
            }
            assert!(Instant::now() < deadline, "it was not reached in time");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn series(record: &Record) -> Vec<(String, Series)> {
    let of = |cell: &tollgate_record::Cell| {
        let name = format!("{} {:?}", cell.id, cell.id.phase);
        cell.series.iter().map(move |series| (name.clone(), series.clone())).collect::<Vec<_>>()
    };
    record.cells.iter().flat_map(of).collect()
}

/// Starts that every measured arm has.
fn finished(record: &Record) -> Vec<u32> {
    let requests = || record.cells.iter().filter(|cell| cell.id.phase == Phase::Request);
    let has = |start: &u32| requests().all(|cell| cell.series.iter().any(|series| series.start == *start));
    (0..record.plan.starts).filter(has).collect()
}

#[test]
fn a_run_killed_at_any_moment_leaves_a_journal_with_all_that_was_finished() {
    // Journals that are wanted; runs are killed until there are so many.
    let wanted: u32 = std::env::var("TOLLGATE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10);
    let folder = tempfile::tempdir().unwrap();
    // How long one takes, so that moments are spread over all of it.
    let begin = Instant::now();
    assert!(command(folder.path()).status().unwrap().success());
    let whole = begin.elapsed();
    let (mut kills, mut read) = (0, 0);
    while read < wanted {
        assert!(kills < 2 * wanted + 20, "{kills} kills hit {read} runs while they had a journal");
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run(command(folder.path()).spawn().unwrap());
        // Evenly spread, in an order that hits no phase again and again: multiples of the golden ratio.
        std::thread::sleep(whole.mul_f64((f64::from(kills) * 0.618_034).fract()));
        run.kill();
        kills += 1;
        let path = folder.path().join("journal.jsonl");
        let Ok(text) = std::fs::read(&path) else {
            // Before it began or after it was done.
            continue;
        };
        let record = match Record::read(&path) {
            Ok(record) => record,
            // The very first line was cut off: nothing had been measured.
            Err(RecordError::Empty { .. }) if !text.contains(&b'\n') => continue,
            Err(error) => panic!("kill {kills}: {error}"),
        };
        read += 1;
        assert!(record.interrupted || text.windows(7).any(|word| word == b"{\"end\":"), "kill {kills}");
        // A line that is whole is finished.
        let whole = text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let lines = whole.filter(|line| line.starts_with(b"{\"series\":")).count();
        assert!(series(&record).len() >= lines, "kill {kills}: {lines} lines");
    }
    eprintln!("{kills} kills, runs of {whole:?}: {read} journals, all readable, nothing that was finished lost");
}

#[test]
fn a_killed_run_is_gone_on_with_and_keeps_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = Run(command(folder.path()).spawn().unwrap());
    let journal = folder.path().join("journal.jsonl");
    let before = killed.kill_when(&journal, &|record| finished(record) == [0]);
    let output = run(&["summary", journal.to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("in process 1 of 3 starts. `tollgate resume`"), "{said}");

    let args = ["resume", "--quiet", folder.path().to_str().unwrap()];
    let output = run(&args);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(!journal.exists(), "the record is safe");
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert!(!record.interrupted && record.finished_unix_ms.is_some());
    assert_eq!(finished(&record), [0, 1, 2]);
    assert_eq!((record.started_unix_ms, &record.plan), (before.started_unix_ms, &before.plan));
    let after = series(&record);
    for kept in series(&before).into_iter().filter(|(_, series)| series.start == 0) {
        assert!(after.contains(&kept), "{} of start 0 is lost or another", kept.0);
    }
    // Once it is done there is nothing to go on with.
    let output = run(&args);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("was not interrupted"), "{}", stderr(&output));
}

/// On a gateway and under load, after a kill in either part.
#[test]
fn live_starts_and_loads_are_gone_on_with_too() {
    let args = ["run", "--time", "quick", "--quiet", "--only", "live", "--plugin", "boundary", "--workload", "noop"];
    let load = ["--load", "1s", "--load-rate", "200", "--load-rate", "400", "--seed", "7", "--out"];
    type Reached = fn(&Record) -> bool;
    let moments: [(&str, Reached); 2] =
        [("the first start", |record| finished(record) == [0]), ("the first rate", |record| record.loads.len() == 1)];
    for (when, is_reached) in moments {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let mut command = tollgate();
        command.args(args).args(load).arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut killed = Run(command.spawn().unwrap());
        let before = killed.kill_when(&journal, &is_reached);
        assert!(before.finished_unix_ms.is_none(), "killed too late to say anything of {when}");
        let output = run(&["resume", "--quiet", folder.path().to_str().unwrap()]);
        assert_eq!(status(&output), 0, "after {when}: {}", stderr(&output));
        let record = Record::read(&folder.path().join("record.json")).unwrap();
        assert_eq!(finished(&record), [0, 1, 2], "after {when}");
        let after = series(&record);
        for kept in series(&before).into_iter().filter(|(_, series)| finished(&before).contains(&series.start)) {
            assert!(after.contains(&kept), "after {when}: {} is lost or another", kept.0);
        }
        // Rates of one load share a start of the gateway, so that a load is made anew as a whole or is kept.
        let rates: Vec<Option<f64>> = record.loads.iter().map(|load| load.rate_per_s).collect();
        assert_eq!(rates, [Some(200.0), Some(400.0)], "after {when}");
    }
}

#[test]
fn what_changed_in_between_or_is_no_run_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let resume = || run(&["resume", "--quiet", folder.path().to_str().unwrap()]);
    assert_eq!(status(&resume()), 2, "{}", stderr(&resume()));
    assert!(command(folder.path()).status().unwrap().success());
    let path = folder.path().join("record.json");
    let whole = Record { interrupted: true, ..Record::read(&path).unwrap() };
    type Edit = fn(&mut Record);
    let edits: [(&str, Edit); 5] = [
        ("another CPU", |record| record.environment.cpu_model = Some("another".to_owned())),
        ("other versions", |record| drop(record.environment.versions.insert("wasmtime".to_owned(), "1.0".to_owned()))),
        ("another plan", |record| record.plan.starts = 4),
        ("is not understood", |record| record.command_line.push("--no-such".to_owned())),
        ("another artifact of boundary", |record| {
            let artifacts = record.cells.iter_mut().filter_map(|cell| cell.artifact.as_mut());
            artifacts.for_each(|artifact| artifact.size_bytes += 1);
        }),
    ];
    for (what, edit) in edits {
        let mut record = whole.clone();
        edit(&mut record);
        record.write(&path).unwrap();
        let output = resume();
        assert_eq!(status(&output), 2, "{what}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(what) && stderr(&output).contains("begin anew"),
            "{what}: {}",
            stderr(&output)
        );
        assert_eq!(Record::read(&path).unwrap(), record, "it is left as it was");
        assert!(!folder.path().join("journal.jsonl").exists());
    }
}

/// Starts the command, and kills it when what `seen` looks for is there.
fn killed_when<T>(args: &[&str], seen: impl Fn() -> Option<T>) -> T {
    let mut run = Run(tollgate().args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(run.0.try_wait().unwrap().is_none(), "it was done before it was killed: {args:?}");
        if seen().is_some() {
            run.kill();
            return seen().unwrap();
        }
        assert!(Instant::now() < deadline, "nothing was finished: {args:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const QUICK: [&str; 7] = ["--quiet", "--workload", "headers", "--processes", "12", "--layouts", "3"];

#[test]
fn a_killed_gate_is_gone_on_with_and_keeps_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let journal = folder.path().join("gate-journal.jsonl");
    let args = ["gate", "in-process", "--base", "boundary", "--head", "boundary", "--out", out];
    let before = killed_when(&[&args[..], &QUICK].concat(), || {
        GateRecord::read(&journal).ok().filter(|record| record.cells[0].processes.len() >= 2)
    });
    // What was interrupted is never a pass.
    assert_eq!(status(&run(&["gate", "in-process", "--record", journal.to_str().unwrap()])), 4);

    let resume = ["resume", "--quiet", out];
    let output = run(&resume);
    assert!([0, 3, 4].contains(&status(&output)), "{}{}", stdout(&output), stderr(&output));
    assert!(!journal.exists() && folder.path().join("gate.json").exists());
    let path = folder.path().join("gate-record.json");
    let after = GateRecord::read(&path).unwrap();
    assert!(!after.interrupted && after.finished_unix_ms.is_some());
    let (cell, known) = (&after.cells[0], &before.cells[0]);
    assert_eq!((cell.processes.len(), &cell.slowdown), (12, &known.slowdown));
    assert!(known.processes.iter().all(|process| cell.processes.contains(process)), "one is lost or another");
    assert_eq!((&after.plan, after.started_unix_ms), (&before.plan, before.started_unix_ms));

    let output = run(&resume);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("was not interrupted"), "{}", stderr(&output));
    type Edit = fn(&mut GateRecord);
    let edits: [(&str, Edit); 4] = [
        ("another CPU", |record| record.environment.cpu_model = Some("another".to_owned())),
        ("another plan", |record| record.plan.margin_ppm = 9_000),
        ("other versions", |record| drop(record.environment.versions.insert("wasmtime".to_owned(), "1".to_owned()))),
        ("another artifact", |record| record.cells[0].base.sha256 = "0".repeat(64)),
    ];
    for (what, edit) in edits {
        let mut record = GateRecord { interrupted: true, ..after.clone() };
        edit(&mut record);
        record.write(&path).unwrap();
        let output = run(&resume);
        assert_eq!(status(&output), 2, "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
    }
}

#[test]
fn a_killed_live_gate_is_gone_on_with_and_keeps_its_starts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let args =
        ["gate", "live", "--gateway", "embedded", "--base", "lua", "--head", "lua", "--time", "300ms", "--quiet"];
    let live =
        |record: &Record| series(record).into_iter().filter(|(cell, _)| cell.contains("embedded")).collect::<Vec<_>>();
    let before = killed_when(&[&args[..], &["--margin", "10us", "--out", out]].concat(), || {
        Record::read(&journal).ok().filter(|record| live(record).iter().any(|(_, series)| series.start == 1))
    });
    let output = run(&["resume", "--quiet", out]);
    assert!([0, 3, 4].contains(&status(&output)), "{}{}", stdout(&output), stderr(&output));
    let after = Record::read(&folder.path().join("record.json")).unwrap();
    assert!(!after.interrupted && folder.path().join("gate.json").exists());
    let all = live(&after);
    let kept = live(&before).into_iter().filter(|(_, series)| series.start == 0);
    assert!(kept.clone().count() > 0 && kept.into_iter().all(|known| all.contains(&known)));
    assert!(all.iter().any(|(_, series)| series.start == 4));
}

#[test]
fn a_killed_proof_is_gone_on_with_and_more_runs_are_added_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let journal = folder.path().join("prove-journal.jsonl");
    let prove = |what: &str, runs: &str, more: &[&str]| {
        let args = ["prove", what, "--plugin", "boundary", "--out", out, "--runs", runs];
        [&args[..], &QUICK, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |args: &[String]| run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let args = prove("aa", "2", &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let before = killed_when(&args, || ProveRecord::read(&journal).ok().filter(|record| record.runs.len() == 1));
    let output = run(&["resume", "--quiet", out].map(str::to_owned));
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let path = folder.path().join("prove.json");
    let resumed = ProveRecord::read(&path).unwrap();
    assert_eq!((resumed.runs.len(), resumed.wanted, resumed.interrupted), (2, Some(2), false));
    assert_eq!((&resumed.runs[0], resumed.sittings.len()), (&before.runs[0], 1));
    assert!(!journal.exists());

    let record = path.to_str().unwrap();
    let output = run(&prove("aa", "3", &["--continue", record]));
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let more = ProveRecord::read(&path).unwrap();
    assert_eq!((more.runs.len(), &more.runs[..2], more.sittings.len()), (3, &resumed.runs[..], 2));
    assert_eq!(more.sittings[1].first_run, 2);

    // Enough already; of another question; of another machine or artifact.
    let refused = |args: &[String], said: &str| {
        let output = run(args);
        assert_eq!(status(&output), 2, "{said}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    };
    refused(&prove("aa", "3", &["--continue", record]), "3 runs already");
    refused(&prove("power", "4", &["--continue", record]), "another question");
    refused(&prove("aa", "4", &["--continue", record, "--margin", "1%"]), "other settings");
    refused(&prove("aa", "4", &["--continue", record, "--seed", "1"]), "--seed");
    type Edit = fn(&mut ProveRecord);
    let edits: [(&str, Edit); 5] = [
        ("another CPU", |record| record.environment.cpu_model = None),
        ("another artifact", |record| record.subjects[0].sha256 = "0".repeat(64)),
        ("another request", |record| record.subjects[0].request_sha256 = "0".repeat(64)),
        ("another slowdown", |record| record.runs[1].asked_ppm = 1),
        ("does not say which artifacts", |record| record.subjects.clear()),
    ];
    for (said, edit) in edits {
        let mut other = more.clone();
        edit(&mut other);
        other.write(&path).unwrap();
        refused(&prove("aa", "4", &["--continue", record]), said);
    }

    // The time that is allowed may be too short for a run.
    let output = run(&prove("aa", "2", &["--time-limit", "1ms"]));
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("stopped before a run was done"), "{}", stderr(&output));
}

#[test]
fn a_killed_proof_of_counters_is_gone_on_with_and_more_runs_are_added_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let (journal, path) = (folder.path().join("prove-journal.jsonl"), folder.path().join("prove.json"));
    let record = path.to_str().unwrap();
    let prove = |what: &'static str, runs: &'static str, more: &[&'static str]| {
        [&["prove", what, "--counters", "--quiet", "--runs", runs], more].concat()
    };
    let args = [&prove("power", "15", &["--plugin", "boundary"])[..], &["--out", out]].concat();
    let before = killed_when(&args, || ProveRecord::read(&journal).ok().filter(|record| record.runs.len() >= 3));
    let output = run(&["resume", "--quiet", out]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let resumed = ProveRecord::read(&path).unwrap();
    assert_eq!((resumed.runs.len(), resumed.interrupted, resumed.sittings.len()), (30, false, 1));
    assert_eq!(resumed.runs[..before.runs.len()], before.runs);
    assert!(!journal.exists());

    let continued = |args: &[&str]| run(&[args, &["--out", out, "--continue", record]].concat());
    let output = continued(&prove("power", "16", &["--plugin", "boundary"]));
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let more = ProveRecord::read(&path).unwrap();
    assert_eq!((more.runs.len(), &more.runs[..30], more.sittings.len()), (32, &resumed.runs[..], 2));
    for (args, said) in [
        (prove("power", "16", &["--plugin", "boundary"]), "32 runs already"),
        (prove("aa", "99", &["--plugin", "boundary"]), "another question"),
        (prove("power", "99", &["--plugin", "cpp-raw"]), "another plugin"),
        (prove("power", "99", &["--plugin", "boundary", "--workload", "noop"]), "other hosts or workloads"),
        (vec!["prove", "power", "--plugin", "boundary", "--runs", "99"], "other settings of the gate"),
    ] {
        let output = continued(&args);
        assert_eq!(status(&output), 2, "{said}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }

    // The time that is allowed may be too short for a run.
    let output = run(&[&prove("aa", "2", &["--time-limit", "1ms"])[..], &["--out", out]].concat());
    assert!(stderr(&output).contains("stopped before a run was done"), "{}", stderr(&output));
}
