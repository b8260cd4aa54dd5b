//! A job over blobs, connected, and what a probe shows of a blob.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::digest::{Digests, Expected};
use super::layout::Layout;
use super::reasons::MISSING_BLOB;
use super::transfer::{SOURCE, TARGET, digests_of};
use crate::client::blobs::{Backend, Head};
use crate::model::Failure;

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
    /// Whether what differs on the target is replaced; else it is refused.
    pub(super) replace: bool,
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
    /// A job between these backends. What differs on the target is replaced if `replace` says so, and refused if not.
    #[must_use]
    pub fn new(backends: Backends, layout: Layout, replace: bool) -> Self {
        Self {
            backends,
            layout,
            replace,
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
    pub(super) async fn is_right(&self, key: &str) -> Result<bool, Failure> {
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
