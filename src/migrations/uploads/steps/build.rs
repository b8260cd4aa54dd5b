//! Building the index of an upload from its shards, which are read once and never held.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use url::Url;

use crate::client::{CarparkBlob, Layout, ShardRow};
use crate::engine::Pulse;
use crate::migrations::uploads::find::{Seen, Shard, check_length, nowhere};
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
    seen: &Seen,
    rows: &BTreeMap<Multihash, ShardRow>,
    unverifiable: Unverifiable,
    pulse: &Pulse,
) -> Result<Built, Failure> {
    let read = |shard: &Shard| {
        let known = (rows.get(&shard.hash).copied(), seen.known_places(shard));
        let how = (unverifiable, pulse);
        read_shard(Arc::clone(parts), seen, shard.clone(), known, how)
    };
    let all: Vec<_> = seen.shards.iter().map(read).collect();
    let shards: Vec<IndexedShard> = stream::iter(all)
        .buffered(parts.shards_at_once.max(1))
        .try_collect()
        .await?;
    let mut index = ShardedDagIndex::new(seen.root);
    let unverified = shards.iter().map(|shard| shard.unverified).sum();
    for shard in shards {
        index.add(shard);
    }
    if index.leads_to(&Multihash::of(&seen.root)) {
        return Ok(Built { index, unverified });
    }
    Err(Failure::permanent(
        reasons::MISSING_ROOT,
        format!(
            "root {} is in none of the {} shards that its upload names",
            seen.root,
            seen.shards.len()
        ),
    ))
}

async fn read_shard(
    parts: Arc<Parts>,
    seen: &Seen,
    shard: Shard,
    (row, known): (Option<ShardRow>, Vec<Url>),
    (unverifiable, pulse): (Unverifiable, &Pulse),
) -> Result<IndexedShard, Failure> {
    let layout = row.map_or(Layout::Blob, |row| Layout::from(row.protocol));
    let opened = parts
        .services
        .carpark
        .open(&shard.hash, layout, &known)
        .await?;
    let Some((place, mut blob)) = opened else {
        return Err(nowhere(seen, &parts.trust, &shard)?);
    };
    let size = row.map(|row| row.size).or(place.length);
    check_length(&shard, row.map(|row| row.size), place.length)?;
    seen.note_located(&shard.hash, place);
    let name = match size {
        Some(size) => Name::Known {
            hash: shard.hash.clone(),
            size,
        },
        None => Name::Later,
    };
    let mut builder = ShardBuilder::new(name, car::Limits::default(), unverifiable);
    feed(&mut blob, &mut builder, &shard, pulse).await?;
    builder
        .finish_as(shard.hash.clone())
        .map_err(|error| refused(&shard, &error))
}

async fn feed(
    blob: &mut CarparkBlob,
    builder: &mut ShardBuilder,
    shard: &Shard,
    pulse: &Pulse,
) -> Result<(), Failure> {
    while let Some(piece) = blob.next().await? {
        pulse.beat();
        builder
            .push(&piece)
            .map_err(|error| refused(shard, &error))?;
        // Hashing a piece takes a good part of a millisecond: others want their turn.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn refused(shard: &Shard, error: &index::Error) -> Failure {
    let reason = match error {
        index::Error::Size { .. } => reasons::WRONG_SIZE,
        index::Error::Car(
            // Other readers may take what this one does not.
            car::Error::Version(_)
            | car::Error::Header(_)
            | car::Error::LargeHeader { .. }
            | car::Error::LargeCid { .. }
            | car::Error::LargeBlock { .. }
            | car::Error::Sections(_),
        ) => reasons::UNSUPPORTED_CAR,
        index::Error::Block {
            source: multihash::Error::Unverifiable { .. },
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
        let block = |source| index::Error::Block {
            id: car::BlockId::from_bytes(&shard.cid.to_bytes()).unwrap(),
            offset: 9,
            source,
        };
        let unverifiable = multihash::Error::Unverifiable {
            code: 0xd5,
            length: 16,
        };
        for (error, reason) in [
            (block(unverifiable), reasons::UNVERIFIABLE_HASH),
            (
                block(multihash::Error::Mismatch(shard.hash.clone())),
                reasons::CORRUPT_CAR,
            ),
            (car::Error::Version(7).into(), reasons::UNSUPPORTED_CAR),
            (
                car::Error::Header(HeaderError::Key).into(),
                reasons::UNSUPPORTED_CAR,
            ),
            (car::Error::Sections(4).into(), reasons::UNSUPPORTED_CAR),
            (car::Error::TruncatedHeader(3).into(), reasons::CORRUPT_CAR),
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
