use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create};

/// A file that lives in memory only and reaches a child as `/dev/fd/N`. It cannot be left behind: not even a
/// SIGKILL of both processes leaves anything on a disk.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: File,
}

impl MemoryFile {
    /// A file with these bytes; it stays out of children that do not ask for it.
    pub(crate) fn new(name: &str, bytes: &[u8]) -> io::Result<Self> {
        let fd: OwnedFd = memfd_create(name, MemfdFlags::CLOEXEC)?;
        let mut file = File::from(fd);
        file.write_all(bytes)?;
        Ok(Self { file })
    }

    /// Its number, the same in a child that inherits it.
    pub(crate) fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Its path for a child that inherits it.
    pub(crate) fn path(&self) -> String {
        format!("/dev/fd/{}", self.fd())
    }

    /// What has been written into it by now.
    pub(crate) fn read(&self) -> io::Result<String> {
        let mut bytes = vec![0; usize::try_from(self.file.metadata()?.len()).unwrap_or(0)];
        let read = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
