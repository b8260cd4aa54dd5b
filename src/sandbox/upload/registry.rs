//! Who pays for a space, and which blobs it has (docs/protocol/tables.md §2).

use cid::Cid;

use super::state::Upload;
use crate::proto::Did;
use crate::proto::multihash::Multihash;
use crate::sandbox::blob::Blob;
use crate::sandbox::dynamo::{Put, Row};
use crate::sandbox::layout::Table;
use crate::sandbox::ucan_server::Failure;

/// Who pays for a space.
pub(super) struct Consumer {
    pub(super) provider: String,
    pub(super) subscription: String,
    pub(super) customer: Option<String>,
}

/// The space's provider, or why it may store nothing.
pub(super) async fn consumer(upload: &Upload, space: &Did) -> Result<Consumer, Failure> {
    let db = &upload.network.db;
    let refused = |why: &str| Failure::named("InsufficientStorage", &format!("{space} {why}"));
    let limits = db
        .query(Table::RateLimit, Some("subject"), space.as_str())
        .await?;
    if limits.iter().any(|row| row.get_number("rate") == Some(0)) {
        return Err(refused("is blocked"));
    }
    let rows = db
        .query(Table::Consumer, Some("consumerV2"), space.as_str())
        .await?;
    let own = upload.network.keys.upload.did().as_str();
    let row = rows
        .iter()
        .find(|row| row.get_text("provider") == Some(own))
        .or(rows.first());
    row.and_then(|row| {
        Some(Consumer {
            provider: row.get_text("provider")?.to_owned(),
            subscription: row.get_text("subscription")?.to_owned(),
            customer: row.get_text("customer").map(str::to_owned),
        })
    })
    .ok_or_else(|| refused("has no storage provider"))
}

/// A blob that a space has.
pub(super) struct Entry {
    pub(super) size: u64,
    pub(super) cause: Option<Cid>,
    pub(super) inserted_at: Option<String>,
}

/// The entry of a blob in a space, of either table.
pub(super) async fn find(
    upload: &Upload,
    space: &Did,
    digest: &Multihash,
) -> Result<Option<Entry>, Failure> {
    for table in [Table::Allocation, Table::BlobRegistry] {
        if let Some(row) = upload
            .network
            .db
            .get(table, key(table, space, digest))
            .await?
        {
            return Ok(Some(entry(&row)));
        }
    }
    Ok(None)
}

/// Reads the row of either table.
pub(super) fn entry(row: &Row) -> Entry {
    let cause = row.get_text("cause").or(row.get_text("invocation"));
    Entry {
        size: row.get_number("size").unwrap_or_default(),
        cause: cause.and_then(|cause| cause.parse().ok()),
        inserted_at: row.get_text("insertedAt").map(str::to_owned),
    }
}

/// Writes a blob into both tables and into the bill, all or nothing; an entry that is there stays.
pub(super) async fn register(
    upload: &Upload,
    space: &Did,
    blob: &Blob,
    cause: &Cid,
) -> Result<(), Failure> {
    let network = &upload.network;
    let now = network.now_text();
    let mut puts: Vec<Put> = [Table::Allocation, Table::BlobRegistry]
        .into_iter()
        .map(|table| Put {
            table,
            row: key(table, space, &blob.digest)
                .number("size", blob.size)
                .text("cause", cause.to_string())
                .text("insertedAt", now.clone()),
            only_new: true,
        })
        .collect();
    if let Ok(consumer) = consumer(upload, space).await {
        puts.push(Put {
            table: Table::SpaceDiff,
            row: diff(&consumer, space, cause, &now).number("delta", blob.size),
            only_new: false,
        });
    }
    network.db.transact(puts).await?;
    Ok(())
}

fn diff(consumer: &Consumer, space: &Did, cause: &Cid, now: &str) -> Row {
    let row = Row::new()
        .text("pk", format!("{}#{space}", consumer.provider))
        .text("sk", format!("{now}#{cause}"))
        .text("space", space.as_str())
        .text("provider", consumer.provider.clone())
        .text("subscription", consumer.subscription.clone())
        .text("cause", cause.to_string())
        .text("receiptAt", now)
        .text("insertedAt", now);
    match &consumer.customer {
        Some(customer) => row.text("customer", customer.clone()),
        None => row,
    }
}

/// Removes a blob from both tables and off the bill; its size if it was there.
pub(super) async fn deregister(
    upload: &Upload,
    space: &Did,
    digest: &Multihash,
    cause: &Cid,
) -> Result<Option<u64>, Failure> {
    let found = find(upload, space, digest).await?;
    for table in [Table::Allocation, Table::BlobRegistry] {
        upload
            .network
            .db
            .delete(table, key(table, space, digest))
            .await?;
    }
    if let (Some(entry), Ok(consumer)) = (&found, consumer(upload, space).await) {
        let size = i64::try_from(entry.size).unwrap_or(i64::MAX);
        let row = diff(&consumer, space, cause, &upload.network.now_text());
        let row = row.signed("delta", -size);
        upload.network.db.put(Table::SpaceDiff, row).await?;
    }
    Ok(found.map(|entry| entry.size))
}

fn key(table: Table, space: &Did, digest: &Multihash) -> Row {
    let sort = if table == Table::Allocation {
        "multihash"
    } else {
        "digest"
    };
    Row::new()
        .text("space", space.as_str())
        .text(sort, digest.base58())
}
