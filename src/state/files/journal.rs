//! The journal of one instance: one JSON record a line, appended, fsynced in groups, rotated by size.

use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Disk, Local, atomic, name_of};
use crate::model::InstanceId;
use crate::runtime::Tasks;
use crate::state::Error;

/// When the file is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes after which a new file is begun.
    pub bytes: u64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 64 << 20 }
    }
}

/// An append-only file. Many tasks append at once: whoever comes first writes and syncs for all who wait. Clones share
/// it.
#[derive(Debug, Clone)]
pub struct Journal {
    waiting: Arc<Mutex<Waiting>>,
    synced: Arc<AtomicU64>,
    tasks: Tasks,
    file: Arc<tokio::sync::Mutex<File>>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    last: u64,
}

#[derive(Debug)]
struct File {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bytes: u64,
    rotation: Rotation,
    broken: bool,
}

impl Journal {
    /// Where the journal of an instance lies.
    #[must_use]
    pub fn path(dir: &Path, instance: &InstanceId) -> PathBuf {
        dir.join(format!("instance-{}-journal.ndjson", name_of(instance)))
    }

    /// Opens the journal at `path` for appending; a last line that a crash cut is dropped first. Blocks.
    pub fn at(path: impl Into<PathBuf>, rotation: Rotation) -> io::Result<Self> {
        Self::on(&(Arc::new(Local) as _), &Tasks::new(), path, rotation)
    }

    /// As [`Journal::at`], on any disk; writes go on in `tasks`. Blocks.
    pub fn on(
        disk: &Arc<dyn Disk>,
        tasks: &Tasks,
        path: impl Into<PathBuf>,
        rotation: Rotation,
    ) -> io::Result<Self> {
        let path = path.into();
        let folder = atomic::folder(&path);
        disk.make_folder(&folder)?;
        let bytes = match disk.size(&path)? {
            None => {
                disk.write(&path, b"")?;
                0
            }
            Some(size) => {
                let whole = whole_lines(&**disk, &path, size)?;
                if whole < size {
                    disk.truncate(&path, whole)?;
                }
                whole
            }
        };
        disk.sync_folder(&folder)?;
        let file = File {
            disk: Arc::clone(disk),
            path,
            bytes,
            rotation,
            broken: false,
        };
        Ok(Self {
            waiting: Arc::default(),
            synced: Arc::default(),
            tasks: tasks.clone(),
            file: Arc::new(tokio::sync::Mutex::new(file)),
        })
    }

    /// Appends a record; returns when it is on disk.
    ///
    /// # Errors
    /// After a failed write the journal takes no more records: what is on disk is then unknown, and opening it again
    /// finds out.
    pub async fn append<T: Serialize>(&self, record: &T) -> Result<(), Error> {
        self.append_all(std::slice::from_ref(record)).await
    }

    /// Appends several records with one sync.
    pub async fn append_all<T: Serialize>(&self, records: &[T]) -> Result<(), Error> {
        self.write(records).await.map_err(Error::Journal)
    }

    async fn write<T: Serialize>(&self, records: &[T]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        let mine = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.lines.extend(lines);
            waiting.last += 1;
            waiting.last
        };
        let mut file = Arc::clone(&self.file).lock_owned().await;
        if self.synced.load(Ordering::Acquire) >= mine {
            return Ok(());
        }
        let (lines, last) = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut waiting.lines), waiting.last)
        };
        let written = self.tasks.blocking(move || file.write(&lines)).await;
        written.map_err(io::Error::other)??;
        self.synced.fetch_max(last, Ordering::AcqRel);
        Ok(())
    }
}

impl File {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write to the journal failed"));
        }
        self.broken = true;
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.rotation.bytes {
            self.rotate()?;
        }
        self.disk.append(&self.path, lines)?;
        self.bytes += lines.len() as u64;
        self.broken = false;
        Ok(())
    }

    /// Puts the file aside as `name.NNNN.ndjson` and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let aside = self.free_name()?;
        self.disk.rename(&self.path, &aside)?;
        self.disk.write(&self.path, b"")?;
        self.bytes = 0;
        self.disk.sync_folder(&atomic::folder(&self.path))
    }

    fn free_name(&self) -> io::Result<PathBuf> {
        for number in 1..u32::MAX {
            let path = atomic::beside(&self.path, &format!("{number:04}"));
            if self.disk.size(&path)?.is_none() {
                return Ok(path);
            }
        }
        Err(io::Error::other("no name left"))
    }
}

/// Bytes of a file of this size up to the end of its last whole line, looked for from the end.
fn whole_lines(disk: &dyn Disk, path: &Path, size: u64) -> io::Result<u64> {
    const PIECE: u64 = 64 << 10;
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let piece = disk.read(path, start, end - start)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The records of the journal at `path`, rotated files first, oldest first. Blocks.
///
/// # Errors
/// A line in the middle that is no record is an error; a cut last line is not.
pub fn read_journal<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let mut records = Vec::new();
    scan_journal(path, |file, number, line| {
        let record = serde_json::from_slice(line);
        records.push(record.map_err(|error| damaged(file, number, &error))?);
        Ok::<(), io::Error>(())
    })?;
    Ok(records)
}

/// What is said of a line that cannot be read.
pub fn damaged(file: &Path, number: u64, why: &dyn std::fmt::Display) -> io::Error {
    let text = format!("{} line {number}: {why}", file.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Hands over the lines of the journal at `path` one after the other, rotated files first, oldest first, each with its
/// file and number; holds one at a time. A cut last line is left out. Blocks.
///
/// # Errors
/// Those of reading, and those of `take`.
pub fn scan_journal<E: From<io::Error>>(
    path: &Path,
    mut take: impl FnMut(&Path, u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let rotated = (1..u32::MAX)
        .map(|number| atomic::beside(path, &format!("{number:04}")))
        .take_while(|path| path.exists());
    for file in rotated.chain(path.exists().then(|| path.to_path_buf())) {
        let mut reader = io::BufReader::new(fs::File::open(&file)?);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        while reader.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            if line.last() == Some(&b'\n') && line.len() > 1 {
                take(&file, number, &line)?;
            }
            line.clear();
        }
    }
    Ok(())
}

/// The journals that lie in a folder, one path per instance, in the order of their names. Blocks.
pub fn journals_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        // Also one of which only rotated files are left.
        let whose = name
            .strip_prefix("instance-")
            .and_then(|rest| rest.strip_suffix(".ndjson"))
            .and_then(|rest| rest.split_once("-journal"))
            .map(|(instance, _)| instance);
        if let Some(instance) = whose {
            found.push(dir.join(format!("instance-{instance}-journal.ndjson")));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
