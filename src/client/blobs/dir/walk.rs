//! Every file below a root in the byte order of its key.
//!
//! A folder is sorted as if its name ended with a slash, so that `a.txt` comes before `a/b`, as its key does. One folder
//! of each level is held in memory at a time.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, Dir, FileType, Stat};

use super::key::{self, TEMPORARY};
use super::root::{self, Root};
use crate::client::blobs::{BlobError, Entry};
use crate::time::UnixMillis;

/// A walk, and how far it is.
pub(super) struct Walk {
    root: Root,
    prefix: String,
    after: Option<String>,
    /// The folders that are open, the root first; none before the walk has begun.
    open: Option<Vec<Level>>,
}

/// One open folder and what is left of it, the last name first.
struct Level {
    path: Vec<u8>,
    folder: OwnedFd,
    left: Vec<Vec<u8>>,
}

impl Walk {
    pub(super) fn new(root: Root, prefix: &str, after: Option<&str>) -> Self {
        Self {
            root,
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            open: None,
        }
    }

    /// The next entries; fewer than `most` at the end. An error is the last.
    pub(super) fn page(&mut self, most: usize) -> Vec<Result<Entry, BlobError>> {
        let mut page = Vec::new();
        while page.len() < most {
            match self.next() {
                Ok(Some(entry)) => page.push(Ok(entry)),
                Ok(None) => break,
                Err((path, error)) => {
                    page.push(Err(BlobError::of_io(
                        "list",
                        &path.escape_ascii().to_string(),
                        &error,
                    )));
                    break;
                }
            }
        }
        page
    }

    fn next(&mut self) -> Result<Option<Entry>, (Vec<u8>, io::Error)> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => vec![
                self.level(Vec::new(), None)
                    .map_err(|error| (Vec::new(), error))?,
            ],
        };
        let found = self.advance(&mut open);
        self.open = Some(open);
        found
    }

    fn advance(&self, open: &mut Vec<Level>) -> Result<Option<Entry>, (Vec<u8>, io::Error)> {
        while let Some(level) = open.last_mut() {
            let Some(name) = level.left.pop() else {
                open.pop();
                continue;
            };
            let is_folder = name.ends_with(b"/");
            let path = [&*level.path, &*name].concat();
            if !self.may_hold(&path, is_folder) {
                continue;
            }
            if is_folder {
                let name = name.strip_suffix(b"/").unwrap_or(&name);
                match self.level(path.clone(), Some((&level.folder, name))) {
                    Ok(level) => open.push(level),
                    // It went since its folder was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err((path, error)),
                }
                continue;
            }
            let looked = fs::statat(&level.folder, &*name, AtFlags::SYMLINK_NOFOLLOW);
            match looked {
                Ok(stat) => return Ok(Some(entry(path, &stat))),
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err((path, error.into())),
            }
        }
        Ok(None)
    }

    /// Opens and sorts a folder.
    fn level(&self, path: Vec<u8>, within: Option<(&OwnedFd, &[u8])>) -> io::Result<Level> {
        let folder = match within {
            Some((folder, name)) => root::enter(folder, name)?,
            None => self.root.folder("")?,
        };
        let mut left = Vec::new();
        for found in Dir::read_from(&folder)? {
            let found = found?;
            let mut name = found.file_name().to_bytes().to_vec();
            if name == b"." || name == b".." {
                continue;
            }
            if path.is_empty() && name == TEMPORARY.as_bytes() {
                // Not entered, and not silently.
                left.push(name);
                continue;
            }
            let kind = match found.file_type() {
                FileType::Unknown => {
                    let stat = fs::statat(&folder, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            if kind == FileType::Directory {
                name.push(b'/');
            }
            left.push(name);
        }
        left.sort_unstable_by(|one, other| other.cmp(one));
        Ok(Level { path, folder, left })
    }

    /// Whether something with this path, or below it, is still to come and has the prefix.
    fn may_hold(&self, path: &[u8], is_folder: bool) -> bool {
        let prefix = self.prefix.as_bytes();
        let has_prefix = path.starts_with(prefix) || (is_folder && prefix.starts_with(path));
        let is_after = self.after.as_ref().is_none_or(|after| {
            let after = after.as_bytes();
            path > after || (is_folder && after.starts_with(path))
        });
        has_prefix && is_after
    }
}

fn entry(path: Vec<u8>, stat: &Stat) -> Entry {
    let escaped = |path: &[u8]| path.escape_ascii().to_string();
    if let Some(what) = root::kind_of(stat) {
        return Entry::Other {
            name: escaped(&path),
            what,
        };
    }
    let key = match String::from_utf8(path) {
        Ok(key) => key,
        Err(error) => {
            return Entry::Unrepresentable {
                name: escaped(error.as_bytes()),
                why: "its name is not UTF-8",
            };
        }
    };
    if let Some(why) = key::refusal(&key) {
        return Entry::Unrepresentable { name: key, why };
    }
    let seconds = u64::try_from(stat.st_mtime).ok();
    let nanos = stat.st_mtime_nsec;
    Entry::Blob {
        key,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: seconds.map(|seconds| {
            UnixMillis(
                seconds
                    .saturating_mul(1_000)
                    .saturating_add(nanos / 1_000_000),
            )
        }),
    }
}
