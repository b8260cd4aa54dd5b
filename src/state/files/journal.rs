//! The journal of one instance: one JSON record a line, appended, fsynced in groups, rotated by size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{atomic, name_of};
use crate::model::InstanceId;
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
    disk: Arc<tokio::sync::Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    last: u64,
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    file: File,
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

    /// Opens the journal of an instance for appending. Blocks.
    pub fn open(dir: &Path, instance: &InstanceId) -> Result<Self, Error> {
        Self::at(Self::path(dir, instance), Rotation::default()).map_err(Error::Journal)
    }

    /// Opens the journal at `path` for appending; a last line that a crash cut is dropped first. Blocks.
    pub fn at(path: impl Into<PathBuf>, rotation: Rotation) -> io::Result<Self> {
        let path = path.into();
        let folder = atomic::folder(&path);
        fs::create_dir_all(&folder)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)?;
        let bytes = whole_lines(&path)?;
        if bytes < file.metadata()?.len() {
            file.set_len(bytes)?;
        }
        file.sync_all()?;
        atomic::sync_folder(&folder)?;
        let disk = Disk {
            path,
            file,
            bytes,
            rotation,
            broken: false,
        };
        Ok(Self {
            waiting: Arc::default(),
            synced: Arc::default(),
            disk: Arc::new(tokio::sync::Mutex::new(disk)),
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
        let disk = Arc::clone(&self.disk).lock_owned().await;
        if self.synced.load(Ordering::Acquire) >= mine {
            return Ok(());
        }
        let (lines, last) = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut waiting.lines), waiting.last)
        };
        let mut disk = disk;
        let written = tokio::task::spawn_blocking(move || disk.write(&lines)).await;
        written.map_err(io::Error::other)??;
        self.synced.fetch_max(last, Ordering::AcqRel);
        Ok(())
    }
}

impl Disk {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write to the journal failed"));
        }
        self.broken = true;
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.rotation.bytes {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        self.bytes += lines.len() as u64;
        self.broken = false;
        Ok(())
    }

    /// Puts the file aside as `name.NNNN.ndjson` and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let aside = (1..u32::MAX)
            .map(|number| atomic::beside(&self.path, &format!("{number:04}")))
            .find(|path| !path.exists());
        fs::rename(
            &self.path,
            aside.ok_or_else(|| io::Error::other("no name left"))?,
        )?;
        self.file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&self.path)?;
        self.bytes = 0;
        atomic::sync_folder(&atomic::folder(&self.path))
    }
}

/// Bytes up to the end of the last whole line.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut whole, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            whole += line.len() as u64;
        }
        line.clear();
    }
    Ok(whole)
}

/// The records of the journal at `path`, rotated files first, oldest first. Blocks.
///
/// # Errors
/// A line in the middle that is no record is an error; a cut last line is not.
pub fn read_journal<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let mut records = Vec::new();
    scan_journal(path, |record| records.push(record))?;
    Ok(records)
}

/// Hands over the records of the journal at `path` one after the other, as [`read_journal`] gives
/// them; holds one line at a time. Blocks.
///
/// # Errors
/// As [`read_journal`].
pub fn scan_journal<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T)) -> io::Result<()> {
    let rotated = (1..u32::MAX)
        .map(|number| atomic::beside(path, &format!("{number:04}")))
        .take_while(|path| path.exists());
    for file in rotated.chain(path.exists().then(|| path.to_path_buf())) {
        let mut reader = BufReader::new(File::open(&file)?);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        while reader.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            if line.last() == Some(&b'\n') && line.len() > 1 {
                let record = serde_json::from_slice(&line).map_err(|error| {
                    let text = format!("{} line {number}: {error}", file.display());
                    io::Error::new(io::ErrorKind::InvalidData, text)
                })?;
                take(record);
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
