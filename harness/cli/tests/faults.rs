//! What goes wrong in a run is a row with a remedy; the rest is measured, the status says whose fault it was, and
//! nothing is left running.

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{bad_plugin, children, envoy, programs, run, runs, status, stderr, stdout, tollgate};
use tollgate_record::{Mode, Phase, Record};

/// A run of the cheapest plugin, with something wrong beside it.
fn short_run(out: &Path, extra: &[&str]) -> (i32, Record, String) {
    let mut args = vec!["run", "--time", "quick", "--quiet", "--plugin", "native", "--out", out.to_str().unwrap()];
    args.extend(extra);
    let output = run(&args);
    let record = Record::read(&out.join("record.json")).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    assert!(out.join("report.html").metadata().unwrap().len() > 1_000, "the report is written before a bad status");
    assert!(!out.join("journal.jsonl").exists(), "the journal is taken away once its record is written");
    (status(&output), record, stderr(&output))
}

/// In process or on the embedded gateway, whatever became of another gateway.
fn native_was_measured(record: &Record, mode: Mode) {
    let cells = record.cells.iter().filter(|cell| cell.id.mode == mode && cell.id.phase == Phase::Request);
    let native: Vec<_> = cells.filter(|cell| cell.id.plugin == "native" && cell.id.host != "envoy").collect();
    assert!(!native.is_empty());
    for cell in native {
        assert_eq!(cell.error, None);
        assert_eq!(cell.series.len(), record.plan.starts as usize, "{}", cell.id);
        assert!(cell.series.iter().all(|series| !series.added_blocks_ns.is_empty()), "{}", cell.id);
    }
}

#[test]
fn broken_plugins_are_rows_and_the_others_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        ["truncated", "no-request-headers", "trap-in-request-headers", "trap-in-start-section", "lua-error-in-request"];
    let paths: Vec<String> =
        names.iter().map(|name| bad_plugin(folder.path(), name).to_str().unwrap().to_owned()).collect();
    let mut extra: Vec<&str> = paths.iter().flat_map(|path| ["--plugin", path]).collect();
    extra.extend(["--workload", "headers"]);
    let (status, record, stderr) = short_run(folder.path(), &extra);
    assert_eq!(status, 5, "{stderr}");
    for name in names {
        let cells: Vec<_> = record.cells.iter().filter(|cell| cell.id.plugin.contains(name)).collect();
        assert!(!cells.is_empty(), "{name} has no row");
        for cell in cells {
            let error = cell.error.as_ref().unwrap_or_else(|| panic!("{} has no error", cell.id));
            assert!(error.message.len() > 20, "{}: {}", cell.id, error.message);
        }
    }
    native_was_measured(&record, Mode::InProcess);
    native_was_measured(&record, Mode::Live);
}

#[test]
fn bombs_are_rows_in_time_and_the_others_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    // Strings and tables for ever, a recursion, one call of a library that takes years; a module on which the compiler
    // takes minutes; a loop in which each step fills a gibibyte.
    let lua = |body: &str| format!("function envoy_on_request(handle) {body} end").into_bytes();
    let wasm = |memory: &str, body: &str| {
        let module = format!(
            r#"(module (memory (export "memory") {memory}) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) (i32.const 1024))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} (i32.const 0)))"#
        );
        wat::parse_str(&module).unwrap()
    };
    let branches = format!("(block $out {})", "(br_if $out (local.get 0))".repeat(200_000));
    let fill = "(loop $more (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x3fff0000)) (br $more))";
    let bombs = [
        ("repeated.lua", lua("local kept = {} while true do kept[#kept + 1] = ('x'):rep(2^28) .. #kept end")),
        ("tables.lua", lua("local t = {} for i = 1, 1e9 do t[i] = {i} end")),
        ("deep.lua", lua("local function f(x) return 1 + f(x) end f(1)")),
        ("pattern.lua", lua("(('a'):rep(60)):find(('a?'):rep(60) .. ('a'):rep(60) .. 'b')")),
        ("compiler.wasm", wasm("1", &branches)),
        ("fill.wasm", wasm("16384", fill)),
    ];
    let paths: Vec<_> = bombs.iter().map(|(name, _)| folder.path().join(name)).collect();
    for ((_, bytes), path) in bombs.iter().zip(&paths) {
        std::fs::write(path, bytes).unwrap();
    }
    // One after the other: how long each takes is what is limited.
    for (path, (name, _)) in paths.iter().zip(&bombs) {
        let begin = Instant::now();
        let path = path.to_str().unwrap();
        let out = folder.path().join("out");
        let (status, record, stderr) = short_run(&out, &["--only", "in-process", "--plugin", path]);
        assert_eq!(status, 5, "{name}: {stderr}");
        let plugin = name.split('.').next().unwrap();
        assert!(
            failed(&record).iter().all(|failed| failed.starts_with(&format!("{plugin} "))),
            "{:?}",
            failed(&record)
        );
        assert!(!failed(&record).is_empty(), "{name} has no row");
        native_was_measured(&record, Mode::InProcess);
        // Twice the limit of an arm, and the run of the other beside it.
        assert!(begin.elapsed() < Duration::from_secs(2 * 20 + 20), "{name} took {:?}", begin.elapsed());
        println!("{name}: {:?}", begin.elapsed());
    }
}

/// A script that is the workload's own, with `instead` put in front of it.
fn changed_lua(folder: &Path, name: &str, instead: &str) -> String {
    let lua = tollgate_fixtures::plugin("lua").unwrap();
    let source = String::from_utf8(lua.bytes.to_vec()).unwrap();
    let body = "local headers = handle:headers()";
    assert_eq!(source.matches(body).count(), 1);
    let path = folder.join(format!("{name}.lua"));
    let changed = source.replace(body, &format!("{body}\n{instead}"));
    std::fs::write(&path, format!("local seen = 0\n{changed}")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Errors by plugin, mode and workload.
fn failed(record: &Record) -> Vec<String> {
    let cells = record.cells.iter().filter(|cell| cell.error.is_some());
    cells.map(|cell| format!("{} {:?}", cell.id.plugin, cell.id.mode)).collect()
}

#[test]
fn a_plugin_that_stops_working_once_it_is_verified_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let lazy = changed_lua(folder.path(), "lazy", "seen = seen + 1; if seen > 50 then return end");
    let (status, record, stderr) = short_run(folder.path(), &["--workload", "headers", "--plugin", &lazy]);
    assert_eq!(status, 5, "{stderr}");
    assert_eq!(failed(&record), ["lazy InProcess", "lazy Live"], "{stderr}");
    native_was_measured(&record, Mode::InProcess);
    native_was_measured(&record, Mode::Live);
}

#[test]
fn a_plugin_that_hangs_late_is_the_only_one_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let late = changed_lua(folder.path(), "late", "seen = seen + 1; while seen > 2000 do end");
    let (status, record, stderr) = short_run(folder.path(), &["--workload", "headers", "--plugin", &late]);
    assert_eq!(status, 5, "{stderr}");
    assert_eq!(failed(&record), ["late InProcess", "late Live"], "{stderr}");
    native_was_measured(&record, Mode::InProcess);
    native_was_measured(&record, Mode::Live);
}

#[test]
fn a_plugin_that_hangs_on_a_gateway_only_takes_nobody_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let looping = "while headers:get('fake_key_0') == 'canary' do end";
    let canary = changed_lua(folder.path(), "on-canary", looping);
    // Held to no workload: with the lookup of the canary it does one operation more.
    let (status, record, stderr) = short_run(folder.path(), &["--only", "live", "--plugin", &canary]);
    assert_eq!(status, 5, "{stderr}");
    assert_eq!(failed(&record), ["on-canary Live"], "{stderr}");
    native_was_measured(&record, Mode::Live);
}

#[test]
fn a_plugin_file_that_is_gone_is_nobody_elses_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed_lua(folder.path(), "gone", "");
    let out = folder.path().join("out");
    let mut args = vec!["run", "--time", "quick", "--quiet", "--plugin", "native", "--plugin", &path];
    args.extend(["--out", out.to_str().unwrap()]);
    let run = tollgate().args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut run = Started(run.unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(out.join("journal.jsonl")).unwrap_or_default().contains("\"proof\"") {
        assert!(Instant::now() < deadline, "the run did not get to verifying");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_file(&path).unwrap();
    run.0.wait().unwrap();
    let record = Record::read(&out.join("record.json")).unwrap();
    assert!(failed(&record).iter().all(|failed| failed.starts_with("gone ")), "{:?}", failed(&record));
    native_was_measured(&record, Mode::InProcess);
}

#[test]
fn a_run_into_the_folder_of_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_run, _) = started(folder.path());
    let output = run(&["run", "--time", "quick", "--plugin", "native", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("another run"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for verb in ["list", "--help"] {
        let mut child = tollgate().arg(verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(!stderr(&output).contains("panicked"), "{verb}: {}", stderr(&output));
        assert_eq!(status(&output), 0, "{verb}: {}", stderr(&output));
    }
}

#[test]
fn a_missing_envoy_is_a_row_with_the_command_that_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let (status, record, stderr) =
        short_run(folder.path(), &["--workload", "headers", "--gateway", "envoy", "--envoy", "./no-envoy-here"]);
    assert_eq!(status, 1, "{stderr}");
    let envoy: Vec<_> = record.cells.iter().filter(|cell| cell.id.host == "envoy").collect();
    assert!(!envoy.is_empty());
    for cell in envoy {
        let message = &cell.error.as_ref().expect("an error row").message;
        assert!(message.contains("tollgate install envoy") || message.contains("--envoy"), "{message}");
    }
    native_was_measured(&record, Mode::Live);
}

#[test]
fn a_program_that_is_missing_or_unfit_is_a_row_with_the_command_that_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let of_both = ["/no/such/program", "/bin/false", "/bin/true"].map(|path| (path.to_owned(), path));
    let no_lua = script(
        "nginx-without",
        "echo 'nginx version: nginx/1.22.1' >&2; echo 'configure arguments: --prefix=/no/such' >&2",
    );
    let of_nginx = (no_lua, "/no/such/modules/ngx_http_lua_module.so");
    let no_lua =
        script("haproxy-without", "echo 'HAProxy version 2.6.12 2026/10/17'; echo 'Built without Lua support'");
    let of_haproxy = (no_lua, "without Lua");
    for (gateway, variable, package, unfit) in [
        ("nginx", "TOLLGATE_NGINX", "libnginx-mod-http-lua", of_nginx),
        ("haproxy", "TOLLGATE_HAPROXY", "apt-get install haproxy", of_haproxy),
    ] {
        for (program, why) in of_both.clone().into_iter().chain([unfit]) {
            let output = tollgate()
                .args(["verify", "--plugin", "lua", "--gateway", gateway])
                .env(variable, &program)
                .output()
                .unwrap();
            let said = format!("{}{}", stdout(&output), stderr(&output));
            assert_eq!(status(&output), 1, "{said}");
            assert!(said.contains(&program) && said.contains(package) && said.contains(variable), "{said}");
            assert!(said.contains(why), "{said}");
            let listed = stdout(&tollgate().arg("list").env(variable, &program).output().unwrap());
            let unbroken = listed.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(listed.contains(package) && unbroken.contains(why), "{listed}");
        }
    }
}

#[test]
fn a_program_that_refuses_its_configuration_or_hides_behind_another_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in programs().into_iter().filter(|name| *name != "envoy") {
        let variable = format!("TOLLGATE_{}", name.to_uppercase());
        let binary = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        let Some(binary) = binary.iter().find(|path| path.is_file()) else { continue };
        let refused = if name == "nginx" { "exec PROGRAM -c /no/such/file" } else { "exec PROGRAM -f /no/such/file" };
        // What asks for the version is answered by the program itself.
        let wrapper = |text: &str| {
            let path = folder.path().join(name);
            let asked = format!("case \"$1\" in -V|-vv) exec {} \"$@\";; esac", binary.display());
            std::fs::write(
                &path,
                format!("#!/bin/sh\n{asked}\n{}\n", text.replace("PROGRAM", &binary.display().to_string())),
            )
            .unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        for (text, why) in [
            (refused, Some("refuses tollgate's configuration")),
            ("PROGRAM \"$@\"; exit $?", Some("let it `exec`")),
            ("exec PROGRAM \"$@\"", None),
        ] {
            let output = tollgate()
                .args(["verify", "--plugin", "lua", "--gateway", name])
                .env(&variable, wrapper(text))
                .output()
                .unwrap();
            let said = format!("{}{}", stdout(&output), stderr(&output));
            assert_eq!(status(&output), i32::from(why.is_some()), "{name}, {text}: {said}");
            assert!(why.is_none_or(|why| said.contains(why)), "{name}, {text}: {said}");
        }
    }
}

#[test]
fn an_envoy_killed_in_the_middle_is_a_row_and_the_rest_is_measured() {
    if !envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let mut command = tollgate();
    command.args(["run", "--time", "quick", "--quiet", "--plugin", "native", "--plugin", "lua", "--gateway", "envoy"]);
    let run = command.arg("--out").arg(out).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut run = Started(run.unwrap());
    // And not the one that is only asked for its version.
    let is_envoy = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|words| words.contains("envoy\0") && words.contains("--concurrency"))
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let envoy = loop {
        // Envoy is a child of the worker that measures it.
        let workers = children(run.0.id());
        if let Some(envoy) = workers.into_iter().flat_map(children).find(is_envoy) {
            break envoy;
        }
        assert!(Instant::now() < deadline, "no envoy was started");
        std::thread::sleep(Duration::from_millis(10));
    };
    std::thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_raw(i32::try_from(envoy).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!(run.0.wait().unwrap().code(), Some(1));
    let record = Record::read(&out.join("record.json")).unwrap();
    let on_envoy = |cell: &&tollgate_record::Cell| cell.id.host == "envoy";
    for cell in record.cells.iter().filter(on_envoy) {
        let message = &cell.error.as_ref().expect("a failure row").message;
        assert!(message.contains("died") && message.contains("run again"), "{message}");
    }
    assert!(record.cells.iter().filter(on_envoy).count() > 0);
    native_was_measured(&record, Mode::InProcess);
    native_was_measured(&record, Mode::Live);
    gone(&[envoy]);
}

#[test]
fn a_port_in_use_is_said_and_the_rest_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, record, stderr) = short_run(folder.path(), &["--workload", "headers", "--base-port", &port]);
    assert_eq!(status, 1, "{stderr}");
    let cell = record.cells.iter().find(|cell| cell.id.mode == Mode::Live).unwrap();
    let message = &cell.error.as_ref().expect("an error row").message;
    assert!(message.contains(&port) && message.contains("--base-port"), "{message}");
    native_was_measured(&record, Mode::InProcess);
}

/// A run that does not outlive its test, even a failing one.
struct Started(std::process::Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a run, waits until it measures (its worker is there and the journal has grown), and returns it.
fn started(out: &Path) -> (Started, Vec<u32>) {
    let run = tollgate()
        .args(["run", "--time", "standard", "--quiet", "--plugin", "native", "--plugin", "boundary", "--out"])
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let run = Started(run.unwrap());
    let journal = out.join("journal.jsonl");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        let workers = children(run.0.id());
        if text.contains("\"series\":{\"cell\"") && !workers.is_empty() {
            return (run, workers);
        }
        assert!(Instant::now() < deadline, "the run did not get to measuring");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while pids.iter().any(|&pid| runs(pid)) {
        assert!(Instant::now() < deadline, "still running: {pids:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_interrupt_writes_what_is_finished_and_exits_130() {
    let folder = tempfile::tempdir().unwrap();
    let (mut run, workers) = started(folder.path());
    let pid = rustix::process::Pid::from_child(&run.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(run.0.wait().unwrap().code(), Some(130));
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert!(record.interrupted);
    assert!(record.cells.iter().any(|cell| !cell.series.is_empty()), "what was finished is kept");
    assert!(record.cells.iter().all(|cell| cell.error.is_none()), "an interrupt is nobody's failure");
    gone(&workers);
}

#[test]
fn a_killed_run_leaves_a_readable_journal_and_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let (mut killed, workers) = started(folder.path());
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    gone(&workers);
    let journal = folder.path().join("journal.jsonl");
    let record = Record::read(&journal).unwrap();
    assert!(record.interrupted);
    assert!(record.cells.iter().any(|cell| !cell.series.is_empty()), "what was finished is kept");
    let output = run(&["summary", journal.to_str().unwrap(), "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
}
