//! The closest look: every byte of index and shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use cid::Cid;

use super::decide::right_indexes;
use super::find::{Observation, could_not_tell};
use super::item::Upload;
use super::parts::Parts;
use super::steps::build;
use crate::client::Layout;
use crate::engine::Heartbeat;
use crate::migrations::uploads::reasons;
use crate::model::{Class, Failure, Reason};
use crate::proto::index::{ShardedDagIndex, Unverifiable};
use crate::proto::multihash::{self, Multihash};

/// Reads the shards of an upload, checks every block, and compares what lies where with each index that counts, whose
/// own bytes are read too. What is wrong is noted in `observed`.
pub(super) async fn read(
    parts: &Arc<Parts>,
    upload: &Upload,
    observed: &mut Observation,
) -> Result<(), Failure> {
    if observed.absent.damage.is_some() {
        return Ok(());
    }
    let cids: Vec<_> = observed.shards.iter().map(|shard| shard.cid).collect();
    let tables = &parts.services.tables;
    let rows = tables.shard_rows(&upload.row.space, &cids).await;
    let rows = rows.map_err(could_not_tell)?;
    let heartbeat = Heartbeat::default();
    let reading = build(parts, observed, &rows, Unverifiable::Refuse, &heartbeat);
    let built = match reading.await {
        Ok(built) => built.index,
        // Nothing is known to be damaged, and nothing can be said of it.
        Err(failure) if failure.reason == reasons::UNVERIFIABLE_HASH => {
            return Err(Failure::unknown(failure.reason, failure.message));
        }
        Err(failure) if failure.class == Class::Permanent => {
            observed.absent.damage = Some(failure);
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let root = Multihash::of(&observed.root);
    if root.code() != multihash::IDENTITY && built.find(&root).next().is_none() {
        let text = format!("the root {} is in none of its shards", observed.root);
        observed.absent.damage = Some(Failure::permanent(reasons::CORRUPT_CAR, text));
        return Ok(());
    }
    for link in right_indexes(observed) {
        let index = parts.services.indexing.index(&root, &link).await;
        let index = index.map_err(could_not_tell)?.ok_or_else(|| {
            let text = format!("index {link} did not come along a second time");
            Failure::unknown(Reason::COULD_NOT_TELL, text)
        })?;
        let why = match differs(&index, &built) {
            Some(why) => Some(why),
            None => damaged(parts, &link).await?,
        };
        if let Some(why) = why {
            observed.absent.indexes.insert(link, why);
        }
    }
    Ok(())
}

/// The first block of the shards, or shard, that an index has elsewhere or not at all.
fn differs(index: &ShardedDagIndex, built: &ShardedDagIndex) -> Option<String> {
    for (shard, _) in built.shards() {
        let said: BTreeMap<_, _> = index.slices(shard)?.into_iter().collect();
        for (slice, position) in built.slices(shard)? {
            if said.get(slice) != Some(&position) {
                return Some(format!(
                    "which does not say where {slice} lies in shard {shard}"
                ));
            }
        }
    }
    None
}

/// Whether the bytes that are served as an index are others; that they are nowhere was seen before.
async fn damaged(parts: &Parts, link: &Cid) -> Result<Option<String>, Failure> {
    let digest = Multihash::of(link);
    let carpark = &parts.services.carpark;
    let opened = carpark.open(&digest, Layout::Blob, &[]).await;
    let Some((_, mut blob)) = opened.map_err(could_not_tell)? else {
        return Ok(None);
    };
    let unverifiable = |error: multihash::MultihashError| {
        Failure::unknown(reasons::UNVERIFIABLE_HASH, format!("index {link}: {error}"))
    };
    let mut hasher = digest.hasher().map_err(unverifiable)?;
    while let Some(piece) = blob.next().await.map_err(could_not_tell)? {
        hasher.update(&piece);
    }
    let same = hasher.check(&digest).is_ok();
    Ok((!same).then(|| "whose bytes in the carpark differ".to_owned()))
}
