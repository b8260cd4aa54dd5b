//! The file calls of this room, as a trait that a simulation can implement.

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
    ///
    /// # Errors
    /// Those of the system.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;
    /// At most `most` bytes of a file from `at` on.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>>;
    /// Writes a file, replacing its content.
    ///
    /// # Errors
    /// Those of the system.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Appends bytes to a file. Creates it if it does not exist.
    ///
    /// # Errors
    /// Those of the system.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Truncates a file to `bytes` bytes.
    ///
    /// # Errors
    /// Those of the system.
    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// Renames a file within its folder, replacing a file of that name.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Creates a folder with its parents.
    ///
    /// # Errors
    /// Those of the system.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The files of the system, for their owner alone. Symbolic links are refused.
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
