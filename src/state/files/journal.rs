//! The journal of one instance: one JSON record per line, appended, synced in groups, rotated by size.

use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Disk, Local, atomic};
use crate::model::InstanceId;
use crate::runtime::{Tasks, printable_json, private};
use crate::state::{Config, FilePrefix, StateError};

/// When the file is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes after which a new file is started.
    pub bytes: u64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 64 << 20 }
    }
}

/// An append-only file. Many tasks append at once: the first one writes and syncs for all that wait. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    waiting: Arc<Mutex<Waiting>>,
    synced: Arc<AtomicU64>,
    /// The number of the last record on disk.
    durable: Arc<AtomicU64>,
    tasks: Tasks,
    file: Arc<tokio::sync::Mutex<File>>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    last: u64,
    /// The number of the last numbered record.
    number: u64,
}

#[derive(Debug)]
struct File {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bytes: u64,
    /// The number of the last rotated file.
    aside: u32,
    rotation: Rotation,
    broken: bool,
}

impl Journal {
    /// The path of an instance's journal.
    #[must_use]
    pub fn path(config: &Config, instance: &InstanceId) -> PathBuf {
        config.file(instance, "-journal.ndjson")
    }

    /// Opens the journal at `path` for appending. Removes a last line that a crash cut. Blocks.
    ///
    /// # Errors
    /// Those of the system.
    pub fn at(path: impl Into<PathBuf>, rotation: Rotation) -> io::Result<Self> {
        Self::on(&(Arc::new(Local) as _), &Tasks::new(), path, rotation)
    }

    /// As [`Journal::at`], on any disk. Writes run in `tasks`. Blocks.
    ///
    /// # Errors
    /// Those of the disk.
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
        let aside = last_aside(&**disk, &path)?;
        let number = match last_number(&**disk, &path, bytes)? {
            None if aside > 0 => {
                let path = rotated(&path, aside);
                let size = disk.size(&path)?.unwrap_or(0);
                last_number(&**disk, &path, size)?
            }
            found => found,
        };
        let number = number.unwrap_or(0);
        let file = File {
            disk: Arc::clone(disk),
            path,
            bytes,
            aside,
            rotation,
            broken: false,
        };
        Ok(Self {
            waiting: Arc::new(Mutex::new(Waiting {
                number,
                ..Waiting::default()
            })),
            durable: Arc::new(AtomicU64::new(number)),
            synced: Arc::default(),
            tasks: tasks.clone(),
            file: Arc::new(tokio::sync::Mutex::new(file)),
        })
    }

    /// Appends a record. Returns when it is on disk.
    ///
    /// # Errors
    /// The write failed, or an earlier one did. After a failure the journal takes no more records, because what is on
    /// disk is unknown until it is opened again.
    pub async fn append<T: Serialize>(&self, record: &T) -> Result<(), StateError> {
        self.append_all(std::slice::from_ref(record)).await
    }

    /// Appends several records with one sync.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_all<T: Serialize>(&self, records: &[T]) -> Result<(), StateError> {
        let added = self.add_all(records);
        self.write(added).await.map_err(StateError::Journal)
    }

    /// Appends the record for the next number, its `seq`. Numbers start at 1 and continue over restarts and rotated
    /// files, so that a missing number shows a missing line.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_numbered<T: Serialize>(
        &self,
        record: impl FnOnce(u64) -> T,
    ) -> Result<(), StateError> {
        let added = self.add_numbered(record);
        self.write(added).await.map_err(StateError::Journal)
    }

    /// Skips numbers up to `number`: lost records had them.
    pub fn skip_to(&self, number: u64) {
        let mut waiting = self.waiting();
        waiting.number = waiting.number.max(number);
    }

    /// The number of the last record on disk; 0 if no record has one.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    fn add_all<T: Serialize>(&self, records: &[T]) -> io::Result<u64> {
        let mut lines = Vec::new();
        for record in records {
            lines.extend(line_of(record)?);
        }
        let mut waiting = self.waiting();
        Ok(waiting.add(&lines))
    }

    fn add_numbered<T: Serialize>(&self, record: impl FnOnce(u64) -> T) -> io::Result<u64> {
        let mut waiting = self.waiting();
        let line = line_of(&record(waiting.number + 1))?;
        waiting.number += 1;
        Ok(waiting.add(&line))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and syncs what was added, unless another task did.
    async fn write(&self, added: io::Result<u64>) -> io::Result<()> {
        let mine = added?;
        let mut file = Arc::clone(&self.file).lock_owned().await;
        if self.synced.load(Ordering::Acquire) >= mine {
            return Ok(());
        }
        let (lines, last, number) = {
            let mut waiting = self.waiting();
            let lines = std::mem::take(&mut waiting.lines);
            (lines, waiting.last, waiting.number)
        };
        let written = self.tasks.blocking(move || file.write(&lines)).await;
        written.map_err(io::Error::other)??;
        self.durable.fetch_max(number, Ordering::AcqRel);
        self.synced.fetch_max(last, Ordering::AcqRel);
        Ok(())
    }
}

/// A record as a line of JSON that is safe to print, because it quotes answers of services.
fn line_of<T: Serialize>(record: &T) -> io::Result<Vec<u8>> {
    let mut line = printable_json(&serde_json::to_string(record)?).into_owned();
    line.push('\n');
    Ok(line.into_bytes())
}

impl Waiting {
    /// Adds whole lines. Returns up to where must be written to have them on disk.
    fn add(&mut self, lines: &[u8]) -> u64 {
        self.lines.extend_from_slice(lines);
        self.last += 1;
        self.last
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

    /// Renames the file to `name.NNNN.ndjson` and starts a new one.
    fn rotate(&mut self) -> io::Result<()> {
        self.aside += 1;
        let aside = rotated(&self.path, self.aside);
        self.disk.rename(&self.path, &aside)?;
        self.disk.write(&self.path, b"")?;
        self.bytes = 0;
        self.disk.sync_folder(&atomic::folder(&self.path))
    }
}

/// How many rotated files in a row may be missing before later ones are not found.
const HOLE: u32 = 16;

/// `name.NNNN.ndjson`, the rotated file with this number.
fn rotated(path: &Path, number: u32) -> PathBuf {
    atomic::beside(path, &format!("{number:04}"))
}

/// The number of the last rotated file, even if earlier ones were removed; 0 if there is none.
fn last_aside(disk: &dyn Disk, path: &Path) -> io::Result<u32> {
    let (mut last, mut number) = (0, 1);
    while number - last <= HOLE {
        if disk.size(&rotated(path, number))?.is_some() {
            last = number;
        }
        number += 1;
    }
    Ok(last)
}

/// The number of the last whole line within `bytes` bytes of a file; 0 if that line has no number, `None` if there is
/// no line.
fn last_number(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Option<u64>> {
    #[derive(Deserialize)]
    struct Numbered {
        #[serde(default)]
        seq: u64,
    }
    if bytes == 0 {
        return Ok(None);
    }
    let mut tail = PIECE;
    loop {
        let start = bytes.saturating_sub(tail);
        let piece = disk.read(path, start, bytes - start)?;
        let lines = piece.strip_suffix(b"\n").unwrap_or(&piece);
        let before = lines.iter().rposition(|byte| *byte == b'\n');
        if before.is_some() || start == 0 {
            let line = &lines[before.map_or(0, |at| at + 1)..];
            let numbered = serde_json::from_slice::<Numbered>(line);
            return Ok(Some(numbered.map_or(0, |numbered| numbered.seq)));
        }
        tail *= 4;
    }
}

/// Bytes that are read at once.
const PIECE: u64 = 64 << 10;

/// Bytes of a file up to the end of its last whole line, searched from the end.
fn whole_lines(disk: &dyn Disk, path: &Path, size: u64) -> io::Result<u64> {
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

/// The records of the journal at `path`, oldest first, including rotated files. Blocks.
///
/// # Errors
/// Those of reading, and a line that is not a record. A cut last line is skipped.
pub fn read_journal<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let mut records = Vec::new();
    for file in journal_files(path)? {
        scan_lines(&file, |number, line| {
            let record = serde_json::from_slice(line);
            records.push(record.map_err(|error| damaged(&file, number, &error))?);
            Ok::<(), io::Error>(())
        })?;
    }
    Ok(records)
}

/// The error for a line that cannot be read.
pub fn damaged(file: &Path, number: u64, why: &dyn std::fmt::Display) -> io::Error {
    let text = format!("{} line {number}: {why}", file.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// The files of the journal at `path`, oldest first: rotated files, then the file itself. Blocks.
///
/// # Errors
/// Those of reading the folder.
pub fn journal_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (stem, folder) = (path.with_extension(""), atomic::folder(path));
    let stem = stem.file_name().unwrap_or_default().to_string_lossy();
    let number = |name: &str| -> Option<u32> {
        let rest = name.strip_prefix(&*stem)?.strip_prefix('.')?;
        rest.strip_suffix(".ndjson")?.parse().ok()
    };
    let mut aside = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(number) {
            aside.push((number, folder.join(&name)));
        }
    }
    aside.sort();
    let aside = aside.into_iter().map(|(_, file)| file);
    Ok(aside
        .chain(
            fs::symlink_metadata(path)
                .is_ok()
                .then(|| path.to_path_buf()),
        )
        .collect())
}

/// Calls `take` with each line of one file of a journal and its number in the file. Holds one line at a time. Skips a
/// cut last line. Blocks.
///
/// # Errors
/// Those of reading, with the path, and those of `take`.
pub fn scan_lines<E: From<io::Error>>(
    file: &Path,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let mut reader = io::BufReader::new(private::open(file).map_err(named)?);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    while reader.read_until(b'\n', &mut line).map_err(named)? > 0 {
        number += 1;
        if line.last() == Some(&b'\n') && line.len() > 1 {
            take(number, &line)?;
        }
        line.clear();
    }
    Ok(())
}

/// The instance of a journal file, by its name.
fn whose<'a>(prefix: &FilePrefix, name: &'a str) -> Option<&'a str> {
    let rest = prefix.rest(name)?.strip_suffix(".ndjson")?;
    rest.split_once("-journal").map(|(instance, _)| instance)
}

/// The journals of a migration in a folder, one path per instance, in the order of their names. Blocks.
///
/// # Errors
/// Those of reading the folder. A missing folder has no journals.
pub fn journals_in(dir: &Path, prefix: &FilePrefix) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        // Includes a journal of which only rotated files exist.
        if let Some(instance) = whose(prefix, name) {
            found.push(prefix.file(dir, &InstanceId::new(instance), "-journal.ndjson"));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
