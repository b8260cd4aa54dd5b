//! What is published about a shard: claim, provider addresses, advert; pure.

use cid::Cid;

use super::place::Place;
use crate::client::{Layout, Network, Protocol};
use crate::migrations::uploads::find::Shard;
use crate::model::{Failure, Reason};
use crate::proto::did::Did;
use crate::proto::ipni::{Job, Metadata, Multiaddr, PeerId, Port, Provider, context_id};
use crate::proto::multihash::{Multihash, codec};

/// Provider addresses: of claims, then of blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderAddresses(pub Vec<Multiaddr>);

impl ProviderAddresses {
    /// As `claim/cache` wants them.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(Multiaddr::to_bytes).collect()
    }
}

/// The link by which a shard's address names it: in the store layout the CAR form.
pub(crate) fn address_link(shard: &Shard, layout: Option<Layout>) -> Cid {
    match layout {
        Some(Layout::Store) => shard.hash.cid(codec::CAR).unwrap_or(shard.cid),
        Some(Layout::Blob) | None => shard.cid,
    }
}

/// Where the claim and the blob at `url` are found. Without a port that the URL does not name, so that a reader of
/// the address gets exactly the claim's URL (docs/protocol/pitfalls.md 4-6).
pub(crate) fn claim_addresses(
    network: &Network,
    link: &Cid,
    url: &str,
) -> Result<ProviderAddresses, Failure> {
    let wrong = |error: crate::proto::ipni::IpniError| {
        Failure::permanent(Reason::MISCONFIGURED, error.to_string())
    };
    let mut claims = network.storage_node.service.url.to_string();
    if !claims.ends_with('/') {
        claims.push('/');
    }
    let claims =
        Multiaddr::from_url(&format!("{claims}claim/{{claim}}"), Port::AsGiven).map_err(wrong)?;
    let blobs = Multiaddr::for_location(url, &Multihash::of(link), link).map_err(wrong)?;
    Ok(ProviderAddresses(vec![claims, blobs]))
}

/// The advert of a location claim. The context id is made of the space's bytes (docs/protocol/pitfalls.md 1), the
/// job's id follows from the content (docs/protocol/pitfalls.md 40).
pub(crate) fn advert(
    network: &Network,
    space: &Did,
    shard: &Shard,
    place: &Place,
    claim: &Cid,
    addresses: ProviderAddresses,
) -> Result<Job, Failure> {
    let peer = match place.protocol {
        Protocol::Blob => &network.storage_node.blob_peer_id,
        Protocol::Store => &network.storage_node.store_peer_id,
    };
    let id = PeerId::parse(peer)
        .map_err(|error| Failure::fatal(Reason::MISCONFIGURED, error.to_string()))?;
    let metadata = Metadata::Location {
        claim: *claim,
        expiration: 0,
        range: None,
        shard: Some(address_link(shard, place.layout)),
    };
    let provider = Provider {
        id,
        addrs: addresses.0,
    };
    Ok(Job::new(
        &context_id(Some(space), &shard.hash),
        &[metadata],
        provider,
    ))
}
