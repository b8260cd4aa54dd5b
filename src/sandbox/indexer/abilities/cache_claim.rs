//! `claim/cache`: a claim is shown at once (docs/protocol/claims.md §6).

use cid::Cid;

use crate::proto::claims::{Claim, Location};
use crate::proto::ipni::{Metadata, Multiaddr, PeerId, context_id, encode_metadata};
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Delegation, archive};
use crate::sandbox::indexer::claims;
use crate::sandbox::indexer::lookup::remember;
use crate::sandbox::indexer::record::{Provider, Record};
use crate::sandbox::indexer::state::{Indexer, millis};
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success};

/// Caches a location claim and a record that leads to it. The claim's signature is not looked at.
pub(crate) fn cache(indexer: &Indexer, call: &Call) -> Answer {
    let own = indexer.network.keys.indexer.did();
    if call.subject()? != *own {
        return Err(Failure::named(
            "Unauthorized",
            &format!("{} is not {own}", call.capability.with),
        ));
    }
    let Claim::Cache(request) =
        Claim::read(&call.capability).map_err(|error| Failure::thrown(&error))?
    else {
        return Err(Failure::broke("not a request to cache a claim"));
    };
    let peer = PeerId::of(call.invocation.issuer()).map_err(|error| Failure::thrown(&error))?;
    let claim =
        Delegation::view_shared(&request.claim, call.invocation.blocks()).map_err(|_| {
            Failure::named(
                "MissingClaim",
                "Claim data was not found in the invocation payload.",
            )
        })?;
    let Claim::Location(location) = Claim::of(&claim).map_err(|error| Failure::thrown(&error))?
    else {
        return Err(Failure::broke("only assert/location claims can be cached"));
    };
    let addresses: Vec<Multiaddr> = request
        .addresses
        .iter()
        .map(|address| Multiaddr::from_bytes(address))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::thrown(&error))?;
    let digest = location.content.hash();
    let metadata = Metadata::Location {
        claim: *claim.cid(),
        expiration: claim.expiration().unwrap_or_default(),
        range: location.range,
        shard: shard_of(&addresses, &location, &digest),
    };
    let record = Record {
        provider: Provider { peer, addresses },
        context: context_id(location.space.as_ref(), &digest)
            .as_bytes()
            .to_vec(),
        metadata: encode_metadata(&[metadata]),
    };
    claims::remember(indexer, claim.cid(), archive(&claim)?.into())?;
    let now = indexer.network.clock.now().0;
    let gone = now.saturating_add(millis(indexer.network.lifetimes.providers));
    let gone = claim
        .expiration()
        .map_or(gone, |end| gone.min(end.saturating_mul(1000)));
    remember(indexer, std::iter::once((&digest, &record)), Some(gone));
    Ok(Success::done())
}

/// The CID that stands in a location where an address has `{blobCID}`, if both are otherwise equal.
fn shard_of(addresses: &[Multiaddr], location: &Location, digest: &Multihash) -> Option<Cid> {
    let parts = location
        .location
        .iter()
        .flat_map(|url| url.split(['/', '.']));
    let cids: Vec<Cid> = parts
        .filter_map(|part| part.parse::<Cid>().ok())
        .filter(|cid| Multihash::of(cid) == *digest)
        .collect();
    let leads = |cid: &Cid| {
        addresses.iter().any(|address| {
            let names_cid = address.url().is_ok_and(|url| url.contains("{blobCID}"));
            let url = address.blob_url(digest, Some(cid));
            names_cid && url.is_some_and(|url| location.location.contains(&url))
        })
    };
    cids.into_iter().find(leads)
}
