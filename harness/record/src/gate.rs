use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::fnv1a;
use crate::file::{parse_record, read_file, write_record};
use crate::{Artifact, CellId, Environment, Failure, Journal, Journaled, Placement, RecordError};

/// Name and version of the format of a gate's record. A reader refuses any other.
pub const GATE_RECORD_SCHEMA: &str = "tollgate/gate-record/1";

/// What an in-process gate measured. All figures that its verdict comes from are whole numbers, so that the same file
/// gives the same verdict everywhere, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRecord {
    /// Always [`GATE_RECORD_SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub tollgate_version: String,
    /// The command that repeats the run.
    pub command_line: Vec<String>,
    /// When the run began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When it ended; none when it did not end by itself.
    pub finished_unix_ms: Option<u64>,
    /// Whether it was stopped before it was done.
    pub interrupted: bool,
    /// The machine and the programs.
    pub environment: Environment,
    /// Where it ran.
    pub placement: Placement,
    /// Base in words: its file's name.
    pub base: String,
    /// Head in words: its file's name.
    pub head: String,
    /// What the run set out to do, and how it is judged.
    pub plan: GatePlan,
    /// All cells of the plan, measured or failed.
    pub cells: Vec<GateCell>,
    /// Digest of plan and cells, so that what was edited or damaged is not judged. Empty in memory; see
    /// [`GateRecord::write`].
    #[serde(default)]
    pub digest: String,
}

/// What a gate sets out to do, written down before anything is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatePlan {
    /// Seed of every shuffle.
    pub seed: u64,
    /// Fresh processes for each cell.
    pub processes: u32,
    /// Further ones that confirm what the first ones flag; none for as many as those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_processes: Option<u32>,
    /// How often each process makes its arms anew, each time elsewhere in memory.
    pub layouts: u32,
    /// Blocks that it keeps of each.
    pub blocks_per_layout: u32,
    /// Rounds in a block.
    pub rounds_per_block: u32,
    /// About how long a batch of requests takes, in nanoseconds.
    pub batch_ns: u64,
    /// Changes smaller than this share of base do not matter, in parts per million.
    pub margin_ppm: u32,
    /// Chance of a false alarm that is allowed, over all cells and before confirmation, in parts per million.
    pub alpha_ppm: u32,
    /// The same of a confirmation, for its cell.
    pub confirm_alpha_ppm: u32,
    /// Chance that is allowed of taking what differs by the margin for equivalent, in parts per million.
    pub equivalence_alpha_ppm: u32,
    /// Whether each side ran in processes of its own, batch by batch in turn, because the sides are two builds of the
    /// harness: one process of the plan is then one for each arm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

impl GatePlan {
    /// Fresh processes that confirm what the first ones flag.
    pub fn confirming(&self) -> u32 {
        self.confirm_processes.unwrap_or(self.processes)
    }

    /// Whether anything can be measured and said by it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { processes, layouts, blocks_per_layout, margin_ppm, .. } = *self;
        if processes == 0 || layouts == 0 || blocks_per_layout == 0 || margin_ppm == 0 || margin_ppm >= 1_000_000 {
            return Err("its plan is none: no processes, no blocks or no margin".to_owned());
        }
        if self.confirming() == 0 {
            return Err("its plan confirms nothing".to_owned());
        }
        let alphas = [self.alpha_ppm, self.confirm_alpha_ppm, self.equivalence_alpha_ppm];
        if alphas.iter().any(|&alpha| alpha == 0 || alpha >= 1_000_000) {
            return Err("its plan allows no chance of error, or any".to_owned());
        }
        Ok(())
    }
}

/// A cell with what its processes measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateCell {
    /// What names it; the plugin's name is head's.
    pub id: CellId,
    /// Base's bytes.
    pub base: Artifact,
    /// Head's bytes.
    pub head: Artifact,
    /// The known slowdown; none when nothing can be put into the plugin.
    pub slowdown: Option<Slowdown>,
    /// One for each fresh process.
    pub processes: Vec<GateProcess>,
    /// The same of the confirmation; empty unless the first ones flagged the cell.
    pub confirmation: Vec<GateProcess>,
    /// Why there is no figure.
    pub error: Option<Failure>,
}

impl GateCell {
    /// Whether that process of the batch is done.
    pub fn has(&self, batch: Batch, number: u32) -> bool {
        let processes = match batch {
            Batch::First => &self.processes,
            Batch::Confirmation => &self.confirmation,
        };
        processes.iter().any(|process| process.number == number)
    }
}

/// A known amount of work that was put into head, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slowdown {
    /// Turns of an empty loop in each request.
    pub turns: u32,
    /// What they should cost, as a share of a request, in parts per million: by a calibration before the run.
    pub expected_ppm: u32,
    /// Fuel of a request of head, or its Lua instructions, where they are counted.
    pub head_spent: Option<u64>,
    /// The same of head slowed down: an independent count of what was put in.
    pub slowed_spent: Option<u64>,
}

/// What one fresh process measured: for each block the round of median ratio, as nanoseconds of its two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateProcess {
    /// Number of the process, from 0.
    pub number: u32,
    /// Requests in a batch; each of the durations below is that of two batches.
    pub requests_per_batch: u64,
    /// How long the process lived, in milliseconds.
    pub took_ms: u32,
    /// Base and head.
    pub change: Vec<[u64; 2]>,
    /// Base and base again: must not differ.
    pub same: Vec<[u64; 2]>,
    /// Head and head slowed down: must differ.
    pub slowed: Vec<[u64; 2]>,
}

/// Which processes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    /// Those that every cell has.
    First,
    /// Those that confirm what the first ones flagged.
    Confirmation,
}

/// One line of a gate's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateEntry {
    /// The run with its plan and its cells, of which nothing is measured.
    Begin(Box<GateRecord>),
    /// A process that is done.
    Process {
        /// The cell.
        cell: CellId,
        /// Which of its processes.
        batch: Batch,
        /// What it measured.
        process: GateProcess,
    },
    /// A cell failed. The first failure of a cell is the one that is kept.
    Failure {
        /// The cell.
        cell: CellId,
        /// What happened.
        failure: Failure,
    },
    /// The run is over.
    End {
        /// When, milliseconds since 1970.
        finished_unix_ms: u64,
        /// Whether it was stopped before it was done.
        interrupted: bool,
        /// The environment with what only the end of a run knows.
        environment: Box<Environment>,
    },
}

impl Journaled for GateRecord {
    type Entry = GateEntry;

    const SCHEMA: &'static str = GATE_RECORD_SCHEMA;

    fn schema(&self) -> &str {
        &self.schema
    }

    fn started_unix_ms(&self) -> u64 {
        self.started_unix_ms
    }

    fn begin(self) -> GateEntry {
        GateEntry::Begin(Box::new(self))
    }

    fn begun(entry: GateEntry) -> Option<Self> {
        match entry {
            GateEntry::Begin(begin) => Some(Self { interrupted: true, ..*begin }),
            _ => None,
        }
    }

    fn apply(&mut self, entry: GateEntry) {
        match entry {
            GateEntry::Begin(_) => {}
            GateEntry::Process { cell, batch, process } => {
                if let Some(cell) = self.cells.iter_mut().find(|known| known.id == cell) {
                    let known = match batch {
                        Batch::First => &mut cell.processes,
                        Batch::Confirmation => &mut cell.confirmation,
                    };
                    // A process is one replicate, however often it had to be begun.
                    if known.iter().all(|other| other.number != process.number) {
                        known.push(process);
                    }
                }
            }
            GateEntry::Failure { cell, failure } => {
                if let Some(cell) = self.cells.iter_mut().find(|known| known.id == cell) {
                    cell.error.get_or_insert(failure);
                }
            }
            GateEntry::End { finished_unix_ms, interrupted, environment } => {
                self.finished_unix_ms = Some(finished_unix_ms);
                self.interrupted = interrupted;
                self.environment = *environment;
            }
        }
    }
}

impl GateRecord {
    /// Reads a gate's record; a journal (`*.jsonl`) is read as the record that it adds up to.
    ///
    /// # Errors
    /// It is no such record, of another version, damaged, edited, or cannot have come from a measurement.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Understands what the file at `path` holds.
    ///
    /// # Errors
    /// As [`GateRecord::read`].
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, RecordError> {
        let unsound = |what: String| RecordError::Unsound { path: path.to_owned(), what };
        let mut record: Self = parse_record(path, text)?;
        if !Journal::<Self>::is_one(path) && record.digest != record.digest_of_figures() {
            return Err(unsound("plan or cells are not those that were written".to_owned()));
        }
        record.check().map_err(unsound)?;
        record.digest.clear();
        Ok(record)
    }

    /// Writes the record with its digest, all or nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_record(path, self.to_vec())
    }

    /// What [`GateRecord::write`] writes: the record with its digest.
    ///
    /// # Errors
    /// A number of the environment is none that JSON has.
    pub fn to_vec(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Self { digest: self.digest_of_figures(), ..self.clone() })
    }

    /// Of plan, cells and both sides.
    fn digest_of_figures(&self) -> String {
        let bytes = serde_json::to_vec(&(&self.plan, &self.cells, &self.base, &self.head));
        format!("fnv1a:{}", fnv1a(&bytes.unwrap_or_default()))
    }

    /// Whether a measurement can have given this.
    fn check(&self) -> Result<(), String> {
        self.plan.check()?;
        let GatePlan { processes, layouts, blocks_per_layout, .. } = self.plan;
        let blocks = layouts.saturating_mul(blocks_per_layout);
        for (index, cell) in self.cells.iter().enumerate() {
            if self.cells[..index].iter().any(|other| other.id == cell.id) {
                return Err(format!("it has the cell {} twice", cell.id));
            }
            for (known, planned) in [(&cell.processes, processes), (&cell.confirmation, self.plan.confirming())] {
                check_processes(known, planned, blocks).map_err(|what| format!("{}: {what}", cell.id))?;
            }
        }
        Ok(())
    }
}

fn check_processes(known: &[GateProcess], processes: u32, blocks: u32) -> Result<(), String> {
    for (index, process) in known.iter().enumerate() {
        if process.number >= processes || known[..index].iter().any(|other| other.number == process.number) {
            return Err(format!("process {} is there twice, or was never planned", process.number));
        }
        for pairs in [&process.change, &process.same, &process.slowed] {
            // The slowed side is missing where nothing could be slowed down.
            let is_absent = std::ptr::eq(pairs, &process.slowed) && pairs.is_empty();
            if pairs.len() != blocks as usize && !is_absent {
                return Err(format!("process {} has {} blocks and not {blocks}", process.number, pairs.len()));
            }
            if pairs.iter().flatten().any(|&ns| ns == 0) {
                return Err(format!("process {} has a request that took no time", process.number));
            }
        }
    }
    Ok(())
}
