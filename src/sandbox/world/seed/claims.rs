//! What the indexing service and the gateway know of an upload before the migration.

use cid::Cid;

use super::accounts::{Account, LONG_AGO};
use super::{SeedError, shards};
use crate::proto::car::Limits;
use crate::proto::claims::{Content as Subject, Index, Location, Range, relocate};
use crate::proto::index::{Name, ShardBuilder, ShardedDagIndex, Unverifiable, link};
use crate::proto::ipni::{Metadata, Multiaddr, PeerId, Port, context_id, encode_metadata};
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Delegation, Draft, Expiration, archive};
use crate::sandbox::indexer::{Advert, Provider};
use crate::sandbox::layout::bucket;
use crate::sandbox::world::content::{Content, Shard};
use crate::sandbox::world::plan::{Condition, Protocol, Upload};
use crate::sandbox::{Network, PutOptions, Row, Service, Table};

/// Every this many uploads with old claims, those say no length, as the oldest do.
const WITHOUT_LENGTH_EVERY: usize = 4;

/// Puts the claims that the condition of `upload` asks for.
pub(super) async fn write(
    network: &Network,
    account: &Account,
    upload: &Upload,
    content: &Content,
    shards: &[Shard],
) -> Result<(), SeedError> {
    match upload.condition {
        Condition::Fresh | Condition::CorruptCar | Condition::MissingBlob => Ok(()),
        Condition::IndexOnly | Condition::NoShards => {
            index(network, account, &content.root, shards).await
        }
        Condition::ClaimsWithoutSpace => old_locations(network, upload, shards).await,
        Condition::Legacy => {
            index(network, account, &content.root, shards).await?;
            old_locations(network, upload, shards).await
        }
        Condition::Complete => {
            index(network, account, &content.root, shards).await?;
            new_locations(network, account, upload.protocol, shards).await
        }
    }
}

/// Stores the index of an upload in its own space, as the client of the time did, and the
/// upload service's claim of it.
async fn index(
    network: &Network,
    account: &Account,
    root: &Cid,
    shards: &[Shard],
) -> Result<(), SeedError> {
    let mut index = ShardedDagIndex::new(*root);
    for shard in shards {
        let name = Name::Check(shard.digest.clone());
        let mut builder = ShardBuilder::new(name, Limits::default(), Unverifiable::Refuse);
        builder.push(&shard.car)?;
        index.add(builder.finish()?);
    }
    let bytes = index.archive();
    let cid = link(&bytes);
    let blob = Multihash::of(&cid);
    shards::write_blob(network, account, &blob, bytes.clone()).await?;

    let size = bytes.len() as u64;
    let url = shards::blob_url(network, &blob);
    let node = &network.keys.node;
    // The indexing service reads the issuer of an index's location as a key.
    let node = node.clone().with_did(node.key_did().clone());
    let stored_at = relocate(&node, account.space.did(), &blob, &url, size)?;
    old_claim(network, &blob, &stored_at).await?;

    let keys = &network.keys;
    let claim = Index {
        content: Subject::Link(*root),
        index: cid,
    };
    let claim = Draft::new(&keys.upload, keys.indexer.did())
        .capability(claim.capability(keys.indexer.did()))
        .expiration(Expiration::Never)
        .sign()?;
    old_claim(network, &Multihash::of(root), &claim).await
}

/// Location claims of before spaces were named in them.
async fn old_locations(
    network: &Network,
    upload: &Upload,
    shards: &[Shard],
) -> Result<(), SeedError> {
    let length = !upload.number.is_multiple_of(WITHOUT_LENGTH_EVERY);
    for shard in shards {
        let range = length.then_some(Range {
            offset: 0,
            length: Some(shard.car.len() as u64),
        });
        let location = Location {
            content: Subject::Digest(shard.digest.clone()),
            location: vec![shards::url(network, upload.protocol, shard)],
            range,
            space: None,
        };
        let issuer = &network.keys.upload;
        let claim = Draft::new(issuer, issuer.did())
            .capability(location.capability(issuer.did()))
            .expiration(Expiration::Never)
            .sign()?;
        old_claim(network, &shard.digest, &claim).await?;
    }
    Ok(())
}

/// A claim of before IPNI: a row under the hash, the archive in the indexing service's bucket.
async fn old_claim(
    network: &Network,
    hash: &Multihash,
    claim: &Delegation,
) -> Result<(), SeedError> {
    let cid = claim.cid().to_string();
    let key = format!("{cid}/{cid}.car");
    network
        .objects
        .put(
            bucket::INDEXER_CLAIMS,
            &key,
            archive(claim)?,
            PutOptions::default(),
        )
        .await?;
    let row = Row::new()
        .text("content", hash.base58())
        .text("claim", cid)
        .number("expiration", 0)
        .text("insertedAt", LONG_AGO);
    network.db.put(Table::Claims, row).await?;
    Ok(())
}

/// What an earlier migration left: claims with the space, advertised long ago.
async fn new_locations(
    network: &Network,
    account: &Account,
    protocol: Protocol,
    shards: &[Shard],
) -> Result<(), SeedError> {
    let space = account.space.did();
    for shard in shards {
        let url = shards::url(network, protocol, shard);
        let size = shard.car.len() as u64;
        let claim = relocate(&network.keys.upload, space, &shard.digest, &url, size)?;
        let key = claim.cid().to_string();
        network
            .objects
            .put(
                bucket::CLAIMS,
                &key,
                archive(&claim)?,
                PutOptions::default(),
            )
            .await?;
        let metadata = Metadata::Location {
            claim: *claim.cid(),
            expiration: 0,
            range: Some(Range {
                offset: 0,
                length: Some(size),
            }),
            shard: Some(shard.cid),
        };
        let advert = Advert {
            provider: provider(network, protocol)?,
            context: context_id(Some(space), &shard.digest).as_bytes().to_vec(),
            metadata: encode_metadata(&[metadata]),
            digests: vec![shard.digest.clone()],
        };
        advert.publish_at(network, 0)?;
    }
    Ok(())
}

/// The storage node of a protocol with the addresses it advertises.
fn provider(network: &Network, protocol: Protocol) -> Result<Provider, SeedError> {
    let (key, template) = match protocol {
        Protocol::Blob => (&network.keys.node, "{blob}/{blob}.blob"),
        Protocol::Store => (&network.keys.store_node, "{blobCID}/{blobCID}.car"),
    };
    let claims = format!("{}/claim/{{claim}}", network.urls.of(Service::Node));
    let blobs = format!("{}/{template}", network.urls.of(Service::Carpark));
    let address = |url: &str| Multiaddr::from_url(url, Port::AsGiven);
    Ok(Provider {
        peer: PeerId::of(key.key_did())?,
        addresses: vec![address(&claims)?, address(&blobs)?],
    })
}
