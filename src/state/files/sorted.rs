//! Sorts more than fits into memory: sorted pieces in temporary files, merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::runtime::private;

/// Pieces that are merged at once.
const FAN: usize = 64;
/// Endings of scratch folder names: being created, and in use.
const NEW: &str = "new";
const USED: &str = "tmp";
const LOCK: &str = "lock";

/// A folder for temporary files. It is removed when the value is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    /// Held while the folder is in use.
    _lock: File,
    files: AtomicU64,
}

impl Scratch {
    /// Creates one below `dir`, and removes those of dead processes. Blocks.
    ///
    /// # Errors
    /// Those of the system.
    pub fn below(dir: &Path) -> io::Result<Self> {
        private::folder(dir)?;
        remove_left(dir)?;
        let name = format!("scratch-{}", uuid::Uuid::new_v4());
        let new = dir.join(format!("{name}.{NEW}"));
        private::folder(&new)?;
        let lock = private::create_new(&new.join(LOCK))?;
        lock.try_lock()?;
        let folder = dir.join(format!("{name}.{USED}"));
        fs::rename(&new, &folder)?;
        Ok(Self {
            folder,
            _lock: lock,
            files: AtomicU64::new(0),
        })
    }

    /// A new file name.
    pub fn file(&self) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.join(number.to_string())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "temporary files not removed");
        }
    }
}

/// Removes scratch folders without a locked lock file.
fn remove_left(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("scratch-") || path.extension().is_none_or(|end| end != USED) {
            continue;
        }
        let lock = private::open(&path.join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Values that can be sorted.
pub trait Sortable: Ord + Serialize + DeserializeOwned {
    /// About how many bytes it takes in memory.
    fn weight(&self) -> usize;
}

/// Sorts values. Holds at most `most` bytes of them, and one value of each piece while pieces are merged.
#[derive(Debug)]
pub struct Sorter<T> {
    scratch: Arc<Scratch>,
    most: usize,
    held: Vec<T>,
    weight: usize,
    /// Pieces by how often they were merged.
    pieces: Vec<Vec<PathBuf>>,
}

impl<T: Sortable> Sorter<T> {
    /// An empty sorter with its pieces in `scratch`.
    #[must_use]
    pub fn new(scratch: &Arc<Scratch>, most: usize) -> Self {
        Self {
            scratch: Arc::clone(scratch),
            most,
            held: Vec::new(),
            weight: 0,
            pieces: Vec::new(),
        }
    }

    /// Adds a value. Blocks.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub fn push(&mut self, value: T) -> io::Result<()> {
        self.weight += value.weight();
        self.held.push(value);
        if self.weight < self.most {
            return Ok(());
        }
        self.weight = 0;
        self.held.sort_unstable();
        let held = std::mem::take(&mut self.held);
        let piece = self.write(held.into_iter().map(Ok))?;
        self.add(piece)
    }

    /// The values in order. Blocks, as does each step of the iterator.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub fn sorted(mut self) -> io::Result<Sorted<T>> {
        self.held.sort_unstable();
        let pieces: Vec<PathBuf> = self.pieces.into_iter().flatten().collect();
        let mut sources = open(&pieces)?;
        sources.push(Source::Memory(self.held.into_iter()));
        Sorted::of(sources, self.scratch)
    }

    /// Adds a piece. Too many pieces are merged into one.
    fn add(&mut self, mut piece: PathBuf) -> io::Result<()> {
        for level in 0.. {
            if self.pieces.len() == level {
                self.pieces.push(Vec::new());
            }
            self.pieces[level].push(piece);
            if self.pieces[level].len() < FAN {
                break;
            }
            let full = std::mem::take(&mut self.pieces[level]);
            let merged = Sorted::of(open(&full)?, Arc::clone(&self.scratch))?;
            piece = self.write(merged)?;
            for file in full {
                fs::remove_file(file)?;
            }
        }
        Ok(())
    }

    fn write(&self, values: impl Iterator<Item = io::Result<T>>) -> io::Result<PathBuf> {
        let path = self.scratch.file();
        let mut out = BufWriter::new(private::create_new(&path)?);
        for value in values {
            serde_json::to_writer(&mut out, &value?)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(path)
    }
}

fn open<T>(pieces: &[PathBuf]) -> io::Result<Vec<Source<T>>> {
    let open = |path: &PathBuf| Ok(Source::File(BufReader::new(File::open(path)?)));
    pieces.iter().map(open).collect()
}

#[derive(Debug)]
enum Source<T> {
    Memory(std::vec::IntoIter<T>),
    File(BufReader<File>),
}

impl<T: Sortable> Source<T> {
    fn next(&mut self) -> io::Result<Option<T>> {
        match self {
            Self::Memory(values) => Ok(values.next()),
            Self::File(reader) => {
                let mut line = Vec::new();
                if reader.read_until(b'\n', &mut line)? == 0 {
                    return Ok(None);
                }
                Ok(Some(serde_json::from_slice(&line)?))
            }
        }
    }
}

/// Values in order.
#[derive(Debug)]
pub struct Sorted<T> {
    sources: Vec<Source<T>>,
    next: BinaryHeap<Reverse<(T, usize)>>,
    _scratch: Arc<Scratch>,
}

impl<T: Sortable> Sorted<T> {
    fn of(mut sources: Vec<Source<T>>, scratch: Arc<Scratch>) -> io::Result<Self> {
        let mut next = BinaryHeap::new();
        for (place, source) in sources.iter_mut().enumerate() {
            if let Some(value) = source.next()? {
                next.push(Reverse((value, place)));
            }
        }
        Ok(Self {
            sources,
            next,
            _scratch: scratch,
        })
    }
}

impl<T: Sortable> Iterator for Sorted<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((value, place)) = self.next.pop()?;
        match self.sources[place].next() {
            Ok(Some(after)) => self.next.push(Reverse((after, place))),
            Ok(None) => {}
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Sortable for (u32, u32) {
        fn weight(&self) -> usize {
            8
        }
    }

    fn entries(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    proptest! {
        #[test]
        fn whatever_fits_into_memory_all_come_in_order(
            values in proptest::collection::vec(any::<(u32, u32)>(), 0..400),
            most in 1..4_000_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let scratch = Arc::new(Scratch::below(dir.path()).unwrap());
            let mut sorter = Sorter::new(&scratch, most);
            for value in &values {
                sorter.push(*value).unwrap();
            }
            drop(scratch);
            let sorted: Vec<_> = sorter.sorted().unwrap().map(Result::unwrap).collect();
            let mut wanted = values;
            wanted.sort_unstable();
            prop_assert_eq!(sorted, wanted);
            prop_assert_eq!(entries(dir.path()), 0, "the folder goes with its last user");
        }
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_is_used_stays() {
        let dir = tempfile::tempdir().unwrap();
        let used = Scratch::below(dir.path()).unwrap();
        let left = dir.path().join("scratch-dead.tmp");
        fs::create_dir(&left).unwrap();
        File::create(left.join(LOCK)).unwrap();
        let second = Scratch::below(dir.path()).unwrap();
        assert!(!left.exists() && used.folder.exists());
        drop((used, second));
        assert_eq!(entries(dir.path()), 0);
    }
}
