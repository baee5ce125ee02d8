use std::path::Path;

use serde::Deserialize;

use crate::file::{Head, read_file};
use crate::{BASELINE_SCHEMA, GATE_RECORD_SCHEMA, GateRecord, PROVE_SCHEMA, ProveRecord, Record, RecordError, SCHEMA};

/// A file in which something measured is kept, whatever it is of.
#[derive(Debug)]
pub enum Kept {
    /// A run, or a gate on a live gateway.
    Run(Box<Record>),
    /// A gate in process.
    Gate(Box<GateRecord>),
    /// Runs of a gate whose right answer is known.
    Proof(Box<ProveRecord>),
}

/// Just enough of a file to tell what it is.
#[derive(Deserialize)]
struct First {
    schema: Option<String>,
    /// A journal's first line has it one level down.
    begin: Option<Head>,
}

impl Kept {
    /// Reads a record of any kind, compressed by gzip or not, or the journal (`*.jsonl`) of one.
    ///
    /// # Errors
    /// Those of the kind that the file says it is of, and those of [`Record::read`] when it says nothing.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let text = read_file(path)?;
        Ok(match schema_of(&text).as_deref() {
            Some(GATE_RECORD_SCHEMA) => Self::Gate(Box::new(GateRecord::parse(path, &text)?)),
            Some(PROVE_SCHEMA) => Self::Proof(Box::new(ProveRecord::parse(path, &text)?)),
            _ => Self::Run(Box::new(Record::parse(path, &text)?)),
        })
    }
}

/// The schema that a file names: of a journal, in its first line.
fn schema_of(text: &[u8]) -> Option<String> {
    let first = serde_json::Deserializer::from_slice(text).into_iter::<First>().next()?.ok()?;
    first.schema.or_else(|| first.begin.map(|begin| begin.schema))
}

/// What a file of that schema is.
pub(crate) fn kind(schema: &str) -> Option<&'static str> {
    Some(match schema {
        SCHEMA => "the record of a run",
        GATE_RECORD_SCHEMA => "the record of a gate in process",
        PROVE_SCHEMA => "a proof",
        BASELINE_SCHEMA => "a baseline of counters",
        _ => return None,
    })
}
