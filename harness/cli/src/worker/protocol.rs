//! What parent and worker say to each other: one JSON value a line, the job on the worker's stdin, messages on its
//! stdout. A worker whose stdin ends has lost its parent and exits.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tollgate_hosts::Repeated;
use tollgate_record::{CellId, Counters, Failure, Load, Placement, Series, Soak};

use super::arm::WorkerArm;
use super::load::LoadSteps;
use crate::args::GatewayArgs;
use crate::urls::UrlJob;

/// Version of what parent and worker say to each other: of [`Job`], [`Step`] and [`Message`]. To be counted up with whatever
/// another build would not understand, because a gate compares two builds.
pub(crate) const PROTOCOL: u32 = 1;

/// What a worker is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Every arm once, its effects compared.
    Verify {
        arms: Vec<WorkerArm>,
        /// Where processes of this very build keep machine code, in a folder of our parent that nobody else can write. Never
        /// for another build.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<PathBuf>,
    },
    /// So many requests of each arm, counted.
    Repeat { arms: Vec<WorkerArm>, requests: u64 },
    /// One arm alone, its memory watched.
    Soak {
        arm: Box<WorkerArm>,
        duration_ms: u64,
        /// Core to run on once everything is compiled.
        core: Option<u32>,
    },
    /// One start of all arms.
    Measure {
        arms: Vec<WorkerArm>,
        start: u32,
        seed: u64,
        duration_ms: u64,
        rounds_per_block: u32,
        requests_per_batch: u64,
        /// Core to run on once everything is compiled.
        core: Option<u32>,
    },
    /// A few arms against each other, in mirrored rounds.
    Mirrored(MirroredJob),
    /// One arm alone, batch by batch as [`Step`]s on stdin ask for.
    Stepped(Box<SteppedJob>),
    /// The arm's machine code into a file.
    Precompile { arm: Box<WorkerArm>, to: PathBuf },
    /// So long at gateways that somebody else runs.
    Urls { urls: UrlJob, start: u32, seed: u64, duration_ms: u64, rounds_per_block: u32 },
    /// One start of a gateway with all arms: the probe is in the worker, and so is the embedded gateway.
    Live {
        arms: Vec<WorkerArm>,
        gateway: String,
        start: u32,
        seed: u64,
        duration_ms: u64,
        rounds_per_block: u32,
        options: GatewayArgs,
        placement: Placement,
    },
    /// Gateways that somebody else runs, under load.
    LoadUrls { urls: UrlJob, steps: LoadSteps },
    /// One start of a gateway with all arms, under load.
    Load { arms: Vec<WorkerArm>, gateway: String, steps: LoadSteps, options: GatewayArgs },
}

/// A replicate of a gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MirroredJob {
    pub(crate) arms: Vec<MirroredArm>,
    /// Arms, by their place, that are compared: the first is what the second is compared with.
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) seed: u64,
    pub(crate) layouts: u32,
    pub(crate) longest_ms: u64,
    pub(crate) blocks_per_layout: u32,
    pub(crate) rounds_per_block: u32,
    pub(crate) batch_ns: u64,
    /// Core to run on once everything is compiled.
    pub(crate) core: Option<u32>,
}

/// An arm that waits to be told what to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SteppedJob {
    pub(crate) arm: MirroredArm,
    pub(crate) seed: u64,
    /// Core to run on once everything is compiled.
    pub(crate) core: Option<u32>,
}

/// What such an arm is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Step {
    /// To come to life anew, for batches of so many requests, or of as many as take about that long.
    Renew { requests: Option<u64>, batch_ns: u64 },
    /// To handle a batch.
    Batch { requests: u64 },
}

/// An arm and its machine code, where it was compiled before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MirroredArm {
    pub(crate) arm: WorkerArm,
    /// In a folder of our parent that nobody else can write.
    pub(crate) code: Option<PathBuf>,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// It begins with this cell: if nothing more is heard, this cell is to blame.
    Doing(CellId),
    /// The cell's effects are those expected.
    Verified { cell: CellId, counters: Counters, proof: String },
    /// What the cell's requests counted.
    Repeated { cell: CellId, repeated: Repeated },
    /// Sign of life while requests are repeated.
    Repeating,
    /// Sign of life while an arm is soaked, with the requests so far.
    Soaking { requests: u64 },
    /// What became of the arm's memory; none when the host does not know it.
    Soaked(Option<Soak>),
    /// The cell failed; the others go on.
    Failed { cell: CellId, failure: Failure },
    /// While rounds run: the arm that is at work now, however long it takes. No sign of life.
    At(CellId),
    /// How long a fresh instance took, in nanoseconds.
    Lifecycle { cell: CellId, compile_ns: u64, instantiate_ns: u64, first_request_ns: u64 },
    /// Sign of life while rounds run, with the latest added latency in nanoseconds per request.
    Progress { cell: CellId, added_ns: Option<f64> },
    /// What was measured of the cell.
    Series { cell: CellId, series: Series },
    /// What came of the cell on a gateway: what was measured, and its proof or why there is none.
    Live { cell: CellId, series: Option<Series>, proof: Result<String, Failure> },
    /// What one rate did to a gateway.
    Load(Box<Load>),
    /// For each pair and block, nanoseconds of its two arms.
    Mirrored { requests_per_batch: u64, pairs: Vec<Vec<[u64; 2]>> },
    /// The arm came to life anew.
    Renewed { requests_per_batch: u64 },
    /// Nanoseconds of a batch.
    Timed { ns: u64 },
    /// Whether the arm's host keeps machine code, and so has written it.
    Precompiled { written: bool },
    /// The job is done.
    Done,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tollgate_record::{Mode, Phase};

    use super::*;
    use crate::arm::Arm;

    /// Names of fields and kinds of values, in order.
    fn shape(value: &Value) -> String {
        match value {
            Value::Null => "-".to_owned(),
            Value::Bool(_) => "b".to_owned(),
            Value::Number(_) => "n".to_owned(),
            Value::String(_) => "s".to_owned(),
            Value::Array(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}:{}", shape(value)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn what_two_builds_say_to_each_other_is_counted_up_when_it_changes() {
        let [host, plugin, name] = ["wasmtime", "boundary", "headers"].map(str::to_owned);
        let id = CellId { mode: Mode::InProcess, host, plugin, workload: name, phase: Phase::Request };
        let mut workload = tollgate_fixtures::workload("headers").unwrap().clone();
        workload.request_body = vec![1];
        workload.response_body = vec![1];
        let mut plugin = tollgate_fixtures::plugin("boundary").unwrap().clone();
        plugin.path = Some("x".into());
        let arm = WorkerArm::from(&Arm { id: id.clone(), plugin: Some(plugin), workload });
        let mirrored = MirroredArm { arm: arm.clone(), code: Some("x".into()) };
        let jobs = [
            Job::Verify { arms: vec![arm.clone()], code: None },
            Job::Mirrored(MirroredJob {
                arms: vec![mirrored.clone()],
                pairs: vec![(0, 1)],
                seed: 1,
                layouts: 1,
                longest_ms: 1,
                blocks_per_layout: 1,
                rounds_per_block: 1,
                batch_ns: 1,
                core: Some(1),
            }),
            Job::Stepped(Box::new(SteppedJob { arm: mirrored, seed: 1, core: Some(1) })),
            Job::Precompile { arm: Box::new(arm), to: "x".into() },
        ];
        let steps = [Step::Renew { requests: Some(1), batch_ns: 1 }, Step::Batch { requests: 1 }];
        let (failure, counters) = (Failure::plugin("measure", "x"), Counters::default());
        let messages = [
            Message::Doing(id.clone()),
            Message::Verified { cell: id.clone(), counters, proof: "x".to_owned() },
            Message::Failed { cell: id.clone(), failure },
            Message::At(id),
            Message::Repeating,
            Message::Mirrored { requests_per_batch: 1, pairs: vec![vec![[1, 1]]] },
            Message::Renewed { requests_per_batch: 1 },
            Message::Timed { ns: 1 },
            Message::Precompiled { written: true },
            Message::Done,
        ];
        let all = jobs.iter().map(serde_json::to_value).chain(steps.iter().map(serde_json::to_value));
        let all = all.chain(messages.iter().map(serde_json::to_value));
        let words = all.map(|value| shape(&value.unwrap())).collect::<Vec<_>>().join("\n");
        let digest = &tollgate_fixtures::sha256(words.as_bytes())[..16];
        // In a build that speaks otherwise, the same number would let a gate fail in the middle.
        assert_eq!(
            (PROTOCOL, digest),
            (1, "56ebfd54de8ebfd7"),
            "another wording: count PROTOCOL up, and put both here\n{words}"
        );
    }
}
