//! The objects of all buckets: files in a folder each, descriptions also in memory.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use futures::Stream;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::checksums::Expected;
use super::error::{ObjectError, at};
use super::file::{Meta, name_of, sync_folder, unseal};
use super::list::{self, Listing, Page};
use crate::runtime::Clock;

/// Puts of different keys rarely share one of these.
const LOCKS: usize = 256;

/// Bytes read from a file at once.
const CHUNK: usize = 256 << 10;

/// The object store; clones share it.
#[derive(Clone)]
pub struct Objects {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    root: PathBuf,
    pub(super) clock: Clock,
    buckets: RwLock<BTreeMap<String, BTreeMap<String, Arc<Meta>>>>,
    locks: Vec<Mutex<()>>,
}

/// What must hold for a put or delete to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// No object has the key (`If-None-Match: *`).
    Absent,
    /// An object has the key (`If-Match: *`).
    Present,
    /// The object has this entity tag, without quotes (`If-Match`).
    Matches(String),
}

/// What comes with the bytes of a put.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Own metadata.
    pub metadata: BTreeMap<String, String>,
    /// What must hold.
    pub condition: Condition,
    /// The digest that the bytes must have.
    pub sha256: Option<[u8; 32]>,
}

impl Objects {
    /// Opens the store in `root` and reads the descriptions of all objects.
    ///
    /// # Errors
    /// The folder or a description in it cannot be read, or the folder for drafts cannot be made.
    pub fn open(root: &Path, clock: Clock) -> Result<Self, ObjectError> {
        let spool = root.join(".spool");
        fs::remove_dir_all(&spool).ok();
        fs::create_dir_all(&spool).map_err(at(&spool))?;
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(root).map_err(at(root))? {
            let path = entry.map_err(at(root))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|name| !name.starts_with('.')) {
                buckets.insert(name.to_owned(), read_bucket(&path)?);
            }
        }
        let inner = Inner {
            root: root.to_owned(),
            clock,
            buckets: RwLock::new(buckets),
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Makes a bucket; whether it is new.
    ///
    /// # Errors
    /// The folder of the bucket cannot be made.
    pub fn create_bucket(&self, bucket: &str) -> Result<bool, ObjectError> {
        let path = self.inner.root.join(bucket);
        fs::create_dir_all(&path).map_err(at(&path))?;
        sync_folder(&self.inner.root).map_err(at(&self.inner.root))?;
        let mut buckets = self.write();
        let new = !buckets.contains_key(bucket);
        buckets.entry(bucket.to_owned()).or_default();
        Ok(new)
    }

    /// The names of all buckets, in order.
    #[must_use]
    pub fn buckets(&self) -> Vec<String> {
        self.read_index().keys().cloned().collect()
    }

    /// Stores an object; it is on disk when this returns.
    ///
    /// # Errors
    /// As [`Objects::put_stream`].
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
        options: PutOptions,
    ) -> Result<Meta, ObjectError> {
        let body = futures::stream::iter([Ok::<_, io::Error>(body.into())]);
        self.put_stream(bucket, key, body, options).await
    }

    /// Stores an object from a stream of its bytes; nothing is stored if the stream fails.
    ///
    /// # Errors
    /// There is no such bucket, the stream fails, its digest or the condition does not hold, or a file cannot be
    /// written.
    pub async fn put_stream<E: std::fmt::Display>(
        &self,
        bucket: &str,
        key: &str,
        body: impl Stream<Item = Result<Bytes, E>>,
        options: PutOptions,
    ) -> Result<Meta, ObjectError> {
        let expected = Expected {
            sha256: options.sha256,
            ..Expected::default()
        };
        self.check_bucket(bucket)?;
        let spooled = self.spool(body, expected, |_| Ok(())).await?;
        self.publish(bucket, key, spooled, options, None).await
    }

    /// An object's description.
    #[must_use]
    pub fn head(&self, bucket: &str, key: &str) -> Option<Meta> {
        let buckets = self.read_index();
        let meta = buckets.get(bucket)?.get(key)?;
        Some(Meta::clone(meta))
    }

    /// A whole object.
    ///
    /// # Errors
    /// The file of the object cannot be read.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<(Meta, Bytes)>, ObjectError> {
        let path = self.path(bucket, key);
        let read = tokio::task::spawn_blocking(move || {
            let Some((meta, file)) = open(&path)? else {
                return Ok(None);
            };
            let mut bytes = Vec::with_capacity(usize::try_from(meta.size).unwrap_or_default());
            file.take(meta.size)
                .read_to_end(&mut bytes)
                .map_err(at(&path))?;
            Ok(Some((meta, Bytes::from(bytes))))
        });
        joined(read).await
    }

    /// A part of an object's bytes as a stream; the range is cut to the object's size.
    ///
    /// # Errors
    /// The file of the object cannot be opened.
    pub async fn stream(
        &self,
        bucket: &str,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<
        Option<(
            Meta,
            impl Stream<Item = io::Result<Bytes>> + Send + Sync + use<>,
        )>,
        ObjectError,
    > {
        let path = self.path(bucket, key);
        let opened = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || open(&path))
        };
        let Some((meta, file)) = joined(opened).await? else {
            return Ok(None);
        };
        let range = range.unwrap_or(0..meta.size);
        let end = range.end.min(meta.size);
        let start = range.start.min(end);
        let mut file = tokio::fs::File::from_std(file);
        file.seek(io::SeekFrom::Start(start))
            .await
            .map_err(at(&path))?;
        let stream = ReaderStream::with_capacity(file.take(end - start), CHUNK);
        Ok(Some((meta, stream)))
    }

    /// One page of a listing.
    ///
    /// # Errors
    /// There is no such bucket.
    pub fn list(&self, bucket: &str, listing: &Listing) -> Result<Page, ObjectError> {
        let buckets = self.read_index();
        let objects = buckets
            .get(bucket)
            .ok_or_else(|| ObjectError::NoBucket(bucket.to_owned()))?;
        Ok(list::page(objects, listing))
    }

    /// Removes an object; whether there was one.
    ///
    /// # Errors
    /// There is no such bucket, the condition does not hold, or the file cannot be removed.
    pub async fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: Condition,
    ) -> Result<bool, ObjectError> {
        self.check_bucket(bucket)?;
        let this = self.clone();
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        joined(tokio::task::spawn_blocking(move || {
            let _held = this.lock(&bucket, &key);
            this.check(&bucket, &key, &condition)?;
            let path = this.path(&bucket, &key);
            let existed = match fs::remove_file(&path) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(at(&path)(error)),
            };
            let folder = this.inner.root.join(&bucket);
            sync_folder(&folder).map_err(at(&folder))?;
            if let Some(objects) = this.write().get_mut(&bucket) {
                objects.remove(&key);
            }
            Ok(existed)
        }))
        .await
    }

    pub(super) fn root(&self) -> &Path {
        &self.inner.root
    }

    pub(super) fn check_bucket(&self, bucket: &str) -> Result<(), ObjectError> {
        if self.read_index().contains_key(bucket) {
            return Ok(());
        }
        Err(ObjectError::NoBucket(bucket.to_owned()))
    }

    pub(super) fn check(
        &self,
        bucket: &str,
        key: &str,
        condition: &Condition,
    ) -> Result<(), ObjectError> {
        let buckets = self.read_index();
        let found = buckets.get(bucket).and_then(|objects| objects.get(key));
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => found.is_none(),
            Condition::Present => found.is_some(),
            Condition::Matches(etag) => found.is_some_and(|meta| meta.etag == *etag),
        };
        if holds {
            return Ok(());
        }
        Err(ObjectError::Condition(key.to_owned()))
    }

    pub(super) fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.inner.root.join(bucket).join(name_of(key))
    }

    pub(super) fn lock(&self, bucket: &str, key: &str) -> std::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (bucket, key).hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default();
        self.inner.locks[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn read_index(
        &self,
    ) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, BTreeMap<String, Arc<Meta>>>> {
        self.inner
            .buckets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(
        &self,
    ) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, BTreeMap<String, Arc<Meta>>>> {
        self.inner
            .buckets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the descriptions of a bucket's objects.
fn read_bucket(folder: &Path) -> Result<BTreeMap<String, Arc<Meta>>, ObjectError> {
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if let Some((meta, _)) = open(&path)? {
            objects.insert(meta.key.clone(), Arc::new(meta));
        }
    }
    Ok(objects)
}

/// Opens an object's file at its first byte; `None` if there is none.
fn open(path: &Path) -> Result<Option<(Meta, File)>, ObjectError> {
    match File::open(path) {
        Ok(mut file) => {
            let meta = unseal(&mut file).map_err(at(path))?;
            Ok(Some((meta, file)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

pub(super) async fn joined<T>(
    task: tokio::task::JoinHandle<Result<T, ObjectError>>,
) -> Result<T, ObjectError> {
    task.await
        .map_err(|error| ObjectError::Body(error.to_string()))?
}
