//! From the command line to what is compared: for each host and workload, base and head.

use tollgate_record::{CellId, Failure};

use crate::args::Selectors;
use crate::arm::Arm;
use crate::select::exactly;
use crate::status::usage;

/// A cell of a gate: the same host and workload for two plugins.
#[derive(Clone)]
pub(crate) struct Contest {
    /// Names the cell; the plugin's name is head's.
    pub(crate) id: CellId,
    pub(crate) base: Arm,
    pub(crate) head: Arm,
    /// Where head is itself an arm with a loop put in, that arm and the loop's turns: the known slowdown is then more
    /// turns of the same loop, because a second one moves the first, and what a turn costs depends on where it lies.
    pub(crate) made_of: Option<(Arm, u32)>,
}

impl Contest {
    /// What the known slowdown is put into, and how many turns are there already.
    pub(crate) fn source(&self) -> (&Arm, u32) {
        self.made_of.as_ref().map_or((&self.head, 0), |(arm, turns)| (arm, *turns))
    }
}

/// What base and head give together, and what cannot even be loaded.
pub(crate) struct Contests {
    pub(crate) contests: Vec<Contest>,
    pub(crate) unloadable: Unloadable,
}

/// Pairs up the arms of both.
pub(crate) fn contests(selectors: &Selectors, base: &str, head: &str) -> anyhow::Result<Contests> {
    let (before, mut unloadable) = arms(selectors, base)?;
    let (after, more) = arms(selectors, head)?;
    unloadable.extend(more);
    let kind = |arms: &[Arm]| arms.first().and_then(|arm| arm.plugin.as_ref()).map(|plugin| plugin.kind);
    if let Some((one, other)) = kind(&before).zip(kind(&after)).filter(|(one, other)| one != other) {
        let (one, other) = (one.name(), other.name());
        return Err(usage(format!("base is a {one} plugin and head a {other} one; compare two of a kind")));
    }
    let contests = after.into_iter().filter_map(|head| {
        let same = |arm: &&Arm| arm.id.host == head.id.host && arm.id.workload == head.id.workload;
        let base = before.iter().find(same)?.clone();
        Some(Contest { id: head.id.clone(), base, head, made_of: None })
    });
    Ok(Contests { contests: contests.collect(), unloadable })
}

/// What cannot be loaded, and why.
pub(crate) type Unloadable = Vec<(CellId, Failure)>;

/// The arms of that plugin alone.
pub(crate) fn arms(selectors: &Selectors, plugin: &str) -> anyhow::Result<(Vec<Arm>, Unloadable)> {
    let selectors = Selectors { plugins: vec![plugin.to_owned()], ..selectors.clone() };
    let selection = exactly(&selectors)?;
    let arms = selection.in_process;
    let unloadable: Unloadable = selection.unloadable.into_iter().map(|(cell, failure)| (cell.id, failure)).collect();
    Ok((arms, unloadable))
}
