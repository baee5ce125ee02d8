//! What the tests of live gateways share.
#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tollgate_fixtures::{Plugin, Workload, plugin, workload};
use tollgate_gateways::{Arm, GATEWAYS, Gateway, Measured, Options, Running, find_envoy, gateway, measure};
use tollgate_record::{CellId, Failure, Mode, Phase, Series};

/// One gateway at a time: its process is found among the children of this one, and two at once are slow on two cores.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every gateway that can run here.
pub(crate) fn gateways() -> impl Iterator<Item = &'static dyn Gateway> {
    GATEWAYS.iter().copied().filter(|gateway| is_here(*gateway))
}

/// Every gateway once: not those that are another with other hosts, where it is the gateway itself that is tested.
pub(crate) fn distinct_gateways() -> impl Iterator<Item = &'static dyn Gateway> {
    gateways().filter(|gateway| !gateway.name().starts_with("embedded-"))
}

/// Those of them that are a process of their own.
pub(crate) fn process_gateways() -> impl Iterator<Item = &'static dyn Gateway> {
    gateways().filter(|gateway| is_process(*gateway))
}

/// Whether a gateway is a process of its own.
pub(crate) fn is_process(gateway: &dyn Gateway) -> bool {
    !gateway.name().starts_with("embedded")
}

/// Whether a gateway can be run here, found as the product finds it. A missing one is said loudly, and is an error where
/// all are required.
pub(crate) fn is_here(gateway: &dyn Gateway) -> bool {
    match gateway.version(&Options::default()) {
        Ok(_) => true,
        Err(error) if std::env::var_os("TOLLGATE_REQUIRE_GATEWAYS").is_some_and(|value| value == "1") => {
            panic!("TOLLGATE_REQUIRE_GATEWAYS=1, but: {error}")
        }
        Err(error) => {
            eprintln!("\n*** NOT TESTED ON {}: {error} ***\n", gateway.name().to_uppercase());
            false
        }
    }
}

/// Envoy, found as the product finds it.
pub(crate) fn envoy() -> Option<(&'static dyn Gateway, PathBuf)> {
    let envoy = gateway("envoy").expect("it is in the list");
    is_here(envoy).then(|| (envoy, find_envoy(None).expect("it was found for its version")))
}

/// A plugin of the catalogue that does the work of the workload there.
pub(crate) fn a_plugin(gateway: &dyn Gateway) -> &'static str {
    let runs = |name: &&str| gateway.runs(plugin(name).expect("it is in the catalogue").kind);
    ["boundary", "lua"].into_iter().find(runs).expect("every gateway runs one of these")
}

/// The controls, and a plugin.
pub(crate) fn some_arms(gateway: &dyn Gateway) -> Vec<Arm> {
    arms_of(gateway, &[a_plugin(gateway)])
}

fn id(gateway: &dyn Gateway, plugin: &str, workload: &str) -> CellId {
    let (plugin, workload) = (plugin.to_owned(), workload.to_owned());
    CellId { mode: Mode::Live, host: gateway.name().to_owned(), plugin, workload, phase: Phase::Request }
}

/// The default workload.
pub(crate) fn headers() -> &'static Workload {
    workload("headers").expect("it is in the catalogue")
}

/// The controls A and A'.
pub(crate) fn controls(gateway: &dyn Gateway) -> Vec<Arm> {
    let control = |name| Arm { id: id(gateway, name, "none"), plugin: None, workload: headers().clone(), chain: 1 };
    ["A", "A'"].map(control).to_vec()
}

/// An arm with a plugin, as the workload's path wants it.
pub(crate) fn arm(gateway: &dyn Gateway, plugin: &Plugin, workload: &Workload) -> Arm {
    let plugin = plugin.for_path(workload.path).expect("it has an artifact for both paths");
    Arm { id: id(gateway, &plugin.name, &workload.name), plugin: Some(plugin), workload: workload.clone(), chain: 1 }
}

/// A script given by path, as somebody's own: nothing is known of what it does to the headers.
pub(crate) fn script_plugin(name: &str, source: &str) -> Plugin {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join(format!("{name}.lua"));
    fs::write(&path, source).expect("it can be written to");
    let mut plugin = tollgate_fixtures::load(&path).expect("it is a script");
    plugin.workload_checked = false;
    plugin
}

/// The controls, and the plugins of these names with the default workload.
pub(crate) fn arms_of(gateway: &dyn Gateway, names: &[&str]) -> Vec<Arm> {
    let named = names.iter().map(|name| arm(gateway, plugin(name).expect("it is in the catalogue"), headers()));
    controls(gateway).into_iter().chain(named).collect()
}

/// Measures without being interrupted.
pub(crate) fn measure_for(running: &mut dyn Running, arms: &[Arm], duration: Duration) -> Vec<Outcome> {
    let measured = measure(running, arms, 0, 1, duration, 5, &mut |_, _| ControlFlow::Continue(()));
    measured.into_iter().map(outcome).collect()
}

/// An arm that was proved, with what was measured of it, or its failure.
pub(crate) type Outcome = (CellId, Result<(Series, String), Failure>);

pub(crate) fn outcome(measured: Measured) -> Outcome {
    let whole = measured.proof.map(|proof| (measured.series.expect("what is proved was measured"), proof));
    (measured.cell, whole)
}

/// Default options, with the test's own program for the external plugin's process: its test
/// `helper_that_serves_the_external_plugin`.
pub(crate) fn options() -> Options {
    let program = std::env::current_exe().expect("a test has a program").into_os_string();
    let arguments = ["--exact", "helper_that_serves_the_external_plugin", "--nocapture"].map(Into::into);
    Options { external: [vec![program], arguments.to_vec()].concat(), ..Options::default() }
}

/// Starts with default options, or fails the test.
pub(crate) fn start(gateway: &dyn Gateway, arms: &[Arm]) -> Box<dyn Running> {
    gateway.start(arms, &options()).unwrap_or_else(|error| panic!("{}: {error}", gateway.name()))
}

/// Envoys whose parent is `parent`, zombies left out.
pub(crate) fn envoys_of(parent: u32) -> Vec<u32> {
    processes_of(parent, &["envoy"])
}

/// Children of ours whose name begins like that, zombies left out.
pub(crate) fn children_named(name: &str) -> Vec<u32> {
    processes_of(std::process::id(), &[name])
}

/// Processes of any gateway whose parent is `parent`, zombies left out.
pub(crate) fn gateways_of(parent: u32) -> Vec<u32> {
    let names: Vec<&str> =
        GATEWAYS.iter().filter(|gateway| is_process(**gateway)).map(|gateway| gateway.name()).collect();
    processes_of(parent, &names)
}

/// Processes whose parent is `parent` and whose name begins with one of these, zombies left out.
fn processes_of(parent: u32, names: &[&str]) -> Vec<u32> {
    let is_ours = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // `pid (name) state parent ...`
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(") ")) else {
            return false;
        };
        let mut fields = rest.split(' ');
        let (state, of) = (fields.next(), fields.next());
        names.iter().any(|begin| name.starts_with(begin))
            && state != Some("Z")
            && of == Some(parent.to_string().as_str())
    };
    fs::read_dir("/proc")
        .expect("Linux")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_ours)
        .collect()
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until something holds; false when it does not within 10 s.
pub(crate) fn soon(mut holds: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Sends a signal through the `kill` that every system has.
pub(crate) fn signal(name: &str, pid: u32) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(status.expect("`kill` can be run").success());
}
