//! Building an upload's index and storing it in the customer's migration space.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;

use super::gateway::GATEWAY;
use super::remove_index::RemoveIndex;
use crate::client::Blob;
use crate::engine::{Depth, Gap, Step, StepContext, Undoer, UnitContext};
use crate::migrations::uploads::Uploads;
use crate::migrations::uploads::decide::{IndexState, index_state, strangers};
use crate::migrations::uploads::find::{Observation, StoredIndex, is_index_there};
use crate::migrations::uploads::grants::confirm;
use crate::migrations::uploads::item::Upload;
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::steps::build::build;
use crate::migrations::uploads::unit::customer;
use crate::model::{Effect, Failure, Noun, Reason, StepDone, StepInfo, StepName, StepState};
use crate::proto::index::{Unverifiable, link};
use crate::proto::key::Signer;
use crate::proto::multihash::Multihash;

/// Build the index and store it in the customer's migration space.
pub const STORE_INDEX: StepName = StepName::new("store-index");

pub(super) const INFO: StepInfo = StepInfo {
    name: STORE_INDEX,
    verb: "store",
    past: "stored",
    makes: Noun::new("index", "indexes"),
    done: StepDone::OncePerItem,
};

/// See the module.
pub(crate) struct StoreIndex {
    parts: Arc<Parts>,
    undo: RemoveIndex,
}

impl StoreIndex {
    pub(crate) fn new(parts: &Arc<Parts>) -> Self {
        Self {
            parts: Arc::clone(parts),
            undo: RemoveIndex(Arc::clone(parts)),
        }
    }
}

#[async_trait]
impl Step<Uploads> for StoreIndex {
    fn name(&self) -> StepName {
        STORE_INDEX
    }

    fn gaps(
        &self,
        _: &UnitContext,
        upload: &Upload,
        observed: &Observation,
    ) -> Result<Vec<Gap>, Failure> {
        let gaps = needs(upload, observed)?.into_iter();
        Ok(gaps.map(|gap| gap.reading(bytes(observed))).collect())
    }

    async fn apply(&self, context: &StepContext<'_, Uploads>, _: &Gap) -> Result<Effect, Failure> {
        let (_, stored, effect) = store(&self.parts, context).await?;
        let location = stored.location.cid().to_string();
        context.observed.note_stored(stored);
        Ok(effect.fact("location", location))
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(&self.undo)
    }

    fn residue(&self) -> &'static str {
        "the storage node keeps the bytes and its location claim; the bill keeps both entries"
    }
}

/// Bytes of the shards that are streamed to build the index, as far as their sizes are recorded.
fn bytes(observed: &Observation) -> Option<u64> {
    let sizes = observed
        .shards
        .iter()
        .filter_map(|shard| observed.rows.get(&shard.hash));
    sizes.map(|row| row.size).reduce(|sum, size| sum + size)
}

/// An index is needed unless a valid claim names one that covers the upload; not knowing is no need.
pub(crate) fn needs(upload: &Upload, observed: &Observation) -> Result<Vec<Gap>, Failure> {
    match index_state(observed) {
        IndexState::Right => Ok(Vec::new()),
        IndexState::Missing => {
            let why = match strangers(observed) {
                None => "no index is registered".to_owned(),
                Some(strangers) => format!("no index that counts is registered: {strangers}"),
            };
            Ok(vec![Gap::missing(upload.row.root.clone(), why)])
        }
        IndexState::Wrong(why) => Ok(vec![Gap::wrong(upload.row.root.clone(), why)]),
        IndexState::CannotTell(why) => Err(Failure::unknown(Reason::COULD_NOT_TELL, why)),
    }
}

/// Builds and stores; the effect says whether the index was there already. Repeating it stores nothing twice: the same
/// shards give the same bytes.
pub(crate) async fn store(
    parts: &Arc<Parts>,
    context: &StepContext<'_, Uploads>,
) -> Result<(Signer, StoredIndex, Effect), Failure> {
    let (observed, upload) = (context.observed, context.item);
    let customer = customer(context.unit)?;
    let confirmed = confirm(parts, context.unit).await;
    confirmed.map_err(|failure| of_whole_space(context.unit, failure))?;
    let cids: Vec<_> = observed.shards.iter().map(|shard| shard.cid).collect();
    let asked;
    let rows = if observed.rows.is_empty() {
        asked = parts
            .services
            .tables
            .shard_rows(&upload.row.space, &cids)
            .await?;
        &asked
    } else {
        &observed.rows
    };
    parts.name_refusal_of_writes().await;
    let unverifiable = if parts.settings.index_unverified {
        Unverifiable::Accept
    } else {
        Unverifiable::Refuse
    };
    let built = build(parts, observed, rows, unverifiable, &context.heartbeat).await?;
    let archive = built.index.archive();
    let index = link(&archive);
    let space = parts.spaces.ensure(&customer, &context.unit.clock).await?;
    let effect = Effect::new("index-stored", index.to_string())
        .fact("space", space.did().as_str())
        .fact("bytes", archive.len().to_string());
    let effect = match built.unverified {
        0 => effect,
        blocks => {
            parts.unverified.fetch_add(blocks, Ordering::Relaxed);
            effect.fact("unverified_blocks", blocks.to_string())
        }
    };
    let effect = if has_index(parts, context.unit, &space, &index).await? {
        effect.found()
    } else {
        let effect = effect.reversible();
        context.intend(&effect).await?;
        effect
    };
    let stored = parts
        .services
        .upload
        .add_blob(&space, &Blob::new(Bytes::from(archive)))
        .await?;
    Ok((
        space,
        StoredIndex {
            link: index,
            location: stored.location,
        },
        effect,
    ))
}

/// A conflict that the space's own step has met, too, is the cause of all of its uploads.
fn of_whole_space(unit: &UnitContext, failure: Failure) -> Failure {
    match unit.step(&GATEWAY) {
        Some(StepState::Failed(cause)) if cause.reason == failure.reason => Failure {
            step: Some(GATEWAY),
            ..failure
        },
        _ => failure,
    }
}

/// Whether the space has the index. One whose bytes are gone is removed first, since the service would answer from its
/// memory that it is there.
async fn has_index(
    parts: &Parts,
    unit: &UnitContext,
    space: &Signer,
    index: &Cid,
) -> Result<bool, Failure> {
    let (services, digest) = (&parts.services, Multihash::of(index));
    if !services.tables.has_blob(space.did(), &digest).await? {
        return Ok(false);
    }
    if unit.depth() < Depth::Presence || is_index_there(parts, &digest).await? {
        return Ok(true);
    }
    services.upload.remove_blob(space, &digest).await?;
    Ok(false)
}
