//! Asking the world about one upload.

use std::collections::{BTreeMap, BTreeSet};

use cid::Cid;

use super::claimants::tell_claimants;
use super::observation::{Claims, Observation, Shard};
use super::presence::{could_not_tell, presence};
use super::read::{Keys, read};
use crate::client::{Answer, HASHES, QueryKind};
use crate::engine::{Depth, UnitContext};
use crate::migrations::uploads::decide;
use crate::migrations::uploads::item::Upload;
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::Failure;
use crate::proto::CustomerDid;
use crate::proto::claims::Claim;
use crate::proto::multihash::{Multihash, codec};
use crate::proto::ucan::Delegation;

/// Asks for the claims of root and shards, in one query, and for sizes only if the index does not tell them.
///
/// Trouble is "could not tell" and never an absence (docs/protocol/pitfalls.md 21, 22).
pub(crate) async fn probe(
    parts: &Parts,
    unit: &UnitContext,
    upload: &Upload,
) -> Result<Observation, Failure> {
    let now = unit.clock.unix_secs();
    let root = upload.root()?;
    let listed = shards(parts, upload).await?;
    let root_hash = Multihash::of(&root);
    let hashes =
        std::iter::once(root_hash.clone()).chain(listed.iter().map(|shard| shard.hash.clone()));
    let claims = claims(parts, hashes.collect()).await?;
    let mut observed = Observation::new(root, listed, claims, now);
    tell_claimants(parts, unit, upload, &mut observed).await?;
    if observed.shards.is_empty() {
        recover_shards(parts, &mut observed).await?;
    }
    if !decide::knows_sizes(&observed) {
        observed.rows = rows(parts, upload, &observed.shards).await?;
    }
    observed.removed = removed(parts, unit, &observed).await?;
    if unit.depth() >= Depth::Presence {
        observed.absent = presence(parts, &upload.row.space, &observed).await?;
    }
    Ok(observed)
}

/// Indexes of the customer's migration space that it has no more: a rollback took them back, and the storage node may
/// drop them any day.
async fn removed(
    parts: &Parts,
    unit: &UnitContext,
    observed: &Observation,
) -> Result<BTreeSet<Cid>, Failure> {
    let mut removed = BTreeSet::new();
    let root = Multihash::of(&observed.root);
    let (Ok(customer), found) = (
        unit.id.owner.parse::<CustomerDid>(),
        &observed.claims.indexes,
    ) else {
        return Ok(removed);
    };
    for index in found.iter().filter(|found| found.content == root) {
        if !index.issuer.as_str().starts_with("did:key:") {
            continue;
        }
        let own = parts.spaces.name(&customer).await?;
        if own.is_none_or(|own| own.as_str() != index.issuer.as_str()) {
            continue;
        }
        let digest = Multihash::of(&index.link);
        let kept = parts.services.tables.has_blob(&index.issuer, &digest).await;
        if !kept.map_err(could_not_tell)? {
            removed.insert(index.link);
        }
    }
    Ok(removed)
}

/// The shards of the row, or of the object that lists very many.
async fn shards(parts: &Parts, upload: &Upload) -> Result<Vec<Shard>, Failure> {
    let cids = match &upload.row.shards_ref {
        Some(key) if upload.row.shards.is_empty() => parts
            .services
            .tables
            .listed_shards(key)
            .await
            .map_err(could_not_tell)?,
        _ => upload.listed_shards()?,
    };
    let mut shards: Vec<Shard> = cids.into_iter().map(Shard::new).collect();
    // Two spellings of one shard are one shard.
    let mut observed = std::collections::BTreeSet::new();
    shards.retain(|shard| observed.insert(shard.hash.clone()));
    Ok(shards)
}

/// Asks for the claims of all hashes: in one query, or in a few if there are very many.
async fn claims(parts: &Parts, hashes: Vec<Multihash>) -> Result<Claims, Failure> {
    let mut claims = Claims::default();
    for hashes in hashes.chunks(HASHES) {
        let asked = parts
            .services
            .indexing
            .claims(hashes, &[], QueryKind::Standard);
        // The answer is gone before the next is asked for: it takes of the memory for all answers.
        let answer = asked.await.map_err(could_not_tell)?;
        claims.extend(of_answer(parts, &answer).await?);
    }
    Ok(claims)
}

async fn of_answer(parts: &Parts, answer: &Answer) -> Result<Claims, Failure> {
    let mut keys = keys_of(parts, answer).await?;
    let claims = read(answer, &keys);
    // An issuer may sign with another key since it was asked for them.
    let mut others = false;
    for issuer in claims.misfits() {
        let Some(observed) = keys.get(issuer) else {
            continue;
        };
        let asked = parts.services.issuers.other_keys(issuer, observed).await;
        if let Some(now) = asked.map_err(could_not_tell)? {
            keys.insert(issuer.clone(), now);
            others = true;
        }
    }
    Ok(if others { read(answer, &keys) } else { claims })
}

/// The keys of all issuers whose claims may count.
async fn keys_of(parts: &Parts, answer: &Answer) -> Result<Keys, Failure> {
    let mut keys = Keys::new();
    for issuer in answer
        .claims
        .iter()
        .filter(|claim| may_count(claim))
        .map(Delegation::issuer)
    {
        if parts.trust.issuers.contains(issuer) && !keys.contains_key(issuer) {
            let known = parts.services.issuers.keys(issuer).await;
            keys.insert(issuer.clone(), known.map_err(could_not_tell)?);
        }
    }
    Ok(keys)
}

/// Whether it matters who signed a claim: a location that names no space is replaced whoever did.
fn may_count(claim: &Delegation) -> bool {
    match Claim::of(claim) {
        Ok(Claim::Location(location)) => location.space.is_some(),
        Ok(Claim::Index(_)) => true,
        Ok(_) | Err(_) => false,
    }
}

/// An upload that names no shards has those of its index; their claims are asked for then.
async fn recover_shards(parts: &Parts, observed: &mut Observation) -> Result<(), Failure> {
    let hashes = decide::indexed_shards(observed)?;
    let found = claims(parts, hashes.clone()).await?;
    let shard = |hash: Multihash| {
        let cid = hash.cid(codec::CAR);
        let cid =
            cid.map_err(|error| Failure::permanent(reasons::CORRUPT_INDEX, error.to_string()))?;
        Ok(Shard { cid, hash })
    };
    observed.shards = hashes
        .into_iter()
        .map(shard)
        .collect::<Result<_, Failure>>()?;
    observed.claims.locations.extend(found.locations);
    Ok(())
}

async fn rows(
    parts: &Parts,
    upload: &Upload,
    shards: &[Shard],
) -> Result<BTreeMap<Multihash, crate::client::ShardRow>, Failure> {
    let cids: Vec<_> = shards.iter().map(|shard| shard.cid).collect();
    parts
        .services
        .tables
        .shard_rows(&upload.row.space, &cids)
        .await
        .map_err(could_not_tell)
}
