//! A repository of two commits, with a plugin.

use std::path::Path;
use std::process::Command;

use crate::support::{stderr, stdout};

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

pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]);
    let output = command.args(args).output().expect("git is here");
    assert!(output.status.success(), "git {args:?}: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// A repository whose branch `main` has the base, and the checked-out `change` the head. Its build copies the committed artifact
/// to where builds put theirs, unless head's is one that fails.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
    pub(crate) base: String,
    pub(crate) head: String,
}

impl Repository {
    pub(crate) fn new(head: Head) -> Self {
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

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Head {
    SameWork,
    OneMoreCall,
    BuildFails,
}
