//! What comes out: on standard output and in the folder of `--out`. Who reads standard output may go away (`| head`), which is
//! no error of ours; a full disk is.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::status::Status;

/// Prints a line. When the reader has gone nobody sees it, and the program goes on, for it ends with its verdict all the same: a
/// gate in a pipe must not pass because `head` was quick. When the line cannot be written for another reason it ends with a
/// message.
pub(crate) fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}; send it elsewhere");
            std::process::exit(Status::Environment as i32);
        }
    }
}

/// Makes the folder of `--out`, and those that it is in.
pub(crate) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; name another with --out", folder.display()))
}

/// A folder of our own, which goes with the value.
pub(crate) fn scratch_folder(prefix: &str) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir();
    folder.context("cannot make a scratch folder; free some space there")
}
