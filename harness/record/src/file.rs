use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Journal, Record, RecordError, SCHEMA};

/// Just enough of a file to tell whose it is, before its fields are held to this version's.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl Record {
    /// Reads a record; a journal (`*.jsonl`) is read as the record that it adds up to.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let text = fs::read(path).map_err(|source| RecordError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Understands what the file at `path` holds.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, RecordError> {
        let record = match Journal::parse_if_one(path, text)? {
            Some(record) => record,
            None => parse_versioned::<Self>(path, text, SCHEMA)?,
        };
        check_schema(path, &record.schema, SCHEMA)?;
        Ok(record)
    }

    /// Writes the record with [`write_atomically`].
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let text = serde_json::to_vec(self).map_err(|source| RecordError::Parse { path: path.to_owned(), source })?;
        write_atomically(path, &text)
    }
}

/// Writes a file so that a crash or a full disk leaves either the old one or the new one, never half of one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let write = |source| RecordError::Write { path: path.to_owned(), source };
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let mut file = File::create(&temporary).map_err(write)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Nothing to do if this fails too: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(write)?;
    // The rename itself is durable only once the folder is synced; some file systems refuse that, and the file is
    // whole either way.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// What the file at `path` holds, if it is of that schema: that is seen first, before its fields are held to this
/// version's.
pub(crate) fn parse_versioned<T: DeserializeOwned>(
    path: &Path,
    text: &[u8],
    schema: &'static str,
) -> Result<T, RecordError> {
    let parse = |source| RecordError::Parse { path: path.to_owned(), source };
    let head: Head = serde_json::from_slice(text).map_err(parse)?;
    check_schema(path, &head.schema, schema)?;
    serde_json::from_slice(text).map_err(parse)
}

pub(crate) fn check_schema(path: &Path, found: &str, expected: &'static str) -> Result<(), RecordError> {
    if found == expected {
        return Ok(());
    }
    Err(RecordError::Schema { path: path.to_owned(), found: found.to_owned(), expected })
}
