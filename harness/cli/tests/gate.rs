//! Gates: one more host call or byte is found every time, what is the same passes, and no bad baseline does.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{bad_plugin, run, status, stderr, stdout, tollgate};

/// Operations of each loop in the variants: their positions.
const OPERATIONS: usize = 50;

/// The source of `boundary`, which the variants are made of.
fn source() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/plugins/wat/boundary.wat")).unwrap()
}

fn replaced(source: &str, from: &str, to: &str) -> String {
    assert_eq!(source.matches(from).count(), 1, "the source of boundary changed: {from}");
    source.replace(from, to)
}

/// A folder with `base.wasm` and the configuration of all.
struct Variants(tempfile::TempDir);

impl Variants {
    fn new() -> Self {
        let variants = Self(tempfile::tempdir().unwrap());
        variants.write("base", &source());
        std::fs::write(variants.0.path().join("config"), OPERATIONS.to_string()).unwrap();
        variants
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, source: &str) {
        std::fs::write(self.path(&format!("{name}.wasm")), wat::parse_str(source).unwrap()).unwrap();
    }

    /// Writes head, gates it against base, and takes it away.
    fn gate(&self, head: &str, source: &str, more: &[&str]) -> Output {
        self.write(head, source);
        let mut command = tollgate();
        command.args(["gate", "counters", "--base"]).arg(self.path("base.wasm"));
        command.arg("--head").arg(self.path(&format!("{head}.wasm")));
        command.arg("--config").arg(self.path("config")).args(more).output().unwrap()
    }
}

/// The changes of the only row, by name: base and head.
fn changes(output: &Output) -> Vec<(String, Option<u64>, Option<u64>)> {
    let value: Value = serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{}", stderr(output)));
    let rows = value["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{value}");
    let changes = rows[0]["changes"].as_array().unwrap().iter();
    changes
        .map(|change| {
            let exact = &change["exact"];
            (exact["what"].as_str().unwrap().to_owned(), exact["base"].as_u64(), exact["head"].as_u64())
        })
        .collect()
}

/// What it printed, without its lines.
fn words(output: &Output) -> String {
    stdout(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The loop's `number`-th turn.
fn turn(number: usize) -> usize {
    0x10000 + 64 * number
}

#[test]
fn one_more_host_call_is_found_wherever_it_is() {
    let variants = Variants::new();
    let import = "(import \"env\" \"proxy_get_buffer_bytes\"";
    let with_clock = replaced(
        &source(),
        import,
        &format!(
            "(import \"env\" \"proxy_get_current_time_nanoseconds\" (func $clock (param i32) (result i32)))\n  {import}"
        ),
    );
    let loops = ["(br $set)))", "(br $get_each)))", "(br $remove_each)))"];
    for position in 0..100 {
        let (end, number) = (loops[position % 3], position / 3);
        let extra = format!(
            "(if (i32.eq (local.get $entry) (i32.const {})) (then (drop (call $clock (i32.const 8)))))\n        {end}",
            turn(number + 1),
        );
        let output = variants.gate("head", &replaced(&with_clock, end, &extra), &["--format", "json"]);
        assert_eq!(status(&output), 3, "position {position}: {}{}", stdout(&output), stderr(&output));
        let call = ("host call proxy_get_current_time_nanoseconds".to_owned(), Some(0), Some(1));
        assert!(changes(&output).contains(&call), "position {position}: {}", stdout(&output));
    }
}

#[test]
fn one_more_byte_is_found_wherever_it_is() {
    let variants = Variants::new();
    // Without its own check, which would trap.
    let unchecked = replaced(&source(), "(i32.ne (local.get $bytes) (global.get $expected_bytes))", "(i32.const 0)");
    variants.write("base", &unchecked);
    let value = "(i32.add (local.get $entry) (i32.const 32)) (i32.load offset=4 (local.get $entry))";
    let name = "(call $remove (i32.const 0)\n            (i32.add (local.get $entry) (i32.const 16)) (i32.load (local.get $entry))";
    for position in 0..100 {
        let at = if position % 2 == 0 { value } else { name };
        let length =
            if position % 2 == 0 { "(i32.load offset=4 (local.get $entry))" } else { "(i32.load (local.get $entry))" };
        let here = format!("(i32.eq (local.get $entry) (i32.const {}))", turn(position / 2));
        let longer = at.replace(length, &format!("(i32.add {length} {here})"));
        let output = variants.gate("head", &replaced(&unchecked, at, &longer), &["--format", "json"]);
        assert_eq!(status(&output), 3, "position {position}: {}{}", stdout(&output), stderr(&output));
        let changes = changes(&output);
        let out = changes.iter().find(|(what, ..)| what == "bytes out").expect("bytes out are named");
        assert_eq!(out.2, out.1.map(|base| base + 1), "position {position}: {changes:?}");
    }
}

#[test]
fn what_is_the_same_passes_every_time() {
    let variants = Variants::new();
    for number in 0..50 {
        let output = variants.gate("head", &source(), &[]);
        assert_eq!(status(&output), 0, "{number}: {}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("counters gate: pass (1 equivalent)"), "{}", stdout(&output));
    }
}

#[test]
fn our_own_plugins_count_as_the_committed_baseline_says() {
    let baseline = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reports/baselines/counters.json");
    let output = run(&["gate", "counters", "--baseline", baseline]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

/// A baseline of one plugin, made by the program itself.
fn baseline(folder: &Path) -> PathBuf {
    let path = folder.join("counters.json");
    let output = gate(&path, &["--update"]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    path
}

fn gate(baseline: &Path, more: &[&str]) -> Output {
    let mut command = tollgate();
    command.args(["gate", "counters", "--plugin", "boundary", "--host", "wasmtime", "--baseline"]).arg(baseline);
    command.args(more).output().unwrap()
}

#[test]
fn a_baseline_is_a_ratchet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counters.json");
    let gated = |source: &str, more: &[&str]| {
        let plugin = folder.path().join("mine.wasm");
        std::fs::write(&plugin, wat::parse_str(source).unwrap()).unwrap();
        let mut command = tollgate();
        command.args(["gate", "counters", "--baseline"]).arg(&path).arg("--plugin").arg(&plugin);
        let output = command.args(more).output().unwrap();
        (status(&output), words(&output) + &stderr(&output))
    };
    let more_work = replaced(
        &source(),
        "(global.set $next (global.get $arena))",
        "(global.set $next (global.get $arena)) (nop)(drop (i32.const 1))",
    );
    let (code, said) = gated(&more_work, &[]);
    assert!(code == 2 && said.contains("--update"), "{code}: {said}");
    assert_eq!(gated(&more_work, &["--update"]).0, 0);
    let first = std::fs::read(&path).unwrap();

    // Better: a pass that says what to do, and then a baseline that does not let it go again.
    let (code, said) = gated(&source(), &[]);
    assert!(code == 0 && said.contains("improvement") && said.contains("keep it so with --update"), "{code}: {said}");
    assert_eq!(std::fs::read(&path).unwrap(), first, "nothing is written unasked");
    assert_eq!(gated(&source(), &["--update"]).0, 0);
    let second = std::fs::read(&path).unwrap();
    assert_ne!(first, second);
    let (code, said) = gated(&more_work, &[]);
    assert_eq!(code, 3, "{said}");
    let (code, said) = gated(&more_work, &["--update"]);
    assert!(code == 3 && said.contains("--accept"), "{code}: {said}");
    assert_eq!(std::fs::read(&path).unwrap(), second, "what is worse is not taken over");
    assert_eq!(gated(&more_work, &["--update", "--accept"]).0, 0);
    assert_eq!(std::fs::read(&path).unwrap(), first);
    // Nothing temporary is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_is_missing_or_new_or_of_another_version_is_inconclusive_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = baseline(folder.path());
    // A plugin that the baseline has not got.
    let mut command = tollgate();
    command.args([
        "gate",
        "counters",
        "--plugin",
        "boundary",
        "--plugin",
        "cpp-raw",
        "--inconclusive",
        "pass",
        "--baseline",
    ]);
    let output = command.arg(&path).output().unwrap();
    assert_eq!(status(&output), 4, "{}", stdout(&output));
    assert!(words(&output).contains("not in the base; take it over with --update"), "{}", stdout(&output));

    // Cells that are there no more.
    let counted = tollgate_record::Baseline::read(&path).unwrap();
    let gone = counted.cells().iter().cloned().map(|cell| cell.renamed("gone"));
    tollgate_record::Baseline::new(gone).write(&path).unwrap();
    let gated = |more: &[&str]| {
        let mut command = tollgate();
        command.args(["gate", "counters", "--host", "luajit", "--host", "wasmtime", "--workload", "noop"]);
        for plugin in tollgate_fixtures::plugins().iter().filter(|plugin| plugin.name != "lua") {
            command.arg("--skip").arg(&plugin.name);
        }
        command.args(more).arg("--baseline").arg(&path).output().unwrap()
    };
    let output = gated(&["--update", "--inconclusive", "pass"]);
    assert_eq!(status(&output), 4, "{}", stdout(&output));
    assert!(words(&output).contains("gone on wasmtime (noop): inconclusive; in the base"), "{}", stdout(&output));
    let output = gated(&["--update", "--accept"]);
    assert_eq!(status(&output), 0, "{}", stdout(&output));
    assert_eq!(tollgate_record::Baseline::read(&path).unwrap().cells().len(), 2, "one was not asked for");

    // Another wasmtime: fuel is not what it was.
    let other = |cell: &tollgate_record::BaselineCell| {
        let counters = tollgate_record::Counters { fuel: Some(1), ..Default::default() };
        let key = cell.key();
        tollgate_record::BaselineCell::new(key, "1.0", None, &[counters.clone(), counters]).unwrap()
    };
    tollgate_record::Baseline::new(counted.cells().iter().map(other)).write(&path).unwrap();
    let output = gate(&path, &["--workload", "noop", "--inconclusive", "pass"]);
    let said = words(&output);
    assert_eq!(status(&output), 4, "{said}");
    assert!(said.contains("fuel not comparable: base is of wasmtime 1.0"), "{said}");
}

#[test]
fn a_bad_baseline_is_an_error_and_never_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = baseline(folder.path());
    let good = std::fs::read(&path).unwrap();
    assert_eq!(status(&gate(&path, &[])), 0);
    let text = String::from_utf8(good.clone()).unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("without its last line", good[..good.len() - 3].to_vec()),
        ("edited", text.replace("\"allocations\": 20", "\"allocations\": 21").into_bytes()),
        ("other ends of lines", text.replace('\n', "\r\n").into_bytes()),
        ("foreign", b"{\"name\": \"x\", \"version\": \"1.0.0\"}".to_vec()),
        ("a record", b"{\"schema\": \"tollgate/record/1\"}".to_vec()),
        ("future", text.replace("counters/1", "counters/2").into_bytes()),
        ("no text", vec![0xff; 64]),
        ("gigantic", vec![b' '; 17 << 20]),
        ("deep", [b"{\"schema\":".to_vec(), vec![b'['; 100_000]].concat()),
    ];
    for (what, bytes) in cases {
        assert_ne!(bytes, good, "{what} is not bad");
        std::fs::write(&path, &bytes).unwrap();
        for more in [&[][..], &["--update"], &["--inconclusive", "pass"]] {
            let output = gate(&path, more);
            let said = stderr(&output);
            assert_eq!(status(&output), 2, "{what} {more:?}: {said}{}", stdout(&output));
            assert!(said.starts_with("error: ") && said.contains(';'), "{what}: {said}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}: nothing is written over it");
        }
    }
    assert_eq!(status(&gate(folder.path(), &[])), 2, "a folder");
}

#[test]
fn a_wrong_plugin_outweighs_all_and_the_files_are_written_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = baseline(folder.path());
    let bad = bad_plugin(folder.path(), &tollgate_fixtures::bad_plugins()[0].plugin.name);
    let out = folder.path().join("out/deep");
    let mut command = tollgate();
    command.args(["gate", "counters", "--format", "github", "--plugin"]).arg(&bad).arg("--out").arg(&out);
    command.args(["--plugin", "boundary", "--workload", "headers", "--baseline"]).arg(&path);
    let output = command.output().unwrap();
    assert_eq!(status(&output), 5, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).starts_with("::error title="), "{}", stdout(&output));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let value: Value = serde_json::from_str(&read("gate.json")).unwrap();
    assert_eq!(value["conclusion"], "wrong_plugin");
    assert!(read("gate.md").contains("wrong plugin") && read("gate.xml").contains("<error message="));
}

#[test]
fn options_that_do_not_go_together_are_usage_errors() {
    let base = source();
    let variants = Variants::new();
    variants.write("head", &base);
    let path = variants.path("base.wasm");
    let path = path.to_str().unwrap();
    for args in [
        &["gate"][..],
        &["gate", "counters", "--base", path],
        &["gate", "counters", "--head", path],
        &["gate", "counters", "--base", path, "--head", path, "--update"],
        &["gate", "counters", "--base", path, "--head", "boundary"],
        &["gate", "counters", "--accept"],
        &["gate", "counters", "--base", "./none.wasm", "--head", path],
        &["gate", "counters", "--base", path, "--head", path, "--host", "native"],
    ] {
        assert_eq!(status(&run(args)), 2, "{args:?}");
    }
}

/// A record of a short run, made once for all tests of this file.
fn record(folder: &Path, name: &str) -> PathBuf {
    let out = folder.join(name);
    let args = ["run", "--plugin", "boundary", "--only", "in-process", "--time", "quick", "--workload", "noop"];
    let output = tollgate().args(args).args(["--seed", "7", "--quiet", "--out"]).arg(&out).output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    out.join("record.json")
}

#[test]
fn two_records_are_compared_and_only_the_gate_has_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let base = record(folder.path(), "base");
    let of = |verb: &[&str], head: &Path, more: &[&str]| {
        let output = tollgate().args(verb).arg(&base).arg(head).args(more).output().unwrap();
        (status(&output), words(&output) + &stderr(&output))
    };
    // Three starts, as a quick run has, cannot tell.
    let (code, said) = of(&["compare"], &base, &[]);
    assert!(code == 0 && said.contains("six of each are needed") && said.contains('['), "{code}: {said}");
    assert_eq!(of(&["gate", "--record"], &base, &[]).0, 4);
    assert_eq!(of(&["gate", "--record"], &base, &["--inconclusive", "pass"]).0, 0);
    assert_eq!(of(&["gate", "--record"], &base, &["--inconclusive", "fail"]).0, 3);

    // What is judged beside the requests is counted, and shown when it is to decide.
    let (_, said) = of(&["gate", "--record"], &base, &[]);
    assert!(said.contains("3 inconclusive; they decide with --decide lifecycle"), "{said}");
    assert!(!said.contains("compile: inconclusive") && said.contains("not judged: percentiles"), "{said}");
    let (code, said) = of(&["gate", "--record"], &base, &["--decide", "lifecycle"]);
    assert!(code == 4 && said.contains("boundary on wasmtime (noop), compile: inconclusive"), "{code}: {said}");
    assert_eq!(of(&["compare"], &base, &["--decide", "weather"]).0, 2);

    let other = folder.path().join("other.json");
    let mut elsewhere = tollgate_record::Record::read(&base).unwrap();
    elsewhere.environment.cpu_model = Some("another".to_owned());
    elsewhere.write(&other).unwrap();
    for verb in [&["compare"][..], &["gate", "--record"]] {
        let (code, said) = of(verb, &other, &[]);
        assert!(code == 2 && said.contains("another CPU") && said.contains("--anyway"), "{code}: {said}");
    }
    let (code, said) = of(&["gate", "--record"], &other, &["--anyway", "--inconclusive", "pass"]);
    assert!(code == 4 && said.contains("not comparable (another CPU"), "{code}: {said}");

    let good = std::fs::read(&base).unwrap();
    let future = String::from_utf8(good.clone()).unwrap().replacen("record/1", "record/2", 1).into_bytes();
    let unknown = String::from_utf8(good.clone()).unwrap().replacen('{', "{\"more\":1,", 1).into_bytes();
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("future", future),
        ("edited", unknown),
        ("foreign", b"[]".to_vec()),
    ] {
        std::fs::write(&other, bytes).unwrap();
        for verb in [&["compare"][..], &["gate", "--record"]] {
            let (code, said) = of(verb, &other, &["--anyway"]);
            assert!(code == 2 && said.starts_with("error: ") && said.contains(';'), "{what}: {code}: {said}");
        }
    }
}
