//! Building the index of an upload from its shards, which are read once and never held.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use url::Url;

use crate::client::{CarparkBlob, Layout, ShardRow};
use crate::engine::Heartbeat;
use crate::migrations::uploads::find::{Observation, Shard, check_length, nowhere};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::Failure;
use crate::proto::car;
use crate::proto::index::{
    self, Name, Shard as IndexedShard, ShardBuilder, ShardedDagIndex, Unverifiable,
};
use crate::proto::multihash::{self, Multihash};

/// The index of an upload.
pub(crate) struct Built {
    pub(crate) index: ShardedDagIndex,
    /// Blocks in it whose hash was not checked.
    pub(crate) unverified: u64,
}

/// Reads every shard of an upload, checks the hash of every block, and gives the index.
pub(crate) async fn build(
    parts: &Arc<Parts>,
    observed: &Observation,
    rows: &BTreeMap<Multihash, ShardRow>,
    unverifiable: Unverifiable,
    heartbeat: &Heartbeat,
) -> Result<Built, Failure> {
    let read = |shard: &Shard| {
        let known = (rows.get(&shard.hash).copied(), observed.known_places(shard));
        let how = (unverifiable, heartbeat);
        read_shard(Arc::clone(parts), observed, shard.clone(), known, how)
    };
    let all: Vec<_> = observed.shards.iter().map(read).collect();
    let shards: Vec<IndexedShard> = stream::iter(all)
        .buffered(parts.shards_at_once.max(1))
        .try_collect()
        .await?;
    let mut index = ShardedDagIndex::new(observed.root);
    let unverified = shards.iter().map(|shard| shard.unverified).sum();
    for shard in shards {
        index.add(shard);
    }
    if index.leads_to(&Multihash::of(&observed.root)) {
        return Ok(Built { index, unverified });
    }
    Err(Failure::permanent(
        reasons::MISSING_ROOT,
        format!(
            "root {} is in none of the {} shards that its upload names",
            observed.root,
            observed.shards.len()
        ),
    ))
}

async fn read_shard(
    parts: Arc<Parts>,
    observed: &Observation,
    shard: Shard,
    (row, known): (Option<ShardRow>, Vec<Url>),
    (unverifiable, heartbeat): (Unverifiable, &Heartbeat),
) -> Result<IndexedShard, Failure> {
    let layout = row.map_or(Layout::Blob, |row| Layout::from(row.protocol));
    let opened = parts
        .services
        .carpark
        .open(&shard.hash, layout, &known)
        .await?;
    let Some((place, mut blob)) = opened else {
        return Err(nowhere(observed, &parts.trust, &shard)?);
    };
    let size = row.map(|row| row.size).or(place.length);
    check_length(&shard, row.map(|row| row.size), place.length)?;
    observed.note_located(&shard.hash, place);
    let name = match size {
        Some(size) => Name::Known {
            hash: shard.hash.clone(),
            size,
        },
        None => Name::Later,
    };
    let mut builder = ShardBuilder::new(name, car::Limits::default(), unverifiable);
    feed(&mut blob, &mut builder, &shard, heartbeat).await?;
    builder
        .finish_as(shard.hash.clone())
        .map_err(|error| refused(&shard, &error))
}

async fn feed(
    blob: &mut CarparkBlob,
    builder: &mut ShardBuilder,
    shard: &Shard,
    heartbeat: &Heartbeat,
) -> Result<(), Failure> {
    while let Some(piece) = blob.next().await? {
        heartbeat.beat();
        builder
            .push(&piece)
            .map_err(|error| refused(shard, &error))?;
        // Hashing a piece takes a good part of a millisecond: others want their turn.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn refused(shard: &Shard, error: &index::IndexError) -> Failure {
    let reason = match error {
        index::IndexError::Size { .. } => reasons::WRONG_SIZE,
        index::IndexError::Car(
            // Other readers may take what this one does not.
            car::CarError::Version(_)
            | car::CarError::Header(_)
            | car::CarError::LargeHeader { .. }
            | car::CarError::LargeCid { .. }
            | car::CarError::LargeBlock { .. }
            | car::CarError::Sections(_),
        ) => reasons::UNSUPPORTED_CAR,
        index::IndexError::Block {
            source: multihash::MultihashError::Unverifiable { .. },
            ..
        } => reasons::UNVERIFIABLE_HASH,
        _ => reasons::CORRUPT_CAR,
    };
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    Failure::permanent(reason, format!("shard {}: {text}", shard.cid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::car::HeaderError;
    use crate::proto::multihash::{Multihash, codec};

    /// Data is called corrupt only where its bytes contradict themselves; what this program cannot do is no fault of it.
    #[test]
    fn the_data_is_not_blamed_for_what_cannot_be_done_here() {
        let shard = Shard::new(Multihash::sha256(b"shard").cid(codec::CAR).unwrap());
        let block = |source| index::IndexError::Block {
            id: car::BlockId::from_bytes(&shard.cid.to_bytes()).unwrap(),
            offset: 9,
            source,
        };
        let unverifiable = multihash::MultihashError::Unverifiable {
            code: 0xd5,
            length: 16,
        };
        for (error, reason) in [
            (block(unverifiable), reasons::UNVERIFIABLE_HASH),
            (
                block(multihash::MultihashError::Mismatch(shard.hash.clone())),
                reasons::CORRUPT_CAR,
            ),
            (car::CarError::Version(7).into(), reasons::UNSUPPORTED_CAR),
            (
                car::CarError::Header(HeaderError::Key).into(),
                reasons::UNSUPPORTED_CAR,
            ),
            (car::CarError::Sections(4).into(), reasons::UNSUPPORTED_CAR),
            (
                car::CarError::TruncatedHeader(3).into(),
                reasons::CORRUPT_CAR,
            ),
        ] {
            let failure = refused(&shard, &error);
            assert_eq!(
                (failure.class, failure.reason),
                (crate::model::Class::Permanent, reason)
            );
            let blames = reasons::REASONS
                .advice(failure.reason)
                .contains("are damaged");
            assert_eq!(blames, reason == reasons::CORRUPT_CAR, "{reason}");
        }
    }
}
