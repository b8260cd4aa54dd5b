//! Writing a blob: a temporary file on the same file system, made durable, then shown in one step.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{self, AtFlags, Mode, OFlags};

use super::key::TEMPORARY;
use super::off_thread::off_thread;
use super::root::{self, Root};
use crate::client::blobs::{BlobError, BlobWriter, ErrorKind, Identity, Overwrite, Published};

const WRITE: &str = "write";

/// The length of the name of a temporary file, hexadecimal digits.
const NAME: usize = 32;

/// A temporary file below the root; it is gone when it is dropped before it was moved.
pub(super) struct Temporary {
    folder: OwnedFd,
    name: String,
    file: File,
    moved: bool,
}

/// One blob on its way into the folder.
pub(super) struct Writer {
    root: Root,
    key: String,
    /// Away only while a call on another thread has it.
    file: Option<Temporary>,
}

impl Temporary {
    fn create(root: &Root) -> io::Result<Self> {
        let inside = format!("{TEMPORARY}/x");
        let _ = root.make(&inside)?;
        let folder = root.folder(TEMPORARY)?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&folder, &*name, flags, Mode::from_raw_mode(0o666))?;
        let file = File::from(file);
        root.share(&file)?;
        // The lock ends with the process, and says until then that somebody writes.
        file.lock()?;
        Ok(Self {
            folder,
            name,
            file,
            moved: false,
        })
    }

    fn publish(&mut self, root: &Root, key: &str, overwrite: &Overwrite) -> io::Result<Published> {
        let place = root.make(key)?;
        let replace = match overwrite {
            Overwrite::Never => false,
            Overwrite::If(tag) => {
                let there = place.look()?;
                if let Some(stat) = &there {
                    root::must_be_file(stat)?;
                }
                if there.is_some_and(|stat| root::head(&stat).tag != *tag) {
                    return Ok(Published::Occupied);
                }
                true
            }
        };
        self.moved = place.take((&self.folder, &self.name), replace)?;
        Ok(if self.moved {
            Published::Done
        } else {
            Published::Occupied
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.moved {
            // It is in nobody's way, and removed with the folder for temporary files.
            let _ = fs::unlinkat(&self.folder, &*self.name, AtFlags::empty());
        }
    }
}

/// Removes the temporary files of processes that died, and their folder if nothing is left in it.
///
/// A file whose writer has not locked it yet may go, too: that writer fails, and tries again.
pub(super) fn tidy(root: &Root) -> io::Result<u64> {
    let folder = match root.folder(TEMPORARY) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for found in fs::Dir::read_from(&folder)? {
        let found = found?;
        let name = found.file_name();
        let is_ours =
            name.to_bytes().len() == NAME && name.to_bytes().iter().all(u8::is_ascii_hexdigit);
        if !is_ours {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = fs::openat(&folder, name, flags, Mode::empty()) else {
            continue;
        };
        let is_file = root::must_be_file(&fs::fstat(&file)?).is_ok();
        if is_file && File::from(file).try_lock().is_ok() {
            fs::unlinkat(&folder, name, AtFlags::empty())?;
            removed += 1;
        }
    }
    // It stays while anybody writes.
    let _ = fs::unlinkat(root.folder("")?, TEMPORARY, AtFlags::REMOVEDIR);
    Ok(removed)
}

impl Writer {
    pub(super) fn create(root: &Root, key: &str) -> Result<Self, BlobError> {
        let file = Temporary::create(root).map_err(|error| BlobError::of_io(WRITE, key, &error))?;
        Ok(Self {
            root: root.clone(),
            key: key.to_owned(),
            file: Some(file),
        })
    }

    /// Does something with the file where it may block.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Temporary, &Root, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let broken = |what: &str| BlobError::new(ErrorKind::Unavailable, WRITE, "", what);
        let mut file = self
            .file
            .take()
            .ok_or_else(|| broken("an earlier write did not end"))?;
        let (root, key) = (self.root.clone(), self.key.clone());
        let (file, done) = off_thread(move || {
            let done =
                work(&mut file, &root, &key).map_err(|error| BlobError::of_io(WRITE, &key, &error));
            Ok((file, done))
        })
        .await?;
        self.file = Some(file);
        done
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.with(move |file, _, _| file.file.write_all(&bytes))
            .await
    }

    async fn seal(&mut self) -> Result<Identity, BlobError> {
        self.with(|file, _, _| {
            file.file.sync_all()?;
            Ok(root::head(&fs::fstat(&file.file)?).identity)
        })
        .await
    }

    async fn publish(mut self: Box<Self>, overwrite: Overwrite) -> Result<Published, BlobError> {
        self.with(move |file, root, key| file.publish(root, key, &overwrite))
            .await
    }
}
