//! `assert/index`: content is made findable, block by block (docs/protocol/claims.md §6).

use cid::Cid;

use crate::proto::Verifier;
use crate::proto::claims::Claim;
use crate::proto::index::ShardedDagIndex;
use crate::proto::ipni::{Metadata, encode_metadata};
use crate::proto::multihash::Multihash;
use crate::sandbox::indexer::claims;
use crate::sandbox::indexer::fetch;
use crate::sandbox::indexer::ipni::Advert;
use crate::sandbox::indexer::lookup::{Known, find, remember};
use crate::sandbox::indexer::record::Kind;
use crate::sandbox::indexer::state::{Indexer, millis};
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success};

/// Publishes an index: fetches it through a valid location claim, and advertises every slice.
pub(crate) async fn publish(indexer: &Indexer, call: &Call) -> Answer {
    let Claim::Index(claim) =
        Claim::read(&call.capability).map_err(|error| Failure::thrown(&error))?
    else {
        return Err(Failure::broke("not an index claim"));
    };
    if !matches!(claim.content, crate::proto::claims::Content::Link(_)) {
        return Err(Failure::broke("content is not a link"));
    }
    claims::store(indexer, &call.invocation).await?;
    let index = located(indexer, &claim.index).await?;
    let metadata = Metadata::Index {
        claim: *call.invocation.cid(),
        expiration: call.invocation.expiration().unwrap_or_default(),
        index: claim.index,
    };
    let mut digests: Vec<Multihash> = index
        .shards()
        .into_iter()
        .flat_map(|(_, slices)| slices.keys().cloned())
        .collect();
    digests.sort_unstable();
    digests.dedup();
    announce(indexer, claim.index.to_bytes(), &metadata, digests)
}

/// Advertises as this service, and shows the record at once.
pub(super) fn announce(
    indexer: &Indexer,
    context: Vec<u8>,
    metadata: &Metadata,
    digests: Vec<Multihash>,
) -> Answer {
    let metadata = encode_metadata(std::slice::from_ref(metadata));
    let advert = Advert {
        provider: indexer.provider()?,
        context,
        metadata,
        digests,
    };
    let network = &indexer.network;
    let record = advert.record();
    let lifetimes = network.lifetimes;
    let gone = network
        .clock
        .now()
        .0
        .saturating_add(millis(lifetimes.advert + lifetimes.providers));
    remember(
        indexer,
        advert.digests.iter().map(|digest| (digest, &record)),
        Some(gone),
    );
    advert.publish(network)?;
    Ok(Success::done())
}

/// The index, from the first of its locations whose claim is valid and whose URL gives it.
async fn located(indexer: &Indexer, index: &Cid) -> Result<ShardedDagIndex, Failure> {
    let digest = Multihash::of(index);
    let locations = find(indexer, &digest, &[Kind::Location], &[])
        .await
        .map_err(|error| Failure::thrown(&error))?;
    if locations.is_empty() {
        return Err(Failure::broke(&format!(
            "no location commitments found for index: {index}"
        )));
    }
    let mut reasons = Vec::new();
    for location in &locations {
        match read(indexer, location, &digest).await {
            Ok(read) => return Ok(read),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(Failure::broke(&format!(
        "fetching index: {}",
        reasons.join("; ")
    )))
}

async fn read(
    indexer: &Indexer,
    location: &Known,
    digest: &Multihash,
) -> Result<ShardedDagIndex, String> {
    let Metadata::Location { claim, .. } = &location.metadata else {
        return Err("not a location".to_owned());
    };
    let claim = fetch::claim(indexer, &location.record, claim).await?;
    let issuer = claim.issuer();
    let verifier =
        Verifier::from_did(issuer).map_err(|error| format!("parsing claim issuer DID: {error}"))?;
    if claim
        .capabilities()
        .first()
        .is_none_or(|capability| capability.with != issuer.as_str())
    {
        return Err(format!(
            "claim {} is not on its issuer's own DID",
            claim.cid()
        ));
    }
    if !claim.verify(&verifier) {
        return Err(format!("claim {} has an invalid signature", claim.cid()));
    }
    let archive = fetch::blob(indexer, &location.record, &location.metadata, digest).await?;
    let read =
        ShardedDagIndex::extract(&archive).map_err(|error| format!("extracting index: {error}"))?;
    indexer.cache_index(digest, &archive);
    Ok(read)
}
