//! Hosts whose runner program is missing, or another one's: said where they are named, and in the way nowhere else.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use support::{hosts, run, status, stderr, stdout};
use tollgate_fixtures::HeaderPath;
use tollgate_record::{Cell, Phase, Record};

/// Hosts that are runner programs.
const RUNNERS: &[&str] = &["lua54", "luau"];

/// Runs the program from a folder where it stands alone.
fn run_alone(folder: &Path, runners: Option<&Path>, args: &[&str]) -> Output {
    let program = folder.join("tollgate");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_tollgate"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.args(args).env("PATH", "").env_remove("TOLLGATE_RUNNERS");
    if let Some(runners) = runners {
        command.env("TOLLGATE_RUNNERS", runners);
    }
    command.output().unwrap()
}

#[test]
fn a_missing_runner_is_told_with_the_command_that_gets_it_and_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let list = stdout(&run_alone(folder.path(), None, &["list"]));
    for name in RUNNERS {
        let remedy = format!("--manifest-path harness/runners/{name}/Cargo.toml");
        let line = list.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line.contains("missing") && list.contains(&remedy), "{list}");
        for verb in ["run", "verify"] {
            let output = run_alone(folder.path(), None, &[verb, "--host", name]);
            assert_eq!(status(&output), 1, "{}", stderr(&output));
            assert!(stderr(&output).contains(&remedy), "{}", stderr(&output));
        }
    }
    let output = run_alone(folder.path(), None, &["verify", "--plugin", "lua"]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let text = stdout(&output) + &stderr(&output);
    assert!(text.contains("lua on luajit") && !RUNNERS.iter().any(|name| text.contains(name)), "{text}");
}

#[test]
fn a_runner_of_another_version_and_a_program_that_is_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (says, message) in [
        (r#"echo '{"protocol":1,"tollgate":"0.0.1","runtime":"5.4.0"}'"#, "is of tollgate 0.0.1 (protocol 1)"),
        ("echo hello", "is no runner of ours"),
        ("exit 3", "is no runner of ours"),
    ] {
        for name in RUNNERS {
            let program = folder.path().join(format!("tollgate-{name}"));
            std::fs::write(&program, format!("#!/bin/sh\n{says}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let output = run_alone(folder.path(), Some(folder.path()), &["verify", "--host", name]);
            assert_eq!(status(&output), 1, "{}", stderr(&output));
            let error = stderr(&output);
            assert!(error.contains(message) && error.contains("--manifest-path"), "{error}");
        }
    }
}

#[test]
fn a_host_that_is_named_is_measured_beside_no_other() {
    let here: Vec<&str> = hosts().map(|host| host.name()).filter(|name| RUNNERS.contains(name)).collect();
    for name in here {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let arguments = ["run", "--host", name, "--only", "in-process", "--time", "quick", "--quiet", "--out"];
        let output = run(&[&arguments[..], &[out.to_str().unwrap()]].concat());
        assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
        let record = Record::read(&out.join("record.json")).unwrap();
        let is_measured = |cell: &&Cell| cell.id.plugin == "lua" && cell.id.phase == Phase::Request;
        let cells: Vec<_> = record.cells.iter().filter(is_measured).collect();
        let on_request = tollgate_fixtures::workloads().iter().filter(|workload| workload.path == HeaderPath::Request);
        assert_eq!(cells.len(), on_request.count(), "{}", stdout(&output));
        for cell in cells {
            assert_eq!(cell.id.host, name);
            assert!(cell.series.iter().all(|series| !series.latency_ns.is_empty()), "{}", cell.id);
            assert!(!cell.host_version.is_empty() && cell.proof.is_some(), "{}", cell.id);
        }
    }
}
