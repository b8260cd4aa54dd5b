//! The few calls on files that this room makes, so that a simulation can answer them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::runtime::private;

/// Files in folders. All calls block.
///
/// Contract: bytes are durable when [`Disk::write`] and [`Disk::append`] return, names (of new and renamed files) when
/// [`Disk::sync_folder`] does. A crash in the middle of a call leaves any part of it done.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Bytes of a file; `None` if there is no such file.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;
    /// At most `most` bytes of a file from `at` on.
    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>>;
    /// Makes a file of these bytes; what was in it is gone.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Adds bytes at the end of a file, which is made if it is not there.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file after so many bytes.
    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// Gives a file another name in the same folder; a file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes a folder and those it is in, as far as they are not there.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The files of the system, for their owner alone; a symbolic link is no file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Disk for Local {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let found = private::metadata(path)?;
        Ok(found.map(|found| found.len()))
    }

    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = private::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = private::replace(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = private::append(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = private::update(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        private::folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}
