//! Gateways that are a process: what happens when it dies, hangs, or when we die.

mod common;

use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use tollgate_gateways::{Gateway, Options, decide_placement, measure};
use tollgate_record::{FailureClass, Placement};

/// The process of the one gateway that runs.
fn process() -> u32 {
    gateways_of(std::process::id())[0]
}

#[test]
fn a_gateway_killed_in_the_middle_is_a_failure_of_every_arm() {
    let _one = one_at_a_time();
    for gateway in process_gateways() {
        let arms = some_arms(gateway);
        let mut running = start(gateway, &arms);
        let pid = process();
        let mut killed = false;
        let outcomes = measure(running.as_mut(), &arms, 0, 1, Duration::from_secs(10), 5, &mut |_, collector| {
            if collector.blocks() == 3 && !killed {
                killed = true;
                signal("KILL", pid);
            }
            ControlFlow::Continue(())
        });
        assert!(killed && outcomes.len() == arms.len());
        for measured in outcomes {
            let (id, failure) = (measured.cell, measured.proof.unwrap_err());
            assert_eq!(failure.class, FailureClass::Environment, "{id}");
            assert!(failure.message.contains("died (signal 9)"), "{id}: {}", failure.message);
            let kept = measured.series.map_or(0, |series| series.sample_blocks_ns.len());
            assert!(kept >= 3, "{id}: {kept} blocks are left of the three that were finished");
        }
    }
}

#[test]
fn a_gateway_that_hangs_ends_the_measurement() {
    let _one = one_at_a_time();
    for gateway in process_gateways() {
        let arms = some_arms(gateway);
        let mut running = start(gateway, &arms);
        let pid = process();
        let begin = Instant::now();
        let outcomes = measure(running.as_mut(), &arms, 0, 1, Duration::from_secs(10), 5, &mut |_, collector| {
            if collector.blocks() == 3 {
                signal("STOP", pid);
            }
            ControlFlow::Continue(())
        });
        drop(running);
        assert!(begin.elapsed() < Duration::from_secs(30), "{}: {:?}", gateway.name(), begin.elapsed());
        assert!(outcomes.iter().all(|measured| measured.proof.is_err()));
        assert!(!is_alive(pid), "{}: a stopped process is killed as well", gateway.name());
    }
}

#[test]
fn the_thread_that_started_a_gateway_may_end_before_it() {
    let _one = one_at_a_time();
    for gateway in process_gateways() {
        // The kernel's death signal comes with the end of the thread that forked: that must not be the caller's.
        let pid = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let running = start(gateway, &controls(gateway));
                    let pid = process();
                    // Not Send: held back here for a while by leaking it, as a thread would that ends in the middle.
                    std::mem::forget(running);
                    pid
                })
                .join()
                .unwrap()
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(is_alive(pid), "{}", gateway.name());
        signal("KILL", pid);
        assert!(soon(|| !is_alive(pid)));
    }
}

#[test]
fn a_gateway_is_kept_on_its_core_and_its_configuration_where_it_is_wanted() {
    let _one = one_at_a_time();
    let Placement::SameCore { core } = decide_placement() else {
        eprintln!("skipped: this system does not let a process choose its cores");
        return;
    };
    for gateway in process_gateways() {
        let folder = tempfile::tempdir().unwrap();
        let work_dir = folder.path().join("kept");
        let options = Options { gateway_core: Some(core), work_dir: Some(work_dir.clone()), ..Options::default() };
        let running = gateway.start(&some_arms(gateway), &options).unwrap();
        assert_eq!(running.probe_core(), Some(core));
        let threads = std::fs::read_dir(format!("/proc/{}/task", process())).unwrap().flatten();
        let allowed = format!("Cpus_allowed_list:\t{core}\n");
        let is_kept = |status: &String| status.contains(&allowed);
        let kept =
            threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok()).filter(is_kept);
        assert!(kept.count() >= 1, "{} is not kept on core {core}", gateway.name());
        let kept = std::fs::read_dir(work_dir).unwrap().flatten();
        let text: String = kept.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
        assert!(text.contains("arm_2") || text.contains("tollgate_request[2]"), "{}: {text}", gateway.name());
    }
}

/// Not a test by itself: the parent that is killed in the next one.
#[test]
fn helper_that_holds_a_gateway() {
    let Some(name) = std::env::var_os("TOLLGATE_TEST_HOLD") else { return };
    let gateway = tollgate_gateways::gateway(name.to_str().unwrap()).unwrap();
    let _running = start(gateway, &some_arms(gateway));
    println!("\nholding {}", process());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_gateway_dies_with_us_however_we_die_and_leaves_no_file() {
    let _one = one_at_a_time();
    for gateway in process_gateways() {
        for signal_name in ["KILL", "TERM", "INT", "HUP"] {
            dies_with_us(gateway, signal_name);
        }
    }
}

fn dies_with_us(gateway: &dyn Gateway, signal_name: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_holds_a_gateway", "--nocapture"])
        .env("TOLLGATE_TEST_HOLD", gateway.name())
        .env("TMPDIR", temporary.path())
        .current_dir(temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid: u32 = lines.into_iter().find_map(|line| line.strip_prefix("holding ")?.parse().ok()).unwrap();
    assert!(is_alive(pid));
    signal(signal_name, parent.id());
    parent.wait().unwrap();
    let name = gateway.name();
    assert!(soon(|| !is_alive(pid)), "{signal_name}: {name} {pid} outlives its parent");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{signal_name}: {name} leaves a file");
}
