//! Claims from before IPNI: a table and a bucket (docs/protocol/claims.md §7, docs/protocol/tables.md §2).

use cid::Cid;

use super::record::{Provider, Record};
use crate::proto::claims::{Claim, Location};
use crate::proto::ipni::{Metadata, Multiaddr, PeerId, Port, context_id, encode_metadata};
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Delegation, extract};
use crate::sandbox::layout::{Table, bucket};
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;

/// Records made up for the legacy claims about a hash. A claim that is in the table and not in the bucket fails all.
pub(super) async fn records(network: &Network, digest: &Multihash) -> Result<Vec<Record>, String> {
    let rows = network
        .db
        .query(Table::Claims, None, &digest.base58())
        .await
        .map_err(|error| error.to_string())?;
    let now = network.clock.now().0 / 1000;
    let mut records = Vec::new();
    for row in &rows {
        let expired = row
            .get_number("expiration")
            .is_some_and(|end| end != 0 && end <= now);
        let cid = row
            .get_text("claim")
            .and_then(|claim| claim.parse::<Cid>().ok());
        if let Some(cid) = cid.filter(|_| !expired) {
            records.extend(record(network, digest, &cid).await?);
        }
    }
    Ok(records)
}

async fn record(
    network: &Network,
    digest: &Multihash,
    cid: &Cid,
) -> Result<Option<Record>, String> {
    let object = network
        .objects
        .get(bucket::INDEXER_CLAIMS, &format!("{cid}/{cid}.car"))
        .await;
    let (_, bytes) = object
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("getting legacy claim: {cid} not found"))?;
    let claim = extract(&bytes).map_err(|error| format!("decoding legacy claim {cid}: {error}"))?;
    let base = network.urls.of(Service::Indexer);
    let at_claim = Multiaddr::from_url(&format!("{base}/claim/{{claim}}"), Port::AsGiven);
    let mut addresses = vec![at_claim.map_err(|error| error.to_string())?];
    let expiration = claim.expiration().unwrap_or_default();
    let (metadata, context) = match Claim::of(&claim) {
        Ok(Claim::Location(location)) => {
            let shard = shard_of(&location, digest);
            addresses.extend(blob_address(&location, digest, shard.as_ref()));
            let metadata = Metadata::Location {
                claim: *cid,
                expiration,
                range: location.range,
                shard,
            };
            (
                metadata,
                context_id(location.space.as_ref(), digest)
                    .as_bytes()
                    .to_vec(),
            )
        }
        Ok(Claim::Index(index)) => (
            Metadata::Index {
                claim: *cid,
                expiration,
                index: index.index,
            },
            index.index.to_bytes(),
        ),
        Ok(Claim::Equals(equals)) => {
            let metadata = Metadata::Equals {
                claim: *cid,
                expiration,
                equals: equals.equals,
            };
            (metadata, equals.content.hash().as_bytes().to_vec())
        }
        Ok(Claim::Cache(_) | Claim::Other { .. }) | Err(_) => return Ok(None),
    };
    let provider = Provider {
        peer: peer(network, &claim)?,
        addresses,
    };
    Ok(Some(Record {
        provider,
        context,
        metadata: encode_metadata(&[metadata]),
    }))
}

/// The peer that is said to have it: who claimed, if that is a key.
fn peer(network: &Network, claim: &Delegation) -> Result<PeerId, String> {
    PeerId::of(claim.issuer())
        .or_else(|_| PeerId::of(network.keys.claims.key_did()))
        .map_err(|error| error.to_string())
}

/// The CID under which the location's URL holds the blob, if it does.
fn shard_of(location: &Location, digest: &Multihash) -> Option<Cid> {
    let urls = location.location.iter();
    urls.flat_map(|url| url.split(['/', '.'])).find_map(|part| {
        let cid: Cid = part.parse().ok()?;
        (Multihash::of(&cid) == *digest).then_some(cid)
    })
}

/// The location's URL with placeholders.
fn blob_address(location: &Location, digest: &Multihash, shard: Option<&Cid>) -> Option<Multiaddr> {
    let url = location
        .location
        .first()?
        .replace(&digest.base58(), "{blob}");
    let url = shard.map_or(url.clone(), |shard| {
        url.replace(&shard.to_string(), "{blobCID}")
    });
    Multiaddr::from_url(&url, Port::AsGiven).ok()
}
