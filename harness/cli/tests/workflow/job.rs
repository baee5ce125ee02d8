//! The workflow's job, run here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use crate::document;
use crate::repository::{Repository, git};
use crate::support::{status, stderr, stdout};

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Ended(i32),
    Skipped,
}

/// A job of the workflow, step by step as GitHub's runner takes them: what it does not do here is a failure of the test and not
/// left out.
pub(crate) struct Job<'a> {
    repository: &'a Repository,
    /// By its name as expressions have it: `inputs.plugin`, `github.event.before`.
    context: BTreeMap<String, String>,
    pub(crate) workspace: tempfile::TempDir,
    pub(crate) steps: Vec<(String, Step)>,
    pub(crate) printed: String,
    /// Files that were kept.
    pub(crate) kept: Vec<String>,
}

impl<'a> Job<'a> {
    /// Runs the workflow with these inputs and that context.
    pub(crate) fn run(repository: &'a Repository, inputs: &[(&str, &str)], event: &[(&str, &str)]) -> Self {
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

    pub(crate) fn summary(&self) -> String {
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

    pub(crate) fn ended(&self, name: &str) -> &Step {
        let step = self.steps.iter().find(|(step, _)| step == name);
        &step.unwrap_or_else(|| panic!("no step {name}: {:?}", self.steps)).1
    }

    /// The status of the first step that failed; 0 for none.
    pub(crate) fn status(&self) -> i32 {
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
