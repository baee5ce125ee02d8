//! The reusable workflow and the README's shell for other systems are run for real, with a repository of two commits.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{status, stderr, stdout};
use yaml_rust2::{Yaml, YamlLoader};

fn document(path: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A plugin that logs so many lines in each request.
fn logging(lines: usize) -> Vec<u8> {
    let call = "(drop (call $log (i32.const 0) (i32.const 0) (i32.const 4)))";
    wat::parse_str(format!(
        r#"(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "line")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    {}
    (i32.const 0)))"#,
        call.repeat(lines)
    ))
    .unwrap()
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]);
    let output = command.args(args).output().expect("git is here");
    assert!(output.status.success(), "git {args:?}: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// A repository whose branch `main` has the base, and the checked-out `change` the head. Its build copies the committed artifact
/// to where builds put theirs, unless head's is one that fails.
struct Repository {
    folder: tempfile::TempDir,
    base: String,
    head: String,
}

impl Repository {
    fn new(head: Head) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let write = |name: &str, bytes: &[u8]| std::fs::write(path.join(name), bytes).unwrap();
        let commit = |message: &str| {
            git(path, &["add", "--all"]);
            git(path, &["commit", "--quiet", "--message", message]);
            git(path, &["rev-parse", "HEAD"])
        };
        git(path, &["init", "--quiet"]);
        write("committed.wasm", &logging(1));
        write("Makefile", b"plugin.wasm:\n\tcp committed.wasm plugin.wasm\n");
        write(".gitignore", b"plugin.wasm\n");
        let base = commit("base");
        git(path, &["checkout", "--quiet", "-b", "change"]);
        match head {
            Head::SameWork => write("notes", b"nothing that is built"),
            Head::OneMoreCall => write("committed.wasm", &logging(2)),
            Head::BuildFails => write("Makefile", b"plugin.wasm:\n\techo no compiler; exit 7\n"),
        }
        let head = commit("head");
        Self { folder, base, head }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[derive(Clone, Copy)]
enum Head {
    SameWork,
    OneMoreCall,
    BuildFails,
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Ended(i32),
    Skipped,
}

/// A job of the workflow, step by step as GitHub's runner takes them: what it does not do here is a failure of the test and not
/// left out.
struct Job<'a> {
    repository: &'a Repository,
    /// By its name as expressions have it: `inputs.plugin`, `github.event.before`.
    context: BTreeMap<String, String>,
    workspace: tempfile::TempDir,
    steps: Vec<(String, Step)>,
    printed: String,
    /// Files that were kept.
    kept: Vec<String>,
}

impl<'a> Job<'a> {
    /// Runs the workflow with these inputs and that context.
    fn run(repository: &'a Repository, inputs: &[(&str, &str)], event: &[(&str, &str)]) -> Self {
        let workflow = YamlLoader::load_from_str(&document(".github/workflows/gate.yml")).unwrap().remove(0);
        let mut context: BTreeMap<String, String> =
            [("runner.os", "Linux"), ("github.event.pull_request.base.sha", ""), ("github.event.before", "")]
                .into_iter()
                .chain(event.iter().copied())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
        for (name, input) in workflow["on"]["workflow_call"]["inputs"].as_hash().unwrap() {
            let name = name.as_str().unwrap();
            let given = inputs.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
            let value = given.or(input["default"].as_str());
            let is_required = input["required"].as_bool() == Some(true);
            assert!(value.is_some() != is_required || given.is_some(), "{name}: required, or with a default");
            context.insert(format!("inputs.{name}"), value.unwrap_or_default().to_owned());
        }
        assert!(inputs.iter().all(|(name, _)| context.contains_key(&format!("inputs.{name}"))), "{inputs:?}");
        let job = &workflow["jobs"]["gate"];
        keys(job, &["runs-on", "steps"]);
        let workspace = tempfile::tempdir().unwrap();
        let (steps, printed, kept) = (Vec::new(), String::new(), Vec::new());
        let mut run = Self { repository, context, workspace, steps, printed, kept };
        for step in job["steps"].as_vec().unwrap() {
            run.step(step);
        }
        run
    }

    fn step(&mut self, step: &Yaml) {
        keys(step, &["name", "uses", "with", "if", "env", "run", "working-directory"]);
        let name = step["name"].as_str().or(step["uses"].as_str()).unwrap().to_owned();
        let is_always = match step["if"].as_str() {
            None => false,
            Some("always()") => true,
            Some(other) => panic!("{name}: this test does not know `if: {other}`"),
        };
        let has_failed = self.steps.iter().any(|(_, step)| !matches!(step, Step::Ended(0) | Step::Skipped));
        let ended = match (step["uses"].as_str(), step["run"].as_str()) {
            _ if has_failed && !is_always => Step::Skipped,
            (Some(uses), None) => {
                self.action(uses.split('@').next().unwrap(), &step["with"]);
                Step::Ended(0)
            }
            (None, Some(script)) => Step::Ended(self.script(script, step)),
            _ => panic!("{name}: neither an action nor a script"),
        };
        self.steps.push((name, ended));
    }

    /// What the actions do that the workflow uses.
    fn action(&mut self, action: &str, with: &Yaml) {
        let given = |name: &str| with[name].as_str().map(|text| self.resolve(text));
        let folder = |name: &str| self.workspace.path().join(name);
        match action {
            "actions/checkout" => match given("path").as_deref() {
                // The program under test, at the place where the build of the checkout would leave it.
                Some("tollgate") => {
                    assert_eq!(
                        (given("repository").as_deref(), given("ref").as_deref()),
                        (Some("me/tollgate"), Some("main"))
                    );
                    let release = folder("tollgate/target/release");
                    std::fs::create_dir_all(&release).unwrap();
                    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tollgate"), release.join("tollgate")).unwrap();
                }
                Some(path) => {
                    let commit = given("ref").unwrap_or_else(|| self.repository.head.clone());
                    let (from, to) = (self.repository.path().to_str().unwrap(), folder(path));
                    git(self.workspace.path(), &["clone", "--quiet", "--no-checkout", from, to.to_str().unwrap()]);
                    git(&to, &["checkout", "--quiet", &commit]);
                }
                None => panic!("a checkout that would lie over the others"),
            },
            // There is nothing of an earlier run.
            "actions/cache" => assert!(given("path").is_some() && given("key").is_some()),
            "actions/upload-artifact" => {
                let (name, path) = (given("name").unwrap(), given("path").unwrap());
                assert_eq!((name.as_str(), given("if-no-files-found").as_deref()), ("gate", Some("ignore")));
                self.kept = files(&folder(&path), "");
            }
            other => panic!("this test does not know {other}"),
        }
    }

    /// The script as the runner starts it on Linux where no shell is named: `bash -e FILE`.
    fn script(&mut self, script: &str, step: &Yaml) -> i32 {
        let workspace = self.workspace.path();
        let folder = workspace.join(step["working-directory"].as_str().unwrap_or("."));
        assert!(folder.is_dir(), "{}", folder.display());
        if script.starts_with("cargo build") {
            // Stands for itself: the program is there already, as the symbolic link that was made in place of the checkout.
            assert_eq!(script, "cargo build --release --locked --package tollgate");
            assert_eq!(step["working-directory"].as_str(), Some("tollgate"));
            assert!(folder.join("target/release/tollgate").exists());
            return 0;
        }
        assert!(!script.contains("${{"), "an input would be taken for a part of the script: {script}");
        let file = workspace.join("step.sh");
        std::fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.arg("-e").arg(file).current_dir(folder).env("NO_COLOR", "1");
        command.env("GITHUB_STEP_SUMMARY", self.summary_file());
        for (name, value) in step["env"].as_hash().into_iter().flatten() {
            command.env(name.as_str().unwrap(), self.resolve(value.as_str().unwrap()));
        }
        let output = command.output().unwrap();
        self.printed.push_str(&(stdout(&output) + &stderr(&output)));
        status(&output)
    }

    fn summary_file(&self) -> PathBuf {
        self.workspace.path().join("summary.md")
    }

    fn summary(&self) -> String {
        std::fs::read_to_string(self.summary_file()).unwrap_or_default()
    }

    /// The text with its expressions worked out: names with `||` between them, of which the first that is not empty counts, and
    /// `hashFiles`.
    fn resolve(&self, text: &str) -> String {
        let mut pieces = text.split("${{");
        let mut out = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (expression, rest) = piece.split_once("}}").expect("an expression ends");
            let value = |name: &str| match name.trim() {
                name if name.starts_with("hashFiles(") => "0".repeat(64),
                name => self.context.get(name).unwrap_or_else(|| panic!("`{name}` is not known")).clone(),
            };
            let mut values = expression.split("||").map(value);
            out.push_str(&values.find(|value| !value.is_empty()).unwrap_or_default());
            out.push_str(rest);
        }
        out
    }

    fn ended(&self, name: &str) -> &Step {
        let step = self.steps.iter().find(|(step, _)| step == name);
        &step.unwrap_or_else(|| panic!("no step {name}: {:?}", self.steps)).1
    }

    /// The status of the first step that failed; 0 for none.
    fn status(&self) -> i32 {
        let codes = self.steps.iter().map(|(_, step)| if let Step::Ended(code) = step { *code } else { 0 });
        codes.into_iter().find(|code| *code != 0).unwrap_or(0)
    }
}

/// Files below a folder, sorted; none where it is not there.
fn files(folder: &Path, under: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{under}{}", entry.file_name().into_string().unwrap());
        match entry.path().is_dir() {
            true => all.extend(files(&entry.path(), &format!("{name}/"))),
            false => all.push(name),
        }
    }
    all.sort();
    all
}

/// That a part of the workflow says nothing that this test would leave out.
fn keys(part: &Yaml, known: &[&str]) {
    for (key, _) in part.as_hash().unwrap() {
        let key = key.as_str().unwrap();
        assert!(known.contains(&key), "this test does not know what `{key}` does");
    }
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
