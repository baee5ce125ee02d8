//! Soaks: plugins that leak are found on every host, those that do not are not accused, and a run says so.

mod support;

use std::time::Duration;

use support::{bad_plugin, hosts, run, status, stderr, stdout};
use tollgate_fixtures::{Plugin, bad_plugins, plugin, workload};
use tollgate_hosts::{Host, soak};
use tollgate_record::{PluginKind, Record, Soak};
use tollgate_reports::{SoakFigures, SoakVerdict, judge};

fn bad(name: &str) -> &'static Plugin {
    &bad_plugins().iter().find(|bad| bad.plugin.name == name).expect("it is in bad.toml").plugin
}

/// A soak of at least so many requests, however slow the machine is: of the workload that does nothing, so that they are
/// quick.
fn soaked(host: &dyn Host, plugin: &Plugin, requests: u64) -> (Soak, SoakFigures) {
    let noop = workload("noop").expect("the catalogue has it");
    let mut seconds = 1;
    loop {
        let soak = soak(host, plugin, noop, Duration::from_secs(seconds), &mut |_| ()).expect("memory is known");
        if soak.requests >= requests || soak.error.is_some() {
            let figures = judge(&soak);
            return (soak, figures);
        }
        assert!(seconds < 60, "{} on {}: {} requests in {seconds} s", plugin.name, host.name(), soak.requests);
        seconds = (seconds * 2).max(seconds * requests / soak.requests.max(1) + 1);
    }
}

#[test]
fn leaks_are_found_on_every_wasm_host_and_nothing_else_is() {
    let page = 65_536;
    for host in hosts().filter(|host| host.runs(PluginKind::ProxyWasm)) {
        // Eleven pages of 16 bytes are always found.
        let (_, leaks) = soaked(host, bad("leaks-16-bytes"), 12 * page / 16);
        assert_eq!(leaks.verdict, SoakVerdict::Leak, "{}: {leaks:?}", host.name());
        let slope = leaks.bytes_per_request.unwrap();
        assert!((14.0..18.0).contains(&slope), "16 bytes a request on {}: {leaks:?}", host.name());

        // As many as make what it holds less than 16 bytes a request.
        let (soak, once) = soaked(host, bad("grows-once"), 30 * page / 16);
        assert_eq!(once.verdict, SoakVerdict::NoLeak, "{}: {once:?}", host.name());
        assert_eq!(once.end_bytes, Some(25 * page), "{}: it did grow: {soak:?}", host.name());

        let (soak, flat) = soaked(host, plugin("boundary").unwrap(), 20 * page / 16);
        assert_eq!(flat.verdict, SoakVerdict::NoLeak, "{}: {flat:?}", host.name());
        assert!(soak.samples.iter().all(|sample| sample.least_bytes == 17 * page), "{soak:?}");
        assert!((60..=200).contains(&soak.samples.len()), "{}", soak.samples.len());
    }
}

#[test]
fn the_limit_is_a_leak_in_words_and_a_trap_is_a_failure() {
    for host in hosts().filter(|host| host.runs(PluginKind::ProxyWasm)) {
        let (soak, leaks) = soaked(host, bad("leaks-a-mebibyte"), 2_000);
        assert_eq!(leaks.verdict, SoakVerdict::Leak, "{}: {leaks:?}", host.name());
        assert!(leaks.reason.contains("reached the limit of 1.00 GiB"), "{leaks:?}");
        let message = &soak.error.as_ref().expect("it ended before its time").message;
        assert!(message.contains("1024 MiB") && message.contains("unreachable"), "{message}");
        assert!((900..1_025).contains(&soak.requests), "{}", soak.requests);

        let (soak, traps) = soaked(host, bad("trap-in-request-headers"), 1);
        assert_eq!(traps.verdict, SoakVerdict::Inconclusive, "{traps:?}");
        assert_eq!(soak.limit_bytes, None);
        assert!(soak.error.unwrap().message.contains("unreachable"));
    }
}

#[test]
fn leaks_are_found_on_every_lua_host_and_garbage_is_none() {
    for host in hosts().filter(|host| host.runs(PluginKind::Lua)) {
        let (_, leaks) = soaked(host, bad("lua-leaks"), 100_000);
        assert_eq!(leaks.verdict, SoakVerdict::Leak, "{}: {leaks:?}", host.name());
        assert!(leaks.bytes_per_request.unwrap() > 16.0, "a string and its place: {leaks:?}");
        for quiet in [bad("lua-garbage"), plugin("lua").unwrap()] {
            let (mut soak, mut figures) = soaked(host, quiet, 60_000);
            // Luau's heap takes and keeps a page more now and then in its first million requests, which is not decided (2 %
            // of soaks of a second): then it is soaked for longer, as a user is told to.
            for _ in 0..2 {
                if figures.verdict == SoakVerdict::Inconclusive {
                    (soak, figures) = soaked(host, quiet, soak.requests * 4);
                }
            }
            assert_eq!(figures.verdict, SoakVerdict::NoLeak, "{} on {}: {figures:?}", quiet.name, host.name());
        }
    }
}

#[test]
fn a_run_soaks_each_plugin_on_each_host_and_says_who_leaks() {
    let folder = tempfile::tempdir().unwrap();
    let leaks = bad_plugin(folder.path(), "lua-leaks");
    let out = folder.path().join("out");
    let (leaks, out) = (leaks.to_str().unwrap(), out.to_str().unwrap());
    let args =
        ["run", "--time", "quick", "--quiet", "--only", "in-process", "--soak", "1500ms", "--workload", "headers"];
    let arms = ["--plugin", "native", "--plugin", "lua", "--plugin", "boundary", "--out", out];
    let output = run(&[&args[..], &arms[..]].concat());
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let record = Record::read(&folder.path().join("out/record.json")).unwrap();
    assert_eq!((record.plan.soak_ms, record.plan.timed_with_limits), (Some(1_500), Some(false)));
    for cell in record.cells.iter().filter(|cell| cell.id.phase == tollgate_record::Phase::Request) {
        let knows = ["lua", "boundary"].contains(&cell.id.plugin.as_str());
        assert_eq!(cell.soak.is_some(), knows, "{}", cell.id);
        assert!(cell.series.iter().all(|series| series.memory.is_some() == knows), "{}", cell.id);
        if let Some(soak) = &cell.soak {
            assert_eq!((soak.duration_ms, &soak.error), (1_500, &None));
            assert!(soak.requests > 100 && soak.samples.len() > 60, "{}: {soak:?}", cell.id);
        }
        for memory in cell.series.iter().filter_map(|series| series.memory) {
            assert!(memory.start_bytes > 0 && memory.end_bytes > 0 && memory.requests > 100, "{}: {memory:?}", cell.id);
        }
    }
    assert!(stdout(&output).contains("Soak, 1.5 s each"), "{}", stdout(&output));

    let output = run(&[&args[..8], &["--plugin", leaks, "--plugin", "native", "--out", out]].concat());
    assert_eq!(status(&output), 5, "{}{}", stdout(&output), stderr(&output));
    let text = stdout(&output).replace('\n', " ");
    assert!(text.contains("lua-leaks on luajit: leak: grew again in each doubling"), "{text}");
    assert!(stderr(&output).contains("1 plugin leaks memory"), "{}", stderr(&output));
    let record = Record::read(&folder.path().join("out/record.json")).unwrap();
    assert!(record.cells.iter().all(|cell| cell.error.is_none()), "what was measured of it stays");
}

#[test]
fn what_is_no_duration_is_refused_with_those_that_are() {
    for wrong in ["60", "s", "-5s", "0s", "1.5s", "99999999999999999999s", "5 days", "48h"] {
        let output = run(&["run", &format!("--soak={wrong}")]);
        assert_eq!(status(&output), 2, "{wrong}: {}", stderr(&output));
        assert!(stderr(&output).contains("`60s`, `5m`"), "{wrong}: {}", stderr(&output));
    }
}
