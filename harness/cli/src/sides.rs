//! Base and head of a live gate as arms of one gateway, with the gate's controls.

use std::path::Path;

use tollgate_fixtures::{Plugin, Workload};
use tollgate_gateways::Gateway;
use tollgate_record::{CellId, LiveGate, Mode, Phase, Side};

use crate::args::Selectors;
use crate::args::gate::LiveGateArgs;
use crate::arm::Arm;
use crate::select::{NO_WORKLOAD, Selection, Unasked, config, own_workloads, plugin, workloads};
use crate::status::usage;

/// What the arms that spin take each, nanoseconds, besides what makes one of them longer: so long that what the script
/// costs by itself is little beside it.
pub(crate) const SPIN_NS: u64 = 10_000;

/// A side's plugin, and what a request asks of it.
type Asked = (Plugin, Workload);

/// The arms of a live gate.
pub(crate) fn select(
    options: &LiveGateArgs,
    selectors: &Selectors,
    gateway: &'static dyn Gateway,
    plan: &LiveGate,
) -> anyhow::Result<Selection> {
    let asked = workload(options.given.config.as_deref(), options.workload.is_some(), selectors)?;
    let side = |name: &Option<String>| {
        let name = name.as_deref().ok_or_else(|| usage("give --base and --head"))?;
        side(name, options.workload.is_some(), selectors, gateway, &asked)
    };
    let [base, head] = [&options.base, &options.head].map(side);
    let (base, head) = (base?, head?);
    if base.kind != head.kind {
        let (base, head) = (base.kind.name(), head.kind.name());
        return Err(usage(format!("base is {base} and head is {head}; a gate compares two builds of one plugin")));
    }
    Ok(arms(gateway, plan, &asked, [(base, asked.clone()), (head, asked.clone())]))
}

/// The arms of a live gate whose right answer is known: both sides spin, for so many nanoseconds.
pub(crate) fn spinning(
    gateway: &'static dyn Gateway,
    plan: &LiveGate,
    asked: &Workload,
    [base_ns, head_ns]: [u64; 2],
) -> Selection {
    arms(gateway, plan, asked, [spin(base_ns, asked), spin(head_ns, asked)])
}

/// The arms of a live gate whose sides are one plugin.
pub(crate) fn alike(gateway: &'static dyn Gateway, plan: &LiveGate, plugin: &Plugin, asked: &Workload) -> Selection {
    arms(gateway, plan, asked, [(plugin.clone(), asked.clone()), (plugin.clone(), asked.clone())])
}

fn spin(spin_ns: u64, asked: &Workload) -> Asked {
    (tollgate_fixtures::spin(), Workload { config: spin_ns.to_string().into_bytes(), ..asked.clone() })
}

/// Controls, the sides as often as the plan says, and the known slowdown.
fn arms(gateway: &'static dyn Gateway, plan: &LiveGate, asked: &Workload, [base, head]: [Asked; 2]) -> Selection {
    let mut arms = vec![control(gateway, "A", asked), control(gateway, "A'", asked)];
    let kind = base.0.kind;
    let sides = [(Side::Base, base), (Side::Head, head)];
    for (side, asked) in &sides {
        arms.extend(plan.arms(*side).iter().map(|name| arm(Mode::Live, gateway.name(), name, asked)));
    }
    for (name, spin_ns) in [(LiveGate::SPIN, SPIN_NS), (LiveGate::LONGER_SPIN, SPIN_NS + plan.longer_ns)] {
        arms.push(arm(Mode::Live, gateway.name(), name, &spin(spin_ns, asked)));
    }
    let mut selection = Selection { live: vec![(gateway, arms)], ..Selection::default() };
    // What is wrong in process is not taken to a gateway; external plugins have no host in process.
    if let Some(host) = tollgate_hosts::host_for(kind) {
        let of_side = |(side, asked): &(Side, Asked)| {
            plan.arms(*side).first().map(|name| arm(Mode::InProcess, host.name(), name, asked))
        };
        selection.in_process = sides.iter().filter_map(of_side).collect();
    }
    selection
}

/// What a request asks of both sides.
pub(crate) fn workload(file: Option<&Path>, checked: bool, selectors: &Selectors) -> anyhow::Result<Workload> {
    let config = config(file)?;
    let known = workloads(selectors, Unasked::Defaults)?;
    let asked = own_workloads(&known, config.as_deref(), checked);
    asked.into_iter().next().ok_or_else(|| usage("the catalogue has no workload; this build is broken"))
}

/// A side's plugin, of that name or at that path; `checked` when it is held to the workload's effects.
pub(crate) fn side(
    name: &str,
    checked: bool,
    selectors: &Selectors,
    gateway: &dyn Gateway,
    asked: &Workload,
) -> anyhow::Result<Plugin> {
    let plugin = plugin(name)?;
    if !gateway.runs(plugin.kind) {
        return Err(usage(format!(
            "{} does not run {} plugins; name another with --gateway",
            gateway.name(),
            plugin.kind.name()
        )));
    }
    let mut plugin = plugin.for_path(asked.path).ok_or_else(|| {
        usage(format!("{} has no artifact for workload {}; name another with --workload", plugin.name, asked.name))
    })?;
    // Both sides are held to the same, whatever they are named by.
    plugin.workload_checked = checked;
    if plugin.path.is_some() {
        plugin.root_id.clone_from(&selectors.given.root_id);
    }
    Ok(plugin)
}

fn control(gateway: &dyn Gateway, name: &str, workload: &Workload) -> Arm {
    Arm { id: id(Mode::Live, gateway.name(), name, NO_WORKLOAD), plugin: None, workload: workload.clone() }
}

fn arm(mode: Mode, host: &str, name: &str, (plugin, workload): &Asked) -> Arm {
    Arm { id: id(mode, host, name, &workload.name), plugin: Some(plugin.clone()), workload: workload.clone() }
}

fn id(mode: Mode, host: &str, plugin: &str, workload: &str) -> CellId {
    let [host, plugin, workload] = [host, plugin, workload].map(str::to_owned);
    CellId { mode, host, plugin, workload, phase: Phase::Request }
}
