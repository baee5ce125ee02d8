use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tollgate_record::Placement;

/// What may be wished for; a [`Placement`] says which cores it came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Probe and gateway on one core.
    SameCore,
    /// A core each.
    TwoCores,
    /// Whatever the scheduler does.
    Unpinned,
}

/// Why a placement cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// This process may not choose its cores.
    #[error("this system does not let a process choose its core; leave probe and gateway to the scheduler (unpinned)")]
    Forbidden,
    /// There is one core only.
    #[error("this process may use one core, so probe and gateway cannot have one each; take same-core or unpinned")]
    OneCore,
}

/// The cores of a wish: the gateway on the last core, since interrupts tend to go to the first.
///
/// # Errors
/// When this machine cannot give it.
pub fn place(wish: Wish) -> Result<Placement, PlacementError> {
    if wish == Wish::Unpinned {
        return Ok(Placement::Unpinned);
    }
    let mut cores = allowed_cores().map_err(|_| PlacementError::Forbidden)?.into_iter();
    let gateway = cores.next_back().ok_or(PlacementError::Forbidden)?;
    // Containers may show cores and forbid to choose one: try.
    drop(Pin::current_thread(gateway).map_err(|_| PlacementError::Forbidden)?);
    match wish {
        Wish::TwoCores => {
            let probe = cores.next().ok_or(PlacementError::OneCore)?;
            Ok(Placement::TwoCores { probe, gateway })
        }
        Wish::SameCore | Wish::Unpinned => Ok(Placement::SameCore { core: gateway }),
    }
}

/// The cores that the calling thread may run on, lowest first.
pub fn allowed_cores() -> io::Result<Vec<u32>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).map(|core| core as u32).collect())
}

/// Where to put probe and gateway: on one core if this process may choose its cores, because a request between two
/// cores costs a wake-up that is several times what a plugin costs, and that varies more than plugins differ.
pub fn decide_placement() -> Placement {
    place(Wish::SameCore).unwrap_or(Placement::Unpinned)
}

/// Where to put a load generator and the gateway: on a core each if there are two, because both are busy. Otherwise as
/// [`decide_placement`] says.
pub fn decide_load_placement() -> Placement {
    place(Wish::TwoCores).unwrap_or_else(|_| decide_placement())
}

/// Moves the calling thread to a core for good, and with it the threads and processes that it starts from then on.
pub fn pin_current_thread(core: u32) -> io::Result<()> {
    pin(None, core)
}

/// Moves a thread, or the calling one, to a core.
pub(crate) fn pin(thread: Option<Pid>, core: u32) -> io::Result<()> {
    let core = core as usize;
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(thread, &only)?)
}

/// A thread that is kept on a core; dropping it gives the thread the cores that it had before.
#[derive(Debug)]
pub struct Pin {
    before: CpuSet,
    /// It is the thread that was pinned that must be let go.
    not_send: std::marker::PhantomData<*const ()>,
}

impl Pin {
    /// Keeps the calling thread on a core until the guard is dropped.
    pub fn current_thread(core: u32) -> io::Result<Self> {
        let before = sched_getaffinity(None)?;
        pin_current_thread(core)?;
        Ok(Self { before, not_send: std::marker::PhantomData })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // What was allowed before is allowed now, unless somebody took cores away meanwhile: then stay where we are.
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_holds_and_lets_go() {
        let before = sched_getaffinity(None).unwrap();
        let Placement::SameCore { core } = decide_placement() else {
            eprintln!("skipped: this system does not let a process choose its cores");
            return;
        };
        assert_eq!(sched_getaffinity(None).unwrap(), before, "deciding must not move the caller");
        let pin = Pin::current_thread(core).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        assert_eq!(rustix::thread::sched_getcpu(), core as usize);
        drop(pin);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }

    #[test]
    fn load_has_a_core_of_its_own_where_there_are_two() {
        let cores = sched_getaffinity(None).unwrap().count();
        match (decide_placement(), decide_load_placement()) {
            (Placement::SameCore { core }, Placement::TwoCores { probe, gateway }) => {
                assert!(cores > 1 && gateway == core && probe != gateway);
            }
            (one, other) => assert!(one == other && (cores == 1 || one == Placement::Unpinned), "{one:?} {other:?}"),
        }
    }

    #[test]
    fn a_wish_is_granted_or_refused_with_a_remedy() {
        assert_eq!(place(Wish::Unpinned), Ok(Placement::Unpinned));
        let cores = sched_getaffinity(None).unwrap().count();
        match (place(Wish::SameCore), place(Wish::TwoCores)) {
            (Ok(Placement::SameCore { core }), Ok(Placement::TwoCores { probe, gateway })) => {
                assert!(cores > 1 && core == gateway && probe != gateway);
            }
            (Ok(Placement::SameCore { .. }), Err(error)) => {
                assert!(cores == 1 && error.to_string().contains("same-core"), "{error}");
            }
            (same, two) => {
                assert!(same == Err(PlacementError::Forbidden) && two.is_err(), "{same:?} {two:?}");
            }
        }
        // On one core, a core each is refused.
        if let Ok(Placement::SameCore { core }) = place(Wish::SameCore) {
            let _pin = Pin::current_thread(core).unwrap();
            assert_eq!(place(Wish::TwoCores), Err(PlacementError::OneCore));
        }
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error() {
        assert!(Pin::current_thread(u32::MAX).is_err());
        assert!(Pin::current_thread(CpuSet::MAX_CPU as u32 - 1).is_err());
    }
}
