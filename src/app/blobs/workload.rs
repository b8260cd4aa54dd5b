//! What the blobs migration adds to a session.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;

use crate::app::session::{Connecting, Workload};
use crate::engine::Depth;
use crate::migrations::blobs::{Backends, Blobs, Layout, REASONS, VOCABULARY};
use crate::model::{Reasons, Vocabulary};
use crate::state::Namespace;

/// Why blobs fail, and what an operator does about it.
#[must_use]
pub fn reasons() -> Reasons {
    REASONS
}

/// One job, with both of its backends open.
pub struct BlobsWorkload {
    /// The state of this migration.
    pub namespace: Namespace,
    /// What the job moves between.
    pub backends: Backends,
    /// How keys are made.
    pub layout: Layout,
    /// What differs on the target is replaced; else it is refused.
    pub replace: bool,
}

#[async_trait]
impl Workload for BlobsWorkload {
    type Migration = Blobs;
    type Findings = ();

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn vocabulary(&self) -> &'static Vocabulary {
        &VOCABULARY
    }

    async fn connect(&self, _: Connecting<'_>) -> Result<Arc<Blobs>> {
        Ok(Arc::new(Blobs::new(
            self.backends.clone(),
            self.layout.clone(),
            self.replace,
        )))
    }

    fn not_checked(&self, depth: Depth) -> Vec<String> {
        let said = match depth {
            Depth::Bytes => "blobs that only the target has",
            Depth::Records | Depth::Presence => {
                "the bytes on the target, which --deep reads; blobs that only the target has"
            }
        };
        vec![said.to_owned()]
    }
}
