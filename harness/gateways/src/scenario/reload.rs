//! Hot reload: a plugin and its configuration are exchanged again and again under load.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_fixtures::Plugin;
use tollgate_record::{ProcessSample, Reload, Scenario, Story, Swap, SwapOutcome};

use super::process::{Resident, resident, watch};
use super::swapper::{ARM, Begun, FAULT, SLOT, Swapper, Verdict, Vms, sample};
use super::swapping::{MARKS, configuration, operations, steps};
use super::timeline::{BIN_NS, Seen, Shown, Swapped, ns_between, reloaded};
use super::{GATEWAY, Loaded, ScenarioLoad, Teller, Watcher, arm, failure_of, headers, under_load, version};
use crate::envoy::{FailurePolicy, Slot, SwappingEnvoy};
use crate::load::{Ended, Target};
use crate::{Arm, GatewayError, Options};

/// Windows of the traffic over the whole time.
const WINDOWS: u32 = 250;
/// Not a configuration: no answer yet.
const NONE: u8 = u8::MAX;

/// Exchanges plugins under load, `swaps` times at even distances. Nothing is exchanged before the last exchange took
/// effect, was refused, or had a minute for it, so it may take longer than the load's duration.
///
/// A plugin that is held to its workload's effects shows its configuration in each answer: that is how each swap is
/// proved, beside Envoy's own counters. Of other plugins only the counters tell.
///
/// # Errors
/// When Envoy cannot be started with the first plugin. What happens later is in the scenario.
pub fn reload(
    plugins: &[Plugin],
    swaps: u32,
    load: &ScenarioLoad,
    options: &Options,
    watcher: Watcher<'_>,
) -> Result<Scenario, GatewayError> {
    let (first, steps) = steps(plugins, swaps, load.seed);
    let slot = Slot {
        arm: arm(ARM, plugins.get(first), operations(0), headers()),
        policy: FailurePolicy::Closed,
        shown: MARKS.iter().map(|(header, _)| format!("fake_key_{header}")).collect(),
    };
    let mut envoy = SwappingEnvoy::start(std::slice::from_ref(&slot), plugins, options)?;
    let target = target(&slot.arm, &envoy)?;
    let process = envoy.id();
    let window = (load.duration / WINDOWS).max(Duration::from_millis(20));
    let (mut memory, mut vms): (Vec<Resident>, Vms) = (Vec::new(), Vec::new());
    let mut begun = Vec::new();
    memory.extend(resident(process));
    vms.extend(sample(&envoy));

    let latest = AtomicU8::new(NONE);
    let show = |ended: &Ended<'_>| {
        let shown = shown(ended);
        match shown {
            Shown::Work(number) => latest.store(number, Ordering::Release),
            Shown::Fault { .. } => latest.store(FAULT, Ordering::Release),
            Shown::Untouched => {}
        }
        shown
    };
    let is_over = AtomicBool::new(false);
    let (loaded, end) = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(process, window, &is_over));
        let result = under_load(&[target], load, options, window, &show, |shared, begin| {
            let (begun, vms) = (&mut begun, &mut vms);
            let mut swapper = Swapper { envoy: &mut envoy, plugins, shared, latest: &latest, begun, vms };
            let mut teller = Teller { begin, doing: String::new(), watcher };
            let swapped = swapper.swap_all(&steps, load.duration, &mut teller);
            swapper.note_complaint();
            swapped
        });
        is_over.store(true, Ordering::Relaxed);
        memory.extend(watching.join().unwrap_or_default());
        result
    })?;
    memory.extend(resident(process));
    vms.extend(sample(&envoy));
    let error = failure_of(&mut envoy, end);
    Ok(Scenario {
        gateway: GATEWAY.to_owned(),
        gateway_version: version(options),
        rate_per_s: Some(load.rate),
        connections: load.connections as u32,
        process: samples(loaded.begin, memory, vms),
        story: Story::Reload(story(plugins, swaps, loaded, begun, window)),
        error,
    })
}

fn target(arm: &Arm, envoy: &SwappingEnvoy) -> Result<Target, GatewayError> {
    let mut marked = arm.clone();
    let marks = MARKS.iter().map(|(header, mark)| (format!("fake_key_{header}"), mark.to_string()));
    marked.workload.request_headers.extend(marks);
    Ok(Target::of_arm(&marked, envoy.address(SLOT)?))
}

/// What an answer shows of the plugin that the request went through.
fn shown(ended: &Ended<'_>) -> Shown {
    match (ended.fault, ended.response.and_then(|response| response.left)) {
        (Some(_), _) => Shown::fault(ended),
        (None, left) => configuration(left.unwrap_or_default()).map_or(Shown::Untouched, Shown::Work),
    }
}

fn samples(begin: Instant, memory: Vec<Resident>, vms: Vms) -> Vec<ProcessSample> {
    let signed_ns = |at: Instant| {
        let ns = |from, to| i64::try_from(ns_between(from, to)).unwrap_or(i64::MAX);
        if at < begin { -ns(at, begin) } else { ns(begin, at) }
    };
    let memory = memory.into_iter().map(|Resident { at, bytes }| ProcessSample {
        at_ns: signed_ns(at),
        resident_bytes: Some(bytes),
        vms_active: None,
        vms_created: None,
    });
    let vms = vms.into_iter().map(|(at, sample)| ProcessSample { at_ns: signed_ns(at), ..sample });
    let mut samples: Vec<ProcessSample> = memory.chain(vms).collect();
    samples.sort_by_key(|sample| sample.at_ns);
    samples
}

/// Puts what was done and what was seen together.
fn story(plugins: &[Plugin], swaps_planned: u32, loaded: Loaded, begun: Vec<Begun>, window: Duration) -> Reload {
    let Loaded { begin, traffic, notes } = loaded;
    let swapped: Vec<Swapped> = begun
        .iter()
        .map(|begun| Swapped {
            at_ns: ns_between(begin, begun.at),
            kind: begun.step.kind,
            shows: matches!(begun.verdict, Verdict::Seen { .. }).then_some(begun.number),
            is_taken: !matches!(begun.verdict, Verdict::Rejected { .. } | Verdict::Lost { .. }),
        })
        .collect();
    let found = reloaded(&notes, &swapped);
    let swap = |((begun, swapped), seen): ((Begun, &Swapped), Seen)| {
        let plugin = &plugins[begun.step.plugin];
        Swap {
            at_ns: swapped.at_ns,
            kind: swapped.kind,
            plugin: plugin.name.clone(),
            sha256: plugin.sha256.clone(),
            config: operations(begun.number).to_string(),
            complaint: begun.complaint,
            requests: seen.requests,
            faults: seen.faults,
            outcome: outcome(begun.verdict, swapped.at_ns, &seen),
            near_ns: seen.near_ns,
        }
    };
    Reload {
        swaps_planned,
        swaps: begun.into_iter().zip(&swapped).zip(found.swaps).map(swap).collect(),
        traffic: traffic.into_iter().next().unwrap_or_default(),
        window_ms: window.as_millis() as u64,
        apart_ns: found.apart_ns,
        bin_ms: BIN_NS / 1_000_000,
        around: found.around,
    }
}

fn outcome(verdict: Verdict, at_ns: u64, seen: &Seen) -> SwapOutcome {
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let since = |ns: u64| ns.saturating_sub(at_ns);
    match (verdict, seen.first_new_ns) {
        (Verdict::Seen { proof }, Some(first_new_ns)) => {
            SwapOutcome::Seen { first_new_ns: since(first_new_ns), last_old_ns: seen.last_old_ns.map(since), proof }
        }
        // What was seen is among the notes, unless the load ended in that moment.
        (Verdict::Seen { .. }, None) => SwapOutcome::Lost { after_ns: 0 },
        (Verdict::Counted { after, proof }, _) => SwapOutcome::Counted { after_ns: ns(after), proof },
        (Verdict::Rejected { after }, _) => SwapOutcome::Rejected { after_ns: ns(after) },
        (Verdict::Broken { after }, _) => SwapOutcome::Broken { after_ns: ns(after) },
        (Verdict::Lost { after }, _) => SwapOutcome::Lost { after_ns: ns(after) },
    }
}
