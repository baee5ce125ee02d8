//! The record of a Tollgate run: environment, plan, counters and measurements, in one versioned file.
//!
//! A leaf crate: no runtime, no socket and no statistics in its tree. It keeps what was measured (histograms and
//! block medians in integer nanoseconds) and never rounds; what the figures *mean* is worked out from a record by
//! `tollgate-reports`, so that an old record can be read again by a better report.
#![deny(missing_docs)]

mod baseline;
mod cell;
mod collector;
mod counters;
mod digest;
mod environment;
mod error;
mod failure;
mod file;
mod gate;
mod histogram;
mod journal;
mod kept;
mod live_gate;
mod load;
mod memory;
mod plan;
mod prove;
mod proved;
mod record;
mod scale;
mod scenario;
mod series;

pub use baseline::{BASELINE_SCHEMA, Baseline, BaselineCell, BaselineError, BaselineKey, HOST_CALL};
pub use cell::{Artifact, Cell, CellId, Control, Mode, Phase, PluginKind, Variant};
pub use collector::Collector;
pub use counters::{Counters, Spread};
pub use environment::{Environment, Placement};
pub use error::RecordError;
pub use failure::{Failure, FailureClass};
pub use file::write_atomically;
pub use gate::{Batch, GATE_RECORD_SCHEMA, GateCell, GateEntry, GatePlan, GateProcess, GateRecord, Slowdown};
pub use histogram::Histogram;
pub use journal::{Entry, Journal, Journaled};
pub use kept::Kept;
pub use live_gate::{LiveGate, Side};
pub use load::{ArmLoad, Arrivals, Capacity, Faults, Load, Traffic, Window};
pub use memory::{Memory, MemorySample, MemorySampler, Soak};
pub use plan::{Plan, TimeBudget};
pub use prove::{CountersPlan, LivePlan, PROVE_SCHEMA, ProveEntry, ProveRecord, ProveSubject, Sitting};
pub use proved::{ChangedFigure, ProveRun, ProvedCell, ProvedCount, ProvedCounters, ProvedLive, PutIn};
pub use record::{Record, SCHEMA};
pub use scale::{Chain, Footprint, Scale, VmUse};
pub use scenario::{
    Around, Failing, FailingArm, FailingEvent, FailingKind, Outcomes, ProcessSample, Reload, Scenario, Story, Swap,
    SwapKind, SwapOutcome,
};
pub use series::Series;
