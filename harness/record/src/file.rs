use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Journal, Journaled, LiveGate, Record, RecordError};

/// How a gzip file begins (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The most that a packed file may hold, bytes: ten times the record of an hour.
const LARGEST: u64 = 512 * 1024 * 1024;

/// Just enough of a file to tell whose it is, before its fields are held to this version's.
#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) schema: String,
}

impl Record {
    /// Reads a record, compressed by gzip or not; a journal (`*.jsonl`) is read as the record that it adds up to.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Understands what the file at `path` holds.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, RecordError> {
        let record: Self = parse_record(path, text)?;
        let sound = record.plan.live_gate.as_ref().map_or(Ok(()), LiveGate::check);
        sound.map_err(|what| RecordError::Unsound { path: path.to_owned(), what })?;
        Ok(record)
    }

    /// Writes the record with [`write_atomically`].
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_record(path, serde_json::to_vec(self))
    }
}

/// What a file holds, unpacked where it begins as gzip does: thorough records are kept so.
///
/// # Errors
/// [`RecordError::Read`], and [`RecordError::Unpack`] of a damaged one or one that holds more than any record.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, RecordError> {
    let bytes = fs::read(path).map_err(|source| RecordError::Read { path: path.to_owned(), source })?;
    if bytes.starts_with(&GZIP) {
        unpack(&bytes, LARGEST).map_err(|source| RecordError::Unpack { path: path.to_owned(), source })
    } else {
        Ok(bytes)
    }
}

/// What gzip packed, if that is no more than so many bytes.
fn unpack(bytes: &[u8], largest: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).take(largest + 1).read_to_end(&mut text)?;
    if text.len() as u64 > largest {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it holds more than {largest} bytes")));
    }
    Ok(text)
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

/// What the file at `path` holds: a journal, by its name, as the record that it adds up to, and otherwise a record of its
/// schema, which is looked at before its fields are held to this version's.
pub(crate) fn parse_record<R: Journaled + DeserializeOwned>(path: &Path, text: &[u8]) -> Result<R, RecordError> {
    let parse = |source| RecordError::Parse { path: path.to_owned(), source };
    let check = |found: &str| match found == R::SCHEMA {
        true => Ok(()),
        false => Err(RecordError::Schema { path: path.to_owned(), found: found.to_owned(), expected: R::SCHEMA }),
    };
    if let Some(record) = Journal::<R>::parse_if_one(path, text)? {
        check(record.schema())?;
        return Ok(record);
    }
    let head: Head = serde_json::from_slice(text).map_err(parse)?;
    check(&head.schema)?;
    serde_json::from_slice(text).map_err(parse)
}

/// Writes a record, all or nothing.
pub(crate) fn write_record(path: &Path, text: serde_json::Result<Vec<u8>>) -> Result<(), RecordError> {
    let text = text.map_err(|source| RecordError::Parse { path: path.to_owned(), source })?;
    write_atomically(path, &text)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_packed_file_is_unpacked_up_to_a_limit_and_a_damaged_one_is_told() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[b'a'; 100_000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(unpack(&packed, 100_000).unwrap(), [b'a'; 100_000]);
        assert_eq!(unpack(&packed, 99_999).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(unpack(&packed[..packed.len() - 9], 100_000).is_err());
    }
}
