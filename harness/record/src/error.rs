use std::path::PathBuf;

use crate::kept::kind;

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be read.
    #[error("cannot read {path}; {}", to_be_read(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is packed by gzip and cannot be unpacked.
    #[error("cannot unpack {path}; get it again, or unpack it with gzip")]
    Unpack {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}; make room or choose another folder with --out")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another run writes into the same folder.
    #[error("another run is writing {path}; wait for it, or choose another folder with --out")]
    Locked {
        /// The journal of that run.
        path: PathBuf,
    },
    /// The file is no record, or a damaged one.
    #[error(
        "{path} is not a Tollgate record or is damaged; name what a run has written (record.json, prove.json, a journal), or measure again"
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The file is of another kind, or of a version that this program does not know.
    #[error("{path} {}", other(found, expected))]
    Schema {
        /// The file.
        path: PathBuf,
        /// Schema named in the file.
        found: String,
        /// Schema of this program.
        expected: &'static str,
    },
    /// The file reads as a record, and cannot be what a measurement gave.
    #[error("{path} is damaged or was edited: {what}; measure again")]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A journal without its first line.
    #[error("{path} holds no run: its first line is missing; delete it and run again")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What helps when a file cannot be read.
pub(crate) fn to_be_read(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::IsADirectory => "it is a folder: name a file in it",
        _ => "check the path and its permissions",
    }
}

/// Why a file of one schema is not read as another.
fn other(found: &str, expected: &'static str) -> String {
    match (kind(found), kind(expected)) {
        (Some(found), Some(expected)) => {
            format!("is {found}, and {expected} is wanted here; `tollgate summary` shows records of each kind")
        }
        _ => {
            format!("has schema `{found}`, this tollgate reads `{expected}`; use the version of tollgate that wrote it")
        }
    }
}
