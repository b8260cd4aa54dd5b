//! A small persisted map for what a service remembers: everything in memory, every change appended to one file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Changes beyond the number of entries after which the file is rewritten at the next start.
const SLACK: usize = 10_000;
/// Stands for "no expiration" in the file.
const NEVER: u64 = u64::MAX;

/// Groups of entries; a group is what is listed together. Clones of values are cheap.
///
/// The file survives a killed process, not a lost machine; a torn last change is dropped.
pub struct KvStore {
    inner: Mutex<Inner>,
}

struct Inner {
    groups: BTreeMap<String, BTreeMap<String, Entry>>,
    file: File,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    /// Unix milliseconds.
    expires: u64,
}

/// One change of the map.
struct Change {
    group: String,
    id: String,
    expires: u64,
    /// `None` removes the entry.
    value: Option<Bytes>,
}

/// One entry to be put.
pub struct Item {
    /// What it is listed under.
    pub group: String,
    /// What it is found by inside its group.
    pub id: String,
    /// Its content.
    pub value: Bytes,
    /// Unix milliseconds from which on it is gone; `None`: never.
    pub expires: Option<u64>,
}

impl KvStore {
    /// Opens the file and reads it, or makes a new one.
    ///
    /// # Errors
    /// The file cannot be read, made or rewritten.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        file.read_to_end(&mut bytes)?;
        let mut groups = BTreeMap::new();
        let (mut changes, mut rest) = (0, Bytes::from(bytes));
        while let Some(change) = read_change(&mut rest) {
            apply(&mut groups, change);
            changes += 1;
        }
        let entries: usize = groups.values().map(BTreeMap::len).sum();
        if !rest.is_empty() || changes > entries + SLACK {
            file = rewritten(path, &groups)?;
        }
        Ok(Self {
            inner: Mutex::new(Inner { groups, file }),
        })
    }

    /// Puts one entry over any that has its place.
    ///
    /// # Errors
    /// As [`KvStore::put_all`].
    pub fn put(
        &self,
        group: &str,
        id: &str,
        value: impl Into<Bytes>,
        expires: Option<u64>,
    ) -> std::io::Result<()> {
        let item = Item {
            group: group.to_owned(),
            id: id.to_owned(),
            value: value.into(),
            expires,
        };
        self.put_all(vec![item])
    }

    /// Puts many entries; readers see all or none.
    ///
    /// # Errors
    /// The file cannot be written; this process has the change all the same.
    pub fn put_all(&self, items: Vec<Item>) -> std::io::Result<()> {
        self.change(items.into_iter().map(|item| Change {
            group: item.group,
            id: item.id,
            expires: item.expires.unwrap_or(NEVER),
            value: Some(item.value),
        }))
    }

    /// Removes an entry if it is there.
    ///
    /// # Errors
    /// As [`KvStore::put_all`].
    pub fn remove(&self, group: &str, id: &str) -> std::io::Result<()> {
        self.change([Change {
            group: group.to_owned(),
            id: id.to_owned(),
            expires: NEVER,
            value: None,
        }])
    }

    /// The entry, unless it is gone at `now` (Unix milliseconds).
    pub fn get(&self, group: &str, id: &str, now: u64) -> Option<Bytes> {
        let inner = self.lock();
        let entry = inner.groups.get(group)?.get(id)?;
        (entry.expires > now).then(|| entry.value.clone())
    }

    /// The entries of a group that are not gone at `now`, by id.
    pub fn list(&self, group: &str, now: u64) -> Vec<(String, Bytes)> {
        let inner = self.lock();
        let entries = inner.groups.get(group).into_iter().flatten();
        entries
            .filter(|(_, entry)| entry.expires > now)
            .map(|(id, entry)| (id.clone(), entry.value.clone()))
            .collect()
    }

    fn change(&self, changes: impl IntoIterator<Item = Change>) -> std::io::Result<()> {
        let mut inner = self.lock();
        let mut bytes = Vec::new();
        for change in changes {
            write_change(&change, &mut bytes);
            apply(&mut inner.groups, change);
        }
        inner.file.write_all(&bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(groups: &mut BTreeMap<String, BTreeMap<String, Entry>>, change: Change) {
    let Change {
        group,
        id,
        expires,
        value,
    } = change;
    match value {
        Some(value) => {
            groups
                .entry(group)
                .or_default()
                .insert(id, Entry { value, expires });
        }
        None => {
            groups
                .get_mut(&group)
                .and_then(|entries| entries.remove(&id));
        }
    }
}

/// Writes the map into a new file that takes the place of the old one.
fn rewritten(
    path: &Path,
    groups: &BTreeMap<String, BTreeMap<String, Entry>>,
) -> std::io::Result<File> {
    let mut bytes = Vec::new();
    for (group, entries) in groups {
        for (id, entry) in entries {
            let value = Some(entry.value.clone());
            write_change(
                &Change {
                    group: group.clone(),
                    id: id.clone(),
                    expires: entry.expires,
                    value,
                },
                &mut bytes,
            );
        }
    }
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)?;
    OpenOptions::new().append(true).open(path)
}

/// Length of the rest, then group, id and expiration, then the value; no value removes.
fn write_change(change: &Change, into: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    for text in [&change.group, &change.id] {
        bytes.extend_from_slice(&length(text.len()));
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&change.expires.to_be_bytes());
    bytes.push(u8::from(change.value.is_some()));
    bytes.extend_from_slice(change.value.as_deref().unwrap_or_default());
    into.extend_from_slice(&length(bytes.len()));
    into.extend_from_slice(&bytes);
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes)
        .expect("entries are far below 4 GiB")
        .to_be_bytes()
}

/// Takes one change off the front; `None` at the end and at a torn change.
fn read_change(rest: &mut Bytes) -> Option<Change> {
    let size = read_length(rest)?;
    let whole = rest.get(4..)?.get(..size)?;
    let mut bytes = rest.slice_ref(whole);
    let group = read_text(&mut bytes)?;
    let id = read_text(&mut bytes)?;
    let expires = u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    let value = (*bytes.get(8)? == 1).then(|| bytes.slice(9..));
    *rest = rest.slice(4 + size..);
    Some(Change {
        group,
        id,
        expires,
        value,
    })
}

fn read_length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?)).ok()
}

fn read_text(bytes: &mut Bytes) -> Option<String> {
    let size = read_length(bytes)?;
    let text = std::str::from_utf8(bytes.get(4..)?.get(..size)?)
        .ok()?
        .to_owned();
    *bytes = bytes.slice(4 + size..);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_after_a_restart_and_a_torn_change_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shelf");
        let shelf = KvStore::open(&path).unwrap();
        shelf.put("a", "1", "one", None).unwrap();
        shelf.put("a", "2", "two", Some(1000)).unwrap();
        shelf.put("a", "3", "three", None).unwrap();
        shelf.remove("a", "3").unwrap();
        drop(shelf);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[0, 0, 0, 99, 1]).unwrap();
        for _ in 0..2 {
            let shelf = KvStore::open(&path).unwrap();
            let ids = |now| {
                shelf
                    .list("a", now)
                    .into_iter()
                    .map(|(id, _)| id)
                    .collect::<Vec<_>>()
            };
            assert_eq!(ids(999), ["1", "2"]);
            assert_eq!(ids(1000), ["1"]);
            assert_eq!(shelf.get("a", "1", 0).as_deref(), Some(b"one".as_slice()));
            shelf.put("b", "1", "after", None).unwrap();
        }
    }
}
