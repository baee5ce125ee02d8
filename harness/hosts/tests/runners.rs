//! Hosts in a process of their own: a script that hangs or crashes it is an error that says so, and nothing is left
//! running.

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use support::hosts_for;
use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, Host, HostError};
use tollgate_record::PluginKind;

/// Children are counted: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The Lua hosts that are not in this process.
fn runners() -> impl Iterator<Item = &'static dyn Host> {
    hosts_for(PluginKind::Lua).filter(|host| host.name() != "luajit")
}

fn script(body: &str) -> Plugin {
    Plugin {
        name: "script".to_owned(),
        bytes: format!("function envoy_on_request(handle)\n{body}\nend").into_bytes().into(),
        workload_checked: false,
        ..plugin("lua").expect("the catalogue has it").clone()
    }
}

/// Processes of that name, and whose child each one is.
fn processes(name: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
        let mut rest = rest.split(' ');
        if head.ends_with(&format!("({name}")) && rest.next() != Some("Z") {
            found.push((pid, rest.next().unwrap().parse().unwrap()));
        }
    }
    found
}

fn children(name: &str) -> Vec<u32> {
    let us = std::process::id();
    processes(name).into_iter().filter(|(_, parent)| *parent == us).map(|(pid, _)| pid).collect()
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn a_runner_that_is_killed_is_an_error_of_its_instance_only_and_none_is_left() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for host in runners() {
        let program = format!("tollgate-{}", host.name());
        let module = host.compile(&script("handle:headers():add('x', '1')")).unwrap();
        let mut exchange = Exchange::default();
        let mut instance = module.instantiate(b"").unwrap();
        let first = children(&program);
        assert_eq!(first.len(), 1, "one instance, one process");
        let mut other = module.instantiate(b"").unwrap();
        assert_eq!(instance.request(&mut exchange), Ok(Action::Continue));
        kill(first[0]);
        let error = instance.request(&mut exchange).unwrap_err().to_string();
        assert!(error.contains("brought down") && error.contains("SIGKILL"), "{error}");
        assert!(matches!(instance.request(&mut exchange), Err(HostError::Dead { .. })));
        assert_eq!(exchange.request.get("x"), Some(&b"1"[..]), "the exchange is as it was");
        assert_eq!(other.request(&mut exchange), Ok(Action::Continue), "the other one lives");
        drop((instance, other, module));
        assert!(children(&program).is_empty());
    }
}

#[test]
fn a_loop_that_no_meter_sees_ends_at_the_time_limit() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for host in runners() {
        let mut instance = host.compile(&script("while true do end")).unwrap().instantiate(b"").unwrap();
        let begin = Instant::now();
        let error = instance.request(&mut Exchange::default()).unwrap_err().to_string();
        assert!(error.contains("endless loop") && error.contains("--skip"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(19), "before a worker is taken to hang");
    }
}

#[test]
fn memory_that_a_script_may_not_have_is_an_error() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for host in runners() {
        let greedy = script("local kept = {}\nfor i = 1, 1e9 do kept[i] = string.rep('x', 1e6) .. i end");
        let mut instance = host.compile(&greedy).unwrap().instantiate(b"").unwrap();
        let error = instance.request(&mut Exchange::default()).unwrap_err().to_string();
        assert!(error.contains("memory"), "{error}");
        // It lives on.
        assert!(instance.request(&mut Exchange::default()).unwrap_err().to_string().contains("memory"));
    }
}

#[test]
fn a_runner_ends_with_its_parent_even_in_a_loop() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if std::env::var_os("TOLLGATE_TEST_HANG").is_some() {
        // We are the parent that is killed below.
        let host = runners().find(|host| std::env::var("TOLLGATE_TEST_HANG").is_ok_and(|name| name == host.name()));
        let module = host.unwrap().compile(&script("while true do end")).unwrap();
        let _ = module.instantiate(b"").unwrap().request(&mut Exchange::default());
        return;
    }
    for host in runners() {
        let this = std::env::current_exe().unwrap();
        let mut parent = Command::new(this)
            .args(["--exact", "a_runner_ends_with_its_parent_even_in_a_loop"])
            .env("TOLLGATE_TEST_HANG", host.name())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let runner_of = |parent: u32| {
            let of_it = |&(_, of): &(u32, u32)| of == parent;
            processes(&format!("tollgate-{}", host.name())).into_iter().find(of_it).map(|(pid, _)| pid)
        };
        // There for good only once it has passed the question who it is.
        let mut runner = None;
        until(|| {
            let now = runner_of(parent.id());
            let is_busy = now.is_some() && now == runner && cpu_ticks(now.unwrap()) > 20;
            runner = now;
            is_busy
        });
        let runner = runner.unwrap();
        kill(parent.id());
        parent.wait().unwrap();
        until(|| !fs::exists(format!("/proc/{runner}")).unwrap() || cpu_ticks(runner) == 0);
    }
}

/// CPU time of a process in ticks; 0 for a zombie or none.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or(vec![], |(_, rest)| rest.split(' ').collect());
    match fields.as_slice() {
        [state, ..] if *state != "Z" => fields[11].parse().unwrap(),
        _ => 0,
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}
