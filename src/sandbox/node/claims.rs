//! Location claims of this node: made, stored, and sent to the indexing service.

use std::time::Duration;

use super::state::Node;
use crate::proto::Did;
use crate::proto::claims::{Cache, Content, Location, Range};
use crate::proto::ipni::{Metadata, Multiaddr, PeerId, Port, context_id, encode_metadata};
use crate::proto::ucan::{Delegation, Draft, Expiration, archive};
use crate::sandbox::blob::Blob;
use crate::sandbox::indexer::{Advert, Provider};
use crate::sandbox::layout::bucket;
use crate::sandbox::s3::PutOptions;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Failure, call};

/// How long the indexing service may take.
const CACHE_LIMIT: Duration = Duration::from_secs(30);

/// Claims where a blob is. The same blob and space give the same claim.
pub(super) async fn publish(node: &Node, blob: &Blob, space: &Did) -> Result<Delegation, Failure> {
    let claim = make(node, blob, space)?;
    let options = PutOptions {
        content_type: Some("application/car".to_owned()),
        ..PutOptions::default()
    };
    let key = claim.cid().to_string();
    node.network
        .objects
        .put(bucket::CLAIMS, &key, archive(&claim)?, options)
        .await?;
    advertise(node, blob, space, &claim)?;
    cache(node, &claim).await?;
    Ok(claim)
}

fn make(node: &Node, blob: &Blob, space: &Did) -> Result<Delegation, Failure> {
    let location = Location {
        content: Content::Digest(blob.digest.clone()),
        location: vec![format!(
            "{}/{}",
            node.network.urls.of(Service::Node),
            blob.key()
        )],
        range: Some(Range {
            offset: 0,
            length: Some(blob.size),
        }),
        space: Some(space.clone()),
    };
    Ok(Draft::new(node.signer(), space)
        .capability(location.capability(node.signer().did()))
        .sign()?)
}

/// Puts the claim on the node's own chain of adverts.
fn advertise(node: &Node, blob: &Blob, space: &Did, claim: &Delegation) -> Result<(), Failure> {
    let metadata = Metadata::Location {
        claim: *claim.cid(),
        expiration: 0,
        range: Some(Range {
            offset: 0,
            length: Some(blob.size),
        }),
        shard: None,
    };
    let advert = Advert {
        provider: Provider {
            peer: PeerId::of(node.signer().did()).map_err(|error| Failure::thrown(&error))?,
            addresses: addresses(node)?,
        },
        context: context_id(Some(space), &blob.digest).as_bytes().to_vec(),
        metadata: encode_metadata(&[metadata]),
        digests: vec![blob.digest.clone()],
    };
    Ok(advert.publish(&node.network)?)
}

/// Sends `claim/cache`.
async fn cache(node: &Node, claim: &Delegation) -> Result<(), Failure> {
    let network = &node.network;
    let indexer = network.keys.indexer.did();
    let addresses = addresses(node)?.iter().map(Multiaddr::to_bytes).collect();
    let request = Cache {
        claim: *claim.cid(),
        addresses,
    };
    let now = network.clock.now().0 / 1000;
    let mut draft = Draft::new(node.signer(), indexer)
        .capability(request.capability(indexer))
        .expiration(Expiration::At(now + 60))
        .proof(node.may_cache.clone());
    for block in claim.export() {
        draft = draft.attach(block);
    }
    let invocation = draft.sign()?;
    let url = format!("{}/claims", network.urls.of(Service::Indexer));
    let receipt = call(&network.http, &url, &invocation, CACHE_LIMIT)
        .await
        .map_err(|error| Failure::thrown(&error))?;
    match receipt.outcome().err() {
        Some(error) => Err(Failure::broke(&format!(
            "the indexing service refused the claim: {error:?}"
        ))),
        None => Ok(()),
    }
}

/// Where this node's claims and blobs are.
fn addresses(node: &Node) -> Result<Vec<Multiaddr>, Failure> {
    let base = node.network.urls.of(Service::Node);
    ["claim/{claim}", "{blob}/{blob}.blob"]
        .iter()
        .map(|path| Multiaddr::from_url(&format!("{base}/{path}"), Port::AsGiven))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::thrown(&error))
}
