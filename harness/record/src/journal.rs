use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::file::read_file;
use crate::{
    Cell, CellId, Counters, Environment, Failure, Load, Record, RecordError, Scenario, Series, Soak, write_atomically,
};

/// One line of a journal. A record is what its entries add up to, so that a run that is killed loses nothing finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The run with its plan, and what was there when it was taken up again; otherwise it has no cells yet.
    Begin(Box<Record>),
    /// A cell of the plan, before it is measured.
    Cell(Box<Cell>),
    /// What one start measured of a cell.
    Series {
        /// The cell.
        cell: CellId,
        /// What was measured.
        series: Series,
    },
    /// Exact figures of a cell.
    Counters {
        /// The cell.
        cell: CellId,
        /// The figures.
        counters: Counters,
    },
    /// What became of a cell's memory in a soak.
    Soak {
        /// The cell.
        cell: CellId,
        /// Samples and end.
        soak: Soak,
    },
    /// What one rate of requests did to a gateway.
    Load(Box<Load>),
    /// What happened to requests while something happened to plugins.
    Scenario(Box<Scenario>),
    /// How a cell was shown to do its work.
    Proof {
        /// The cell.
        cell: CellId,
        /// In words.
        proof: String,
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

/// What a journal can add up to.
pub trait Journaled: Clone {
    /// One line of its journal.
    type Entry: Serialize + DeserializeOwned;

    /// Name and version of its format.
    const SCHEMA: &'static str;

    /// What the record itself says of that.
    fn schema(&self) -> &str;

    /// When the run began, milliseconds since 1970.
    fn started_unix_ms(&self) -> u64;

    /// The first line.
    fn begin(self) -> Self::Entry;

    /// What the first line begins, as it stands if nothing follows: interrupted. None for any other line.
    fn begun(entry: Self::Entry) -> Option<Self>;

    /// Adds a further line.
    fn apply(&mut self, entry: Self::Entry);
}

/// A record in the making: every entry is appended to a file and flushed before the next thing is measured.
#[derive(Debug)]
pub struct Journal<R = Record> {
    path: PathBuf,
    file: File,
    record: R,
}

impl<R: Journaled> Journal<R> {
    /// Starts a journal at `path` and keeps it locked. The journal of a run that was killed is all that there is of
    /// that run: it is moved aside, to the name that is returned.
    pub fn create(path: &Path, begin: R) -> Result<(Self, Option<PathBuf>), RecordError> {
        let write = |source| RecordError::Write { path: path.to_owned(), source };
        let open = || OpenOptions::new().create(true).append(true).open(path).map_err(write);
        let mut file = open()?;
        lock(path, &file)?;
        let mut aside = None;
        if file.metadata().map_err(write)?.len() > 0 {
            let name = format!("journal-before-{}.jsonl", begin.started_unix_ms());
            let other = path.with_file_name(name);
            fs::rename(path, &other).map_err(write)?;
            file = open()?;
            lock(path, &file)?;
            aside = Some(other);
        }
        let mut journal = Self { path: path.to_owned(), file, record: begin.clone() };
        journal.write(&begin.begin())?;
        Ok((journal, aside))
    }

    /// Takes up the journal at `path` again, with `record` as what it adds up to. The file is replaced in one step, so that
    /// a kill leaves the one or the other; without a file there (the run was stopped in order) one is made.
    pub fn reopen(path: &Path, record: R) -> Result<Self, RecordError> {
        let write = |source| RecordError::Write { path: path.to_owned(), source };
        let open = || OpenOptions::new().create(true).append(true).open(path).map_err(write);
        // As long as somebody has the old one, it is still written.
        let old = open()?;
        lock(path, &old)?;
        let parse = |source| RecordError::Parse { path: path.to_owned(), source };
        let mut line = serde_json::to_vec(&record.clone().begin()).map_err(parse)?;
        line.push(b'\n');
        write_atomically(path, &line)?;
        let file = open()?;
        lock(path, &file)?;
        Ok(Self { path: path.to_owned(), file, record })
    }

    /// Appends an entry and flushes it.
    pub fn append(&mut self, entry: R::Entry) -> Result<(), RecordError> {
        self.write(&entry)?;
        self.record.apply(entry);
        Ok(())
    }

    /// What the entries add up to by now.
    pub fn record(&self) -> &R {
        &self.record
    }

    /// Reads what a journal adds up to. A last line that was cut off by a kill is left out; without an `End` the
    /// record says that it was interrupted.
    pub fn read(path: &Path) -> Result<R, RecordError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Whether a file's name says that it is a journal.
    pub(crate) fn is_one(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "jsonl")
    }

    /// The same of what the file at `path` holds, if its name says that it is a journal.
    pub(crate) fn parse_if_one(path: &Path, text: &[u8]) -> Result<Option<R>, RecordError> {
        Self::is_one(path).then(|| Self::parse(path, text)).transpose()
    }

    fn parse(path: &Path, text: &[u8]) -> Result<R, RecordError> {
        let mut lines = text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n').peekable();
        let mut record: Option<R> = None;
        while let Some(line) = lines.next() {
            let entry: R::Entry = match serde_json::from_slice(line) {
                Ok(entry) => entry,
                Err(_) if lines.peek().is_none() => break,
                Err(source) => return Err(RecordError::Parse { path: path.to_owned(), source }),
            };
            match &mut record {
                Some(record) => record.apply(entry),
                None => record = R::begun(entry),
            }
            if record.is_none() {
                break;
            }
        }
        record.ok_or_else(|| RecordError::Empty { path: path.to_owned() })
    }

    fn write(&mut self, entry: &R::Entry) -> Result<(), RecordError> {
        let mut line =
            serde_json::to_vec(entry).map_err(|source| RecordError::Parse { path: self.path.clone(), source })?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.flush())
            .map_err(|source| RecordError::Write { path: self.path.clone(), source })
    }
}

/// A journal belongs to one run. File systems without locks are taken as they are.
fn lock(path: &Path, file: &File) -> Result<(), RecordError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(RecordError::Locked { path: path.to_owned() }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

impl Journaled for Record {
    type Entry = Entry;

    const SCHEMA: &'static str = crate::SCHEMA;

    fn schema(&self) -> &str {
        &self.schema
    }

    fn started_unix_ms(&self) -> u64 {
        self.started_unix_ms
    }

    fn begin(self) -> Entry {
        Entry::Begin(Box::new(self))
    }

    fn begun(entry: Entry) -> Option<Self> {
        match entry {
            Entry::Begin(begin) => Some(Self { interrupted: true, ..*begin }),
            _ => None,
        }
    }

    fn apply(&mut self, entry: Entry) {
        apply(self, entry);
    }
}

fn apply(record: &mut Record, entry: Entry) {
    let cell_of = |record: &mut Record, id: &CellId| record.cells.iter().position(|cell| &cell.id == id);
    match entry {
        Entry::Begin(_) => {}
        Entry::Cell(cell) => match cell_of(record, &cell.id) {
            Some(index) => record.cells[index] = *cell,
            None => record.cells.push(*cell),
        },
        Entry::Series { cell, series } => {
            if let Some(index) = cell_of(record, &cell) {
                let known = &mut record.cells[index].series;
                // A start is one replicate, however often it had to be begun.
                if known.iter().all(|other| other.start != series.start) {
                    known.push(series);
                }
            }
        }
        Entry::Counters { cell, counters } => {
            if let Some(index) = cell_of(record, &cell) {
                record.cells[index].counters = Some(counters);
            }
        }
        Entry::Soak { cell, soak } => {
            if let Some(index) = cell_of(record, &cell) {
                record.cells[index].soak = Some(soak);
            }
        }
        Entry::Load(load) => record.loads.push(*load),
        Entry::Scenario(scenario) => record.scenarios.push(*scenario),
        Entry::Proof { cell, proof } => {
            if let Some(index) = cell_of(record, &cell) {
                record.cells[index].proof = Some(proof);
            }
        }
        Entry::Failure { cell, failure } => {
            if let Some(index) = cell_of(record, &cell) {
                record.cells[index].error.get_or_insert(failure);
            }
        }
        Entry::End { finished_unix_ms, interrupted, environment } => {
            record.finished_unix_ms = Some(finished_unix_ms);
            record.interrupted = interrupted;
            record.environment = *environment;
        }
    }
}
