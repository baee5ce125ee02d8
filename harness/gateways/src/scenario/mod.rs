//! What happens to requests while something happens to plugins: they are exchanged, they fail, or there are many.
//!
//! In the first two the load comes from [`crate::load`] on a thread of its own, and each request's end is noted; what is done to the
//! gateway is done from the thread that calls. The two are put together when the load is over.

mod failure;
mod process;
mod reload;
mod scale;
mod swapper;
mod swapping;
mod timeline;

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_fixtures::{Plugin, Workload, workload};
use tollgate_record::{Arrivals, CellId, Failure, Mode, Phase, PluginKind, Traffic};

pub use failure::failure;
pub use reload::reload;
pub use scale::{ScalePlan, scale};

use crate::envoy::SwappingEnvoy;
use crate::load::{Ended, LoadPlan, Target};
use crate::{Arm, GatewayError, Options};
use timeline::{Note, Shown};

/// The gateway that can do all of this.
const GATEWAY: &str = "envoy";
/// Pause between two looks at what answers say; far below what a swap takes.
const LOOK: Duration = Duration::from_millis(1);

/// Latency below which nothing waits any more.
const SETTLED_NS: u64 = 50_000_000;
/// How long requests that wait are waited for at most.
const SETTLE: Duration = Duration::from_secs(10);

/// The load of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioLoad {
    /// Requests a second, all arms together; above zero.
    pub rate: f64,
    /// Connections to each arm.
    pub connections: usize,
    /// How long, at least: what was begun is brought to its end.
    pub duration: Duration,
    /// Seed of the order of arms and plugins.
    pub seed: u64,
}

/// How far a scenario has got, for who waits for it.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioProgress<'a> {
    /// How much of the planned time is over.
    pub elapsed: Duration,
    /// What is going on.
    pub doing: &'a str,
}

/// Is told how far a scenario has got, some times a second; `Break` ends it, and what was measured by then is returned.
pub type Watcher<'a> = &'a mut dyn FnMut(ScenarioProgress<'_>) -> ControlFlow<()>;

/// Why a scenario ends before its time.
enum End {
    /// The watcher has asked for it.
    Stopped,
    /// The gateway has failed.
    Failed(GatewayError),
}

impl From<GatewayError> for End {
    fn from(error: GatewayError) -> Self {
        Self::Failed(error)
    }
}

impl End {
    /// As it stands in the record; a stop is no failure.
    fn into_failure(self) -> Option<Failure> {
        match self {
            Self::Stopped => None,
            Self::Failed(error) => Some(error.into_failure()),
        }
    }
}

/// What the thread of the load and that which acts on the gateway share.
#[derive(Debug, Default)]
struct Shared {
    /// When the schedule of the load begins.
    begin: OnceLock<Instant>,
    /// Set to end the load.
    stop: AtomicBool,
    /// Whether the load has ended.
    is_over: AtomicBool,
    /// Latency of the last request that ended, from its planned time, nanoseconds.
    behind_ns: AtomicU64,
}

impl Shared {
    /// Waits for the first request that came to its end; none when the load ended without one.
    fn begin(&self) -> Option<Instant> {
        loop {
            if let Some(begin) = self.begin.get() {
                return Some(*begin);
            }
            if self.is_over.load(Ordering::Acquire) {
                return None;
            }
            thread::sleep(LOOK);
        }
    }
}

impl Shared {
    /// Waits until requests have no others before them that wait, or for a while.
    fn settle(&self) {
        let begin = Instant::now();
        while self.behind_ns.load(Ordering::Relaxed) > SETTLED_NS && begin.elapsed() < SETTLE {
            thread::sleep(LOOK);
        }
    }
}

/// Tells the watcher.
struct Teller<'a> {
    begin: Instant,
    doing: String,
    watcher: Watcher<'a>,
}

impl Teller<'_> {
    /// How far it is; whether to go on.
    fn tell(&mut self, shared: &Shared) -> Result<(), End> {
        let is_over = shared.is_over.load(Ordering::Acquire);
        match (self.watcher)(ScenarioProgress { elapsed: self.begin.elapsed(), doing: &self.doing }) {
            ControlFlow::Continue(()) if !is_over => Ok(()),
            _ => Err(End::Stopped),
        }
    }
}

/// What came of a load.
struct Loaded {
    /// When its schedule began.
    begin: Instant,
    traffic: Vec<Traffic>,
    /// In the order in which requests came to their ends.
    notes: Vec<Note>,
}

/// Why a scenario ended early, for its record: a gateway that is dead has failed, whatever else was seen.
fn failure_of(envoy: &mut SwappingEnvoy, end: Option<End>) -> Option<Failure> {
    match envoy.check_alive() {
        Err(error) => Some(error.into_failure()),
        Ok(()) => end.and_then(End::into_failure),
    }
}

/// Sends the load until `act` is done, from a thread of its own. `show` says of each request what its answer shows. `act`
/// gets what both share, and when the load began.
fn under_load(
    targets: &[Target],
    load: &ScenarioLoad,
    options: &Options,
    window: Duration,
    show: &(dyn Fn(&Ended<'_>) -> Shown + Sync),
    act: impl FnOnce(&Shared, Instant) -> Result<(), End>,
) -> Result<(Loaded, Option<End>), GatewayError> {
    let plan = LoadPlan {
        rate: load.rate,
        arrivals: Arrivals::Fixed,
        // Until it is told to stop.
        duration: Duration::from_secs(86_400),
        connections: load.connections,
        seed: load.seed,
        core: options.probe_core,
        window: Some(window),
        ..LoadPlan::default()
    };
    // All of it beforehand, because to make room takes time that requests would wait for.
    let expected = (load.rate * load.duration.as_secs_f64() * 1.1) as usize + 10_000;
    let shared = Shared::default();
    thread::scope(|scope| {
        let sending = thread::Builder::new().name("load".to_owned()).spawn_scoped(scope, || {
            let mut notes = Vec::with_capacity(expected);
            let mut on_ended = |ended: &Ended<'_>| {
                let begin = *shared.begin.get_or_init(|| ended.intended);
                let note = Note::of(ended, begin, show(ended));
                shared.behind_ns.store(note.ended_ns.saturating_sub(note.intended_ns), Ordering::Relaxed);
                notes.push(note);
            };
            let traffic = crate::load::run(targets, &plan, &shared.stop, &mut on_ended);
            shared.is_over.store(true, Ordering::Release);
            traffic.map(|traffic| (traffic, notes))
        });
        let sending = sending.map_err(GatewayError::system("start the thread of the load"))?;
        let begin = shared.begin();
        let end = begin.and_then(|begin| act(&shared, begin).err());
        if end.is_none() {
            shared.settle();
        }
        shared.stop.store(true, Ordering::Relaxed);
        let (traffic, notes) = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((Loaded { begin: begin.unwrap_or_else(Instant::now), traffic, notes }, end))
    })
}

/// The version that Envoy gives of itself; empty when it gives none.
fn version(options: &Options) -> String {
    crate::gateway(GATEWAY).and_then(|envoy| envoy.version(options).ok()).unwrap_or_default()
}

/// An arm of Envoy with a plugin, or none, and so many operations.
pub(crate) fn arm(name: &str, plugin: Option<&Plugin>, operations: u32, workload: &Workload) -> Arm {
    let id = CellId {
        mode: Mode::Live,
        host: GATEWAY.to_owned(),
        plugin: name.to_owned(),
        workload: workload.name.clone(),
        phase: Phase::Request,
    };
    let workload = Workload { operations, config: operations.to_string().into_bytes(), ..workload.clone() };
    Arm { id, plugin: plugin.cloned(), workload, chain: 1 }
}

/// Whether plugins of a kind come out of a file that Envoy can read again.
pub fn can_exchange(kind: PluginKind) -> bool {
    matches!(kind, PluginKind::Lua | PluginKind::ProxyWasm)
}

/// The workload that all scenarios use.
fn headers() -> &'static Workload {
    workload("headers").expect("it is in the catalogue, and a test asks for it")
}
