//! Items, probe and steps of the migration, as the engine asks for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::digest::{Digests, Expected};
use super::item::Blob;
use super::jobs::NAME;
use super::layout::Layout;
use super::reasons::{MISSING_BLOB, REASONS, UNREPRESENTABLE_KEY, failure};
use super::steps::{Copy, Verify};
use super::transfer::{SOURCE, TARGET, digests_of};
use crate::client::blobs::{Backend, Head};
use crate::engine::{Depth, Migration, Step, UnitContext};
use crate::model::{Failure, ItemId, ItemRange, MigrationName, Reason, Reasons, UnixMillis};

/// Blobs that were copied and not read back yet are remembered, up to so many.
const REMEMBERED: usize = 65_536;

/// What a job moves between.
#[derive(Debug, Clone)]
pub struct Backends {
    /// Where the blobs are.
    pub source: Arc<dyn Backend>,
    /// Where they are to be.
    pub target: Arc<dyn Backend>,
}

/// A job over blobs, connected.
pub struct Blobs {
    pub(super) backends: Backends,
    pub(super) layout: Layout,
    /// Digests of what was copied here, until it is read back.
    copied: Mutex<HashMap<String, Digests>>,
}

/// What a probe showed of a blob.
#[derive(Debug)]
pub struct Observation {
    /// What is under its key on the target.
    pub(super) target: Option<Head>,
    /// The length that it has at the source, bytes, as far as is known.
    pub(super) size: u64,
    /// Of a probe that reads every byte: whether the target has the right ones.
    pub(super) is_right: Option<bool>,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs")
            .field("backends", &self.backends)
            .finish_non_exhaustive()
    }
}

impl Blobs {
    /// A job between these backends.
    #[must_use]
    pub fn new(backends: Backends, layout: Layout) -> Self {
        Self {
            backends,
            layout,
            copied: Mutex::default(),
        }
    }

    pub(super) fn expected(&self, key: &str) -> Option<Expected> {
        self.layout.expected(key)
    }

    /// Remembers what was written until it is read back. What is forgotten is read at the source again.
    pub(super) fn remember(&self, key: &str, digests: Digests) {
        let mut copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        if copied.len() >= REMEMBERED {
            copied.clear();
        }
        copied.insert(key.to_owned(), digests);
    }

    pub(super) fn recall(&self, key: &str) -> Option<Digests> {
        self.copied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key)
    }

    /// Whether the target holds the bytes that it should: those of the expected digest, or else those of the source.
    async fn is_right(&self, key: &str) -> Result<bool, Failure> {
        let expected = self.expected(key);
        let Backends { source, target } = &self.backends;
        let there = digests_of((TARGET, &**target), key, expected.as_ref(), || {}).await?;
        let Some((_, there)) = there else {
            return Ok(false);
        };
        if let Some(expected) = &expected {
            return Ok(there.are(expected));
        }
        match digests_of((SOURCE, &**source), key, None, || {}).await? {
            Some((_, here)) => Ok(here.sha256 == there.sha256),
            None => Err(Failure::unknown(
                MISSING_BLOB,
                format!(
                    "{SOURCE}: {key} is not there any more, and its key names no digest to hold the target against"
                ),
            )),
        }
    }
}

#[async_trait]
impl Migration for Blobs {
    type Item = Blob;
    type Observation = Observation;

    fn name(&self) -> MigrationName {
        MigrationName::new(NAME)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        let undo = Arc::clone(&self.backends.target);
        vec![
            Arc::new(Copy::undone_at(Arc::clone(&undo))),
            Arc::new(Verify::undone_at(undo)),
        ]
    }

    fn item_id(&self, item: &Blob) -> ItemId {
        ItemId::new(&*item.key)
    }

    fn added_at(&self, item: &Blob) -> Option<UnixMillis> {
        item.modified
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Blob, Failure>> {
        let prefix = self.layout.prefix(&unit.id.name);
        let after = within.after.as_ref().map(ItemId::as_str);
        let blobs = self
            .backends
            .source
            .list(&prefix, after)
            .filter_map(|entry| async {
                match entry {
                    Ok(entry) => Blob::of(entry)
                        .filter(|blob| self.layout.holds(&blob.key))
                        .map(Ok),
                    Err(error) => Some(Err(failure(SOURCE, &error))),
                }
            });
        let until = blobs.take_while(move |blob| {
            let is_behind = |blob: &Blob| within.passes(&ItemId::new(&*blob.key));
            std::future::ready(!blob.as_ref().is_ok_and(is_behind))
        });
        until.boxed()
    }

    async fn item(&self, _: &UnitContext, id: &ItemId) -> Result<Blob, Failure> {
        let key = id.as_str();
        let head = self
            .backends
            .source
            .head(key)
            .await
            .map_err(|error| failure(SOURCE, &error))?;
        let head = head.ok_or_else(|| {
            Failure::permanent(Reason::NOT_FOUND, format!("{SOURCE}: {key} is not there"))
        })?;
        Ok(Blob {
            key: key.to_owned(),
            size: head.size,
            modified: None,
        })
    }

    async fn probe(&self, unit: &UnitContext, item: &Blob) -> Result<Observation, Failure> {
        let Backends { source, target } = &self.backends;
        if let Some(why) = target.refusal(&item.key) {
            let why = format!("{TARGET}: it cannot hold {:?}: {why}", item.key);
            return Err(Failure::permanent(UNREPRESENTABLE_KEY, why));
        }
        let there = target
            .head(&item.key)
            .await
            .map_err(|error| failure(TARGET, &error))?;
        let mut size = item.size;
        if there.as_ref().is_some_and(|head| head.size != size) {
            // It may have been written again since it was listed.
            let here = source
                .head(&item.key)
                .await
                .map_err(|error| failure(SOURCE, &error))?;
            size = here.map_or(size, |head| head.size);
        }
        let is_right = match unit.depth() {
            Depth::Bytes if there.is_some() => Some(self.is_right(&item.key).await?),
            _ => None,
        };
        Ok(Observation {
            target: there,
            size,
            is_right,
        })
    }
}
