//! Plugins that fail under load, under each policy that Envoy has for it, all in one process.

use std::thread;
use std::time::{Duration, Instant};

use tollgate_fixtures::{FAIL_HEADER, Plugin, failing_on_demand};
use tollgate_record::{Control, Failing, FailingArm, FailingKind, PluginKind, Scenario, Story};

use super::timeline::{Done, Shown, events, ns_between, windows};
use super::{
    End, GATEWAY, LOOK, Loaded, ScenarioLoad, Shared, Teller, Watcher, arm, failure_of, headers, under_load, version,
};
use crate::envoy::{FailurePolicy, Slot, SwappingEnvoy};
use crate::load::{Ended, Expected, Target};
use crate::{Arm, CANARY_HEADER, GatewayError, Options, Probe, ProbeError, arm_label, request_bytes};

/// What is done, and when, in hundredths of the time.
const EVENTS: [(FailingKind, u32); 3] =
    [(FailingKind::Failure, 20), (FailingKind::FailureAgain, 20), (FailingKind::Swap, 70)];
/// How long after the first failure the second one comes: well within the second for which Envoy does not make a VM
/// again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the request that makes a plugin fail may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Windows of each arm over the whole time.
const WINDOWS: u32 = 200;
/// Operations of the plugins at first, and after the swap.
const OPERATIONS: [u32; 2] = [20, 21];

/// An arm with its name in the record.
struct Case {
    policy: &'static str,
    slot: Slot,
    done: Vec<Done>,
}

/// Makes plugins fail by a header of one request, once and again soon, and gives them another configuration later. All
/// arms are under the same load at the same time: one for each policy for Wasm, one with Lua, which only fails open, and
/// control A without a plugin.
///
/// A request carries a canary, which the plugin takes away: that tells whether it was served by the plugin or passed
/// without it.
///
/// # Errors
/// When Envoy cannot be started. What happens later is in the scenario.
pub fn failure(load: &ScenarioLoad, options: &Options, watcher: Watcher<'_>) -> Result<Scenario, GatewayError> {
    let mut cases = cases();
    let slots: Vec<Slot> = cases.iter().map(|case| case.slot.clone()).collect();
    let mut envoy = SwappingEnvoy::start(&slots, &[], options)?;
    let targets: Result<Vec<Target>, GatewayError> =
        cases.iter().enumerate().map(|(index, case)| target(case, index, &envoy)).collect();
    let window = (load.duration / WINDOWS).max(Duration::from_millis(20));
    let has_plugin: Vec<bool> = slots.iter().map(|slot| slot.arm.plugin.is_some()).collect();
    let show = |ended: &Ended<'_>| shown(ended, has_plugin[ended.target]);
    let (loaded, end) = under_load(&targets?, load, options, window, &show, |shared, begin| {
        let mut teller = Teller { begin, doing: "before the failures".to_owned(), watcher };
        act(&mut envoy, &mut cases, load.duration, shared, &mut teller)
    })?;
    let error = failure_of(&mut envoy, end);
    Ok(Scenario {
        gateway: GATEWAY.to_owned(),
        gateway_version: version(options),
        rate_per_s: Some(load.rate),
        connections: load.connections as u32,
        process: Vec::new(),
        story: Story::Failure(Failing { arms: arms(cases, loaded, window), window_ms: window.as_millis() as u64 }),
        error,
    })
}

/// Control A, Wasm under each policy, Lua.
fn cases() -> Vec<Case> {
    let case = |policy: &'static str, plugin: Option<Plugin>, of_envoy: FailurePolicy| {
        let arm = arm(policy, plugin.as_ref(), OPERATIONS[0], headers());
        let slot = Slot { arm, policy: of_envoy, shown: vec![CANARY_HEADER.to_owned()] };
        Case { policy, slot, done: Vec::new() }
    };
    let control = case("A", None, FailurePolicy::Closed);
    let wasm = FailurePolicy::ALL.map(|policy| case(policy.name(), failing_on_demand(PluginKind::ProxyWasm), policy));
    let lua = case("Lua", failing_on_demand(PluginKind::Lua), FailurePolicy::Closed);
    debug_assert_eq!(control.policy, Control::A.to_string());
    [control].into_iter().chain(wasm).chain([lua]).collect()
}

fn target(case: &Case, index: usize, envoy: &SwappingEnvoy) -> Result<Target, GatewayError> {
    let arm = &case.slot.arm;
    let request = request_bytes(&arm.workload, true);
    Ok(Target { address: envoy.address(index)?, request, expected: Expected::Arm(arm_label(arm)) })
}

/// What an answer shows: the canary is left when no plugin took it away.
fn shown(ended: &Ended<'_>, has_plugin: bool) -> Shown {
    let left = ended.response.and_then(|response| response.left).is_some_and(|left| !left.is_empty());
    match ended.fault {
        Some(_) => Shown::fault(ended),
        None if left && has_plugin => Shown::Untouched,
        None => Shown::Work(0),
    }
}

fn act(
    envoy: &mut SwappingEnvoy,
    cases: &mut [Case],
    duration: Duration,
    shared: &Shared,
    teller: &mut Teller<'_>,
) -> Result<(), End> {
    for (kind, hundredths) in EVENTS {
        let again = if kind == FailingKind::FailureAgain { AGAIN } else { Duration::ZERO };
        wait(duration * hundredths / 100 + again, envoy, shared, teller)?;
        teller.doing = match kind {
            FailingKind::Failure | FailingKind::FailureAgain => "plugins fail".to_owned(),
            FailingKind::Swap => "plugins get another configuration".to_owned(),
        };
        for (index, case) in cases.iter_mut().enumerate().filter(|(_, case)| case.slot.arm.plugin.is_some()) {
            let (answer, at) = match kind {
                FailingKind::Swap => (None, swap(envoy, index, case)?),
                FailingKind::Failure | FailingKind::FailureAgain => {
                    let answer = fail(envoy, index, case)?;
                    (Some(answer), Instant::now())
                }
            };
            case.done.push(Done { kind, at_ns: ns_between(teller.begin, at), answer });
        }
        envoy.check_alive()?;
    }
    wait(duration, envoy, shared, teller)
}

fn wait(until: Duration, envoy: &mut SwappingEnvoy, shared: &Shared, teller: &mut Teller<'_>) -> Result<(), End> {
    loop {
        envoy.check_alive()?;
        teller.tell(shared)?;
        let left = until.saturating_sub(teller.begin.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(50 * LOOK));
    }
}

/// Sends the request that makes the plugin fail, and says what it got.
fn fail(envoy: &SwappingEnvoy, index: usize, case: &Case) -> Result<String, GatewayError> {
    let mut workload = case.slot.arm.workload.clone();
    workload.request_headers.push((FAIL_HEADER.to_owned(), "1".to_owned()));
    let address = envoy.address(index)?;
    let status = || -> Result<u16, ProbeError> {
        let mut probe = Probe::connect(address, TIMEOUT)?;
        probe.exchange(&request_bytes(&workload, true))?;
        Ok(probe.response()?.status)
    };
    Ok(status().map_or_else(|error| error.to_string(), |status| status.to_string()))
}

/// Gives the plugin of a slot another configuration.
fn swap(envoy: &mut SwappingEnvoy, index: usize, case: &Case) -> Result<Instant, GatewayError> {
    let Slot { arm: Arm { plugin, .. }, policy, .. } = &case.slot;
    envoy.swap(index, &arm(case.policy, plugin.as_ref(), OPERATIONS[1], headers()), *policy)
}

fn arms(cases: Vec<Case>, loaded: Loaded, window: Duration) -> Vec<FailingArm> {
    let window_ns = (window.as_nanos() as u64).max(1);
    let arm = |((index, case), traffic): ((usize, Case), _)| FailingArm {
        policy: case.policy.to_owned(),
        plugin: case.slot.arm.plugin.map(|plugin| plugin.name),
        traffic,
        windows: windows(&loaded.notes, index as u16, window_ns),
        events: events(&loaded.notes, index as u16, &case.done),
    };
    cases.into_iter().enumerate().zip(loaded.traffic).map(arm).collect()
}
