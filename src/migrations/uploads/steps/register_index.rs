//! Making a stored index findable.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::publish::claim_addresses;
use super::remove_index::RemoveIndex;
use super::store_index::{needs, store};
use crate::client::{CacheRequest, lacks_location};
use crate::engine::{Gap, Step, StepContext, Undoer, UnitContext};
use crate::migrations::uploads::Uploads;
use crate::migrations::uploads::find::{Observation, StoredIndex};
use crate::migrations::uploads::item::Upload;
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::unit::customer;
use crate::model::{Effect, Failure, Noun, StepDone, StepInfo, StepName};
use crate::proto::claims::Claim;
use crate::proto::key::Signer;

/// How often registering is tried after the node's claim was sent again.
const TRIES: u32 = 3;

/// Make the index findable.
pub const REGISTER_INDEX: StepName = StepName::new("register-index");

pub(super) const INFO: StepInfo = StepInfo {
    name: REGISTER_INDEX,
    verb: "register",
    past: "registered",
    makes: Noun::new("index", "indexes"),
    done: StepDone::OncePerItem,
};

/// See the module.
pub(crate) struct RegisterIndex {
    parts: Arc<Parts>,
    undo: RemoveIndex,
}

impl RegisterIndex {
    pub(crate) fn new(parts: &Arc<Parts>) -> Self {
        Self {
            parts: Arc::clone(parts),
            undo: RemoveIndex(Arc::clone(parts)),
        }
    }
}

#[async_trait]
impl Step<Uploads> for RegisterIndex {
    fn name(&self) -> StepName {
        REGISTER_INDEX
    }

    fn gaps(
        &self,
        _: &UnitContext,
        upload: &Upload,
        observed: &Observation,
    ) -> Result<Vec<Gap>, Failure> {
        needs(upload, observed)
    }

    async fn apply(&self, context: &StepContext<'_, Uploads>, _: &Gap) -> Result<Effect, Failure> {
        let parts = &self.parts;
        let (space, stored) = if let Some(stored) = context.observed.stored() {
            let customer = customer(context.unit)?;
            (
                parts.spaces.ensure(&customer, &context.unit.clock).await?,
                stored,
            )
        } else {
            // Stored in an earlier life: storing again finds it there and gives its place.
            let (space, stored, _) = store(parts, context).await?;
            (space, stored)
        };
        self.register(context, &space, &stored).await?;
        Ok(Effect::new("index-registered", stored.link.to_string())
            .fact("content", context.observed.root.to_string())
            .fact("space", space.did().as_str()))
    }

    /// Of an index that this step had to store.
    fn undo(&self) -> Option<&dyn Undoer> {
        Some(&self.undo)
    }

    fn residue(&self) -> &'static str {
        "the indexing service has no way to withdraw a claim"
    }
}

impl RegisterIndex {
    /// The service must know where the index blob lies. The storage node tells it; where that was lost, the node's
    /// own claim is sent again, since no other issuer's counts (docs/protocol/pitfalls.md 2).
    async fn register(
        &self,
        context: &StepContext<'_, Uploads>,
        space: &Signer,
        stored: &StoredIndex,
    ) -> Result<(), Failure> {
        let indexing = &self.parts.services.indexing;
        let mut tries = 0;
        loop {
            let error = match indexing
                .assert_index(space, &context.observed.root, &stored.link)
                .await
            {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            tries += 1;
            if !lacks_location(&error) || tries > TRIES {
                return Err(error.into());
            }
            indexing.cache(&[self.node_claim(stored)?]).await?;
            tokio::time::sleep(Duration::from_millis(200) * tries).await;
        }
    }

    fn node_claim(&self, stored: &StoredIndex) -> Result<CacheRequest, Failure> {
        let url = match Claim::of(&stored.location) {
            Ok(Claim::Location(location)) => location.location.into_iter().next(),
            _ => None,
        };
        let addresses =
            claim_addresses(&self.parts.network, &stored.link, &url.unwrap_or_default())?;
        Ok(CacheRequest {
            claim: stored.location.clone(),
            addresses: addresses.bytes(),
        })
    }
}
