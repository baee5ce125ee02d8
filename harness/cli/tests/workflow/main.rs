//! The reusable workflow and the README's shell for other systems are run for real, with a repository of two commits.

mod job;
mod repository;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use job::{Job, Step};
use repository::{Head, Repository, git};
use support::{status, stderr, stdout};

fn document(path: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const INPUTS: [(&str, &str); 3] =
    [("tollgate", "me/tollgate"), ("build", "make plugin.wasm"), ("plugin", "plugin.wasm")];

#[test]
fn a_head_with_one_more_host_call_fails_at_the_gate_with_a_summary() {
    let repository = Repository::new(Head::OneMoreCall);
    let event = [("github.event.pull_request.base.sha", repository.base.as_str()), ("github.event.before", "0000")];
    let job = Job::run(&repository, &INPUTS, &event);
    assert_eq!((job.ended("Gate"), job.status()), (&Step::Ended(3), 3), "{}", job.printed);
    assert!(job.summary().starts_with("### ❌ counters gate: regression"), "{}", job.summary());
    assert!(job.summary().contains("host call proxy\\_log 1 to 2 (+1)"), "{}", job.summary());
    assert!(job.printed.contains("::error title=plugin"), "{}", job.printed);
    assert_eq!(job.kept, ["counters/gate.json", "counters/gate.md", "counters/gate.xml"]);
}

#[test]
fn a_head_that_does_the_same_passes_whatever_names_the_base() {
    let repository = Repository::new(Head::SameWork);
    let base = repository.base.as_str();
    for (inputs, event) in [
        (None, [("github.event.pull_request.base.sha", base)]),
        (None, [("github.event.before", base)]),
        (Some(("base", "main")), [("github.event.before", "0000")]),
    ] {
        let inputs: Vec<_> = INPUTS.into_iter().chain(inputs).collect();
        let job = Job::run(&repository, &inputs, &event);
        assert_eq!(job.status(), 0, "{event:?}: {}", job.printed);
        assert!(job.steps.iter().all(|(_, step)| *step == Step::Ended(0)), "{:?}", job.steps);
        assert!(job.summary().starts_with("### ✅ counters gate: pass"), "{}", job.summary());
    }
}

/// Short, and with a margin that no noise reaches.
const IN_PROCESS: &str = "in-process --processes 12 --layouts 3 --margin 40%";

#[test]
fn several_gates_have_a_summary_each_and_the_worst_status_is_the_jobs() {
    let (same, more) = (Repository::new(Head::SameWork), Repository::new(Head::OneMoreCall));
    fn run<'a>(repository: &'a Repository, gates: &str) -> Job<'a> {
        let inputs: Vec<_> =
            INPUTS.into_iter().chain([("gates", gates), ("arguments", "--inconclusive pass")]).collect();
        Job::run(repository, &inputs, &[("github.event.before", &repository.base)])
    }
    let job = run(&same, &format!("counters\n\n{IN_PROCESS}\n"));
    assert_eq!(job.status(), 0, "{}", job.printed);
    for gate in ["counters gate: pass", "in-process gate: "] {
        assert!(job.summary().contains(gate), "{gate}: {}", job.summary());
    }
    for file in ["counters/gate.xml", "in-process/gate.xml", "in-process/gate-record.json"] {
        assert!(job.kept.iter().any(|kept| kept == file), "{file}: {:?}", job.kept);
    }
    // One process can find nothing, which is a usage error: that is worse than a pass, and no regression is hidden by it.
    let nothing = "in-process --processes 1";
    for (repository, gates, code) in [
        (&same, format!("counters\n{nothing}"), 2),
        (&more, format!("{nothing}\ncounters"), 3),
        (&more, format!("counters\n{nothing}"), 3),
        (&same, " \n".to_owned(), 2),
    ] {
        let job = run(repository, &gates);
        assert_eq!(job.ended("Gate"), &Step::Ended(code), "{gates}: {}", job.printed);
        assert_eq!(job.summary().contains("counters gate: "), gates.contains("counters"), "{gates}: {}", job.summary());
    }
}

#[test]
fn a_build_that_fails_stops_before_the_gate() {
    let repository = Repository::new(Head::BuildFails);
    let job = Job::run(&repository, &INPUTS, &[("github.event.before", &repository.base)]);
    // What make ends with, whatever its command did.
    assert_eq!((job.ended("Build base and head"), job.ended("Gate")), (&Step::Ended(2), &Step::Skipped));
    assert_eq!((job.ended("Summary"), job.summary(), job.kept.len()), (&Step::Ended(0), String::new(), 0));
    assert!(job.printed.contains("no compiler"), "{}", job.printed);
}

#[test]
fn inputs_are_words_and_no_part_of_a_script() {
    let repository = Repository::new(Head::OneMoreCall);
    let with = |arguments: &str, plugin: &str, build: &str| {
        let inputs = [INPUTS[0], ("arguments", arguments), ("plugin", plugin), ("build", build)];
        Job::run(&repository, &inputs, &[("github.event.before", &repository.base)])
    };
    let build = "make plugin.wasm && mkdir 'a b' && mv plugin.wasm \"a b/it's.wasm\"";
    let job = with("--inconclusive pass", "a b/it's.wasm", build);
    assert_eq!(job.ended("Gate"), &Step::Ended(3), "{}", job.printed);
    let job = with("; touch made $(touch made)", INPUTS[2].1, INPUTS[1].1);
    assert_eq!(job.ended("Gate"), &Step::Ended(2), "{}", job.printed);
    let job = with("", "plugin.wasm$(touch made)", INPUTS[1].1);
    assert_eq!(job.ended("Gate"), &Step::Ended(2), "{}", job.printed);
    assert!(!job.workspace.path().join("made").exists());
}

/// The README's block for other systems, run in the checked-out repository with `tollgate` on the path.
fn shell(repository: &Repository) -> Output {
    let readme = document("README.md");
    let (_, rest) = readme.split_once("is a workflow to call").expect("the README names the workflow");
    let block = rest.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("and shell for others");
    assert!(block.contains("tollgate gate counters"), "{block}");
    let folder = tempfile::tempdir().unwrap();
    let (clone, path) = (folder.path().join("checkout"), folder.path().join("bin"));
    std::fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tollgate"), path.join("tollgate")).unwrap();
    let from = repository.path().to_str().unwrap();
    git(folder.path(), &["clone", "--quiet", "--branch", "change", from, clone.to_str().unwrap()]);
    let paths = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", block]).current_dir(&clone).env("NO_COLOR", "1");
    let output = command.env("PATH", format!("{}:{paths}", path.display())).output().unwrap();
    assert_eq!(clone.join("gate/gate.md").exists(), [0, 3].contains(&status(&output)), "{}", stderr(&output));
    output
}

#[test]
fn the_shell_for_other_systems_has_the_gates_status() {
    for (head, code, said) in [
        (Head::OneMoreCall, 3, "counters gate: regression"),
        (Head::SameWork, 0, "counters gate: pass"),
        (Head::BuildFails, 2, "no compiler"),
    ] {
        let output = shell(&Repository::new(head));
        assert_eq!(status(&output), code, "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains(said), "{said}: {}{}", stdout(&output), stderr(&output));
    }
}
