//! Provider records of a hash: cache, then IPNI and legacy (docs/protocol/claims.md §5).

use super::record::{Kind, Record};
use super::state::{Indexer, millis};
use super::{ipni, legacy};
use crate::proto::Did;
use crate::proto::ipni::{Metadata, context_id};
use crate::proto::multihash::Multihash;
use crate::sandbox::kv_store::Item;

/// One thing a record says about a hash.
pub(super) struct Known {
    pub(super) record: Record,
    pub(super) metadata: Metadata,
}

/// Why records could not be looked up: the legacy claims failed and IPNI had nothing.
#[derive(Debug, thiserror::Error)]
#[error("fetching provider records: {0}")]
pub(super) struct LookupError(pub(super) String);

/// What is known about a hash of the wanted kinds. Locations for other spaces than `spaces` are left out (none given:
/// all stay), after all caches.
pub(super) async fn find(
    indexer: &Indexer,
    digest: &Multihash,
    kinds: &[Kind],
    spaces: &[Did],
) -> Result<Vec<Known>, LookupError> {
    let records = records(indexer, digest, kinds).await?;
    let contexts: Vec<_> = spaces
        .iter()
        .map(|space| context_id(Some(space), digest))
        .collect();
    let mut known = Vec::new();
    for record in records {
        let in_space = contexts.is_empty()
            || contexts
                .iter()
                .any(|context| context.as_bytes() == record.context);
        for metadata in record.protocols() {
            let Some(kind) = Kind::of(&metadata) else {
                continue;
            };
            if kinds.contains(&kind) && (kind != Kind::Location || in_space) {
                known.push(Known {
                    record: record.clone(),
                    metadata,
                });
            }
        }
    }
    Ok(known)
}

async fn records(
    indexer: &Indexer,
    digest: &Multihash,
    kinds: &[Kind],
) -> Result<Vec<Record>, LookupError> {
    let network = &indexer.network;
    let now = network.clock.now().0;
    let cached: Vec<Record> = network
        .shelf
        .list(&cached_group(digest), now)
        .into_iter()
        .filter_map(|(_, value)| Record::decode(&value))
        .filter(|record| record.is_any(kinds))
        .collect();
    if !cached.is_empty() {
        return Ok(cached);
    }
    let from_ipni = ask_ipni(indexer, digest, kinds);
    let found = if from_ipni.is_empty() {
        let legacy = legacy::records(network, digest)
            .await
            .map_err(LookupError)?;
        legacy
            .into_iter()
            .filter(|record| record.is_any(kinds))
            .collect()
    } else {
        from_ipni
    };
    let lifetime = millis(network.lifetimes.providers);
    remember(
        indexer,
        found.iter().map(|record| (digest, record)),
        now.checked_add(lifetime),
    );
    Ok(found)
}

/// What IPNI has; kinds it has nothing of are not asked for again until "nothing" is forgotten.
fn ask_ipni(indexer: &Indexer, digest: &Multihash, kinds: &[Kind]) -> Vec<Record> {
    let network = &indexer.network;
    let now = network.clock.now().0;
    let nothing = format!("indexer/nothing/{digest}");
    let open: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| network.shelf.get(&nothing, kind.name(), now).is_none())
        .collect();
    if open.is_empty() {
        return Vec::new();
    }
    let found: Vec<Record> = ipni::found(network, digest)
        .into_iter()
        .filter(|record| record.is_any(&open))
        .collect();
    let gone = now.saturating_add(millis(network.lifetimes.nothing));
    let missing = open
        .iter()
        .filter(|kind| !found.iter().any(|record| record.is_any(&[**kind])));
    let items = missing.map(|kind| Item {
        group: nothing.clone(),
        id: kind.name().to_owned(),
        value: bytes::Bytes::new(),
        expires: Some(gone),
    });
    if let Err(error) = network.shelf.put_all(items.collect()) {
        tracing::error!(%error, "what IPNI does not have is not remembered");
    }
    found
}

/// Writes records into the provider cache until a Unix millisecond (`None`: without limit).
pub(super) fn remember<'a>(
    indexer: &Indexer,
    records: impl Iterator<Item = (&'a Multihash, &'a Record)>,
    expires: Option<u64>,
) {
    let items = records.map(|(digest, record)| Item {
        group: cached_group(digest),
        id: record.id(),
        value: record.encode().into(),
        expires,
    });
    if let Err(error) = indexer.network.shelf.put_all(items.collect()) {
        tracing::error!(%error, "provider records are not remembered");
    }
}

fn cached_group(digest: &Multihash) -> String {
    format!("indexer/providers/{digest}")
}
