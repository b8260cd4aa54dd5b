//! A folder as a backend. Everything that may block runs off the threads that serve tasks.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::key;
use super::off_thread::off_thread;
use super::root::{self, Root};
use super::walk::Walk;
use super::writer::{self, Writer};
use crate::client::blobs::{
    Backend, BlobError, BlobWriter, Entry, ErrorKind, Head, Identity, Reading, Removed,
};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Entries of a listing that are made at once.
const PAGE: usize = 1_000;

/// A folder.
#[derive(Clone)]
pub(in crate::client::blobs) struct Dir {
    path: PathBuf,
    root: Root,
}

impl fmt::Debug for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dir")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Dir {
    /// Opens a folder that is there.
    pub(in crate::client::blobs) fn open(path: &Path) -> Result<Self, BlobError> {
        let root = Root::open(path)
            .map_err(|error| BlobError::of_io("open", &path.display().to_string(), &error))?;
        Ok(Self {
            path: path.to_owned(),
            root,
        })
    }

    /// Makes a folder that is not there, and those above it.
    pub(in crate::client::blobs) fn make(path: &Path) -> Result<(), BlobError> {
        let made = std::fs::create_dir_all(path);
        made.map_err(|error| BlobError::of_io("make", &path.display().to_string(), &error))
    }

    /// Does something with the root and a key that can be a path.
    async fn at<T: Send + 'static>(
        &self,
        operation: &'static str,
        key: &str,
        work: impl FnOnce(&Root, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        if let Some(why) = key::refusal(key) {
            return Err(BlobError::new(ErrorKind::Key, operation, key, why));
        }
        let (root, key) = (self.root.clone(), key.to_owned());
        off_thread(move || {
            work(&root, &key).map_err(|error| BlobError::of_io(operation, &key, &error))
        })
        .await
    }
}

#[async_trait]
impl Backend for Dir {
    fn place(&self) -> Result<String, BlobError> {
        let told = self.root.place();
        told.map_err(|error| BlobError::of_io("look at", &self.path.display().to_string(), &error))
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, BlobError> {
        self.at("look at", key, |root, key| {
            let Some(place) = root.find(key)? else {
                return Ok(None);
            };
            let stat = place.look()?;
            stat.map(|stat| root::must_be_file(&stat).map(|()| root::head(&stat)))
                .transpose()
        })
        .await
    }

    async fn read(&self, key: &str) -> Result<Option<Reading>, BlobError> {
        let opened = self.at("read", key, |root, key| {
            let Some(place) = root.find(key)? else {
                return Ok(None);
            };
            let Some((file, stat)) = place.open()? else {
                return Ok(None);
            };
            let (head, mut file) = (root::head(&stat), File::from(file));
            // Most blobs are small: the first bytes come with the opening.
            let first = chunk(&mut file)?;
            Ok(Some((head, file, first)))
        });
        Ok(opened.await?.map(|(head, file, first)| Reading {
            body: body(key.to_owned(), head.clone(), file, first),
            head,
        }))
    }

    async fn create(&self, key: &str, _: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        if let Some(why) = key::refusal(key) {
            return Err(BlobError::new(ErrorKind::Key, "write", key, why));
        }
        let (root, key) = (self.root.clone(), key.to_owned());
        let writer = off_thread(move || Writer::create(&root, &key)).await?;
        Ok(Box::new(writer))
    }

    async fn remove(&self, key: &str, of: &Identity) -> Result<Removed, BlobError> {
        let of = of.clone();
        self.at("remove", key, move |root, key| {
            let Some(place) = root.find(key)? else {
                return Ok(Removed::Absent);
            };
            match place.look()? {
                None => Ok(Removed::Absent),
                Some(stat)
                    if root::kind_of(&stat).is_some() || root::head(&stat).identity != of =>
                {
                    Ok(Removed::Foreign)
                }
                Some(_) => place.remove().map(|()| Removed::Done),
            }
        })
        .await
    }

    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> BoxStream<'static, Result<Entry, BlobError>> {
        let walk = Walk::new(self.root.clone(), prefix, after);
        let pages = stream::unfold(Some(walk), |walk| async move {
            let mut walk = walk?;
            let paged = off_thread(move || {
                let page = walk.page(PAGE);
                Ok((page, walk))
            });
            match paged.await {
                Ok((page, walk)) => {
                    let is_last = page.len() < PAGE || page.last().is_some_and(Result::is_err);
                    Some((page, (!is_last).then_some(walk)))
                }
                Err(error) => Some((vec![Err(error)], None)),
            }
        });
        pages.flat_map(stream::iter).boxed()
    }

    async fn tidy(&self) -> Result<u64, BlobError> {
        let root = self.root.clone();
        off_thread(move || {
            let tidied = writer::tidy(&root);
            tidied.map_err(|error| BlobError::of_io("tidy", key::TEMPORARY, &error))
        })
        .await
    }

    fn refusal(&self, key: &str) -> Option<String> {
        key::refusal(key).map(str::to_owned)
    }
}

/// The next bytes of a file; none at its end.
fn chunk(file: &mut File) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(CHUNK);
    io::Read::take(file, CHUNK as u64).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// The bytes of an open file. At its end the file must be as it was when it was opened.
fn body(
    key: String,
    head: Head,
    file: File,
    first: Bytes,
) -> BoxStream<'static, Result<Bytes, BlobError>> {
    let more = stream::unfold(Some(file), move |file| {
        let (key, head) = (key.clone(), head.clone());
        async move {
            let file = file?;
            match off_thread(move || next(&key, &head, file)).await {
                Ok((bytes, _)) if bytes.is_empty() => None,
                Ok((bytes, file)) => Some((Ok(bytes), Some(file))),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    let first = (!first.is_empty()).then_some(Ok(first));
    stream::iter(first).chain(more).boxed()
}

fn next(key: &str, head: &Head, mut file: File) -> Result<(Bytes, File), BlobError> {
    let of_io = |error: &io::Error| BlobError::of_io("read", key, error);
    let bytes = chunk(&mut file).map_err(|error| of_io(&error))?;
    if bytes.is_empty() {
        let stat = rustix::fs::fstat(&file).map_err(|error| of_io(&error.into()))?;
        if root::head(&stat).tag != head.tag {
            let why = "it changed while it was read";
            return Err(BlobError::new(ErrorKind::Changed, "read", key, why));
        }
    }
    Ok((bytes, file))
}
