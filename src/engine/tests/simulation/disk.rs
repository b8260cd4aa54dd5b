//! A disk in memory that forgets, at a crash, what was not made durable.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::runtime::Process;
use crate::state::files::Disk;

/// Files by name. Their bytes are durable after each call; their names may be lost until the folder is synced.
#[derive(Debug, Clone, Default)]
struct Names(BTreeMap<PathBuf, Vec<u8>>);

#[derive(Debug, Default)]
struct Platter {
    now: Names,
    /// What a crash leaves for certain, and each change of names since, oldest first.
    synced: Names,
    since: Vec<Names>,
}

/// The disk of one instance. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Drive(Arc<Mutex<Platter>>);

impl Drive {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk as a process has it: a dead one changes nothing any more.
    pub(in super::super) fn of(&self, process: &Process) -> Arc<dyn Disk> {
        Arc::new(Handle {
            drive: self.clone(),
            process: process.clone(),
        })
    }

    /// The machine died: some of the names that were not synced are as they were before. `chance` draws how many
    /// changes survived, below the number it is given.
    pub(in super::super) fn crash(&self, chance: impl Fn(usize) -> usize) {
        let mut platter = self.lock();
        let kept = chance(platter.since.len() + 1);
        let mut left = match kept {
            0 => platter.synced.clone(),
            kept => platter.since[kept - 1].clone(),
        };
        // Bytes added to a file that kept its name are durable, whatever became of other names.
        for (path, bytes) in &mut left.0 {
            if let Some(now) = platter.now.0.get(path).filter(|now| now.starts_with(bytes)) {
                bytes.clone_from(now);
            }
        }
        *platter = Platter {
            now: left.clone(),
            synced: left,
            since: Vec::new(),
        };
    }

    /// Removes files whose name holds `part`.
    pub(in super::super) fn lose(&self, part: &str) {
        let mut platter = self.lock();
        platter
            .now
            .0
            .retain(|path, _| !path.to_string_lossy().contains(part));
        platter.synced = platter.now.clone();
        platter.since.clear();
    }

    /// Whether a line of a file whose name ends so is as asked; the last line is asked first.
    pub(in super::super) fn has_line(&self, end: &str, is: impl Fn(&str) -> bool) -> bool {
        let platter = self.lock();
        let mut files = platter
            .now
            .0
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(end));
        files.any(|(_, bytes)| {
            bytes
                .rsplit(|byte| *byte == b'\n')
                .any(|line| std::str::from_utf8(line).is_ok_and(&is))
        })
    }
}

#[derive(Debug)]
struct Handle {
    drive: Drive,
    process: Process,
}

impl Handle {
    fn platter(&self) -> io::Result<MutexGuard<'_, Platter>> {
        if self.process.is_dead() {
            return Err(io::Error::other("the process died"));
        }
        Ok(self.drive.lock())
    }

    fn change(&self, change: impl FnOnce(&mut Names) -> io::Result<()>) -> io::Result<()> {
        let mut platter = self.platter()?;
        change(&mut platter.now)?;
        let now = platter.now.clone();
        platter.since.push(now);
        Ok(())
    }
}

fn absent(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
}

impl Disk for Handle {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self
            .platter()?
            .now
            .0
            .get(path)
            .map(|bytes| bytes.len() as u64))
    }

    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let platter = self.platter()?;
        let bytes = platter.now.0.get(path).ok_or_else(|| absent(path))?;
        let at = usize::try_from(at).unwrap().min(bytes.len());
        let end = (at + usize::try_from(most).unwrap()).min(bytes.len());
        Ok(bytes[at..end].to_vec())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change(|names| {
            names.0.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.platter()?;
        let is_new = !platter.now.0.contains_key(path);
        platter
            .now
            .0
            .entry(path.to_owned())
            .or_default()
            .extend(bytes);
        if is_new {
            let now = platter.now.clone();
            platter.since.push(now);
        }
        Ok(())
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.change(|names| {
            let held = names.0.get_mut(path).ok_or_else(|| absent(path))?;
            held.truncate(usize::try_from(bytes).unwrap());
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|names| {
            let bytes = names.0.remove(from).ok_or_else(|| absent(from))?;
            names.0.insert(to.to_owned(), bytes);
            Ok(())
        })
    }

    fn make_folder(&self, _: &Path) -> io::Result<()> {
        self.platter().map(drop)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut platter = self.platter()?;
        platter.synced = platter.now.clone();
        platter.since.clear();
        Ok(())
    }
}
