//! Uploads as stored: shards in the carpark, their rows, the row of the upload.

use super::SeedError;
use super::accounts::{Account, LONG_AGO};
use crate::proto::multihash::Multihash;
use crate::sandbox::layout::bucket;
use crate::sandbox::world::content::{Content, Shard, corrupted};
use crate::sandbox::world::plan::{Condition, Protocol, Upload};
use crate::sandbox::{Network, PutOptions, Row, Service, Table};

/// The shards of an upload as they are stored, the damaged one included.
pub(super) fn stored(upload: &Upload, content: &Content) -> Vec<Shard> {
    let mut shards = content.shards.clone();
    if upload.condition == Condition::CorruptCar
        && let Some(last) = shards.last_mut()
    {
        *last = corrupted(last);
    }
    shards
}

/// Writes the shards and rows of an upload.
pub(super) async fn write(
    network: &Network,
    account: &Account,
    upload: &Upload,
    content: &Content,
    shards: &[Shard],
) -> Result<(), SeedError> {
    for (index, shard) in shards.iter().enumerate() {
        let last = index + 1 == shards.len();
        if !(last && upload.condition == Condition::MissingBlob) {
            let key = key(upload.protocol, shard);
            let body = shard.car.clone();
            let options = PutOptions::default();
            network
                .objects
                .put(bucket::CARPARK, &key, body, options)
                .await?;
        }
        shard_rows(network, account, upload.protocol, shard).await?;
    }
    let row = Row::new()
        .text("space", account.space.did().as_str())
        .text("root", content.root.to_string())
        .text("cause", content.root.to_string())
        .text("insertedAt", LONG_AGO)
        .text("updatedAt", LONG_AGO);
    let row = match upload.condition {
        Condition::NoShards => row,
        _ => row.texts("shards", shards.iter().map(|shard| shard.cid.to_string())),
    };
    network.db.put(Table::Upload, row).await?;
    Ok(())
}

/// Stores a blob of the blob protocol and its rows.
pub(super) async fn write_blob(
    network: &Network,
    account: &Account,
    blob: &Multihash,
    bytes: Vec<u8>,
) -> Result<(), SeedError> {
    let size = bytes.len() as u64;
    let key = blob_key(blob);
    network
        .objects
        .put(bucket::CARPARK, &key, bytes, PutOptions::default())
        .await?;
    blob_rows(network, account, blob, size).await
}

/// The public URL of a blob of the blob protocol.
pub(super) fn blob_url(network: &Network, blob: &Multihash) -> String {
    format!("{}/{}", network.urls.of(Service::Carpark), blob_key(blob))
}

fn blob_key(blob: &Multihash) -> String {
    let digest = blob.base58();
    format!("{digest}/{digest}.blob")
}

/// The carpark key of a shard.
pub(super) fn key(protocol: Protocol, shard: &Shard) -> String {
    match protocol {
        Protocol::Blob => blob_key(&shard.digest),
        Protocol::Store => format!("{0}/{0}.car", shard.cid),
    }
}

/// The public URL of a shard.
pub(super) fn url(network: &Network, protocol: Protocol, shard: &Shard) -> String {
    format!(
        "{}/{}",
        network.urls.of(Service::Carpark),
        key(protocol, shard)
    )
}

async fn shard_rows(
    network: &Network,
    account: &Account,
    protocol: Protocol,
    shard: &Shard,
) -> Result<(), SeedError> {
    let size = shard.car.len() as u64;
    match protocol {
        Protocol::Blob => blob_rows(network, account, &shard.digest, size).await,
        Protocol::Store => {
            let link = shard.cid.to_string();
            let row = Row::new()
                .text("space", account.space.did().as_str())
                .number("size", size)
                .text("link", link.clone())
                .text("invocation", link)
                .text("issuer", account.space.did().as_str())
                .text("insertedAt", LONG_AGO);
            Ok(network.db.put(Table::Store, row).await?)
        }
    }
}

async fn blob_rows(
    network: &Network,
    account: &Account,
    blob: &Multihash,
    size: u64,
) -> Result<(), SeedError> {
    let digest = blob.base58();
    let row = Row::new()
        .text("space", account.space.did().as_str())
        .number("size", size)
        .text("cause", blob.base58())
        .text("insertedAt", LONG_AGO);
    let allocated = row.clone().text("multihash", digest.clone());
    network.db.put(Table::Allocation, allocated).await?;
    Ok(network
        .db
        .put(Table::BlobRegistry, row.text("digest", digest))
        .await?)
}
