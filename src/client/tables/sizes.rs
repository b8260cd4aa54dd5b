//! Sizes and protocols of shards: allocation, blob registry, store, in this order of trust, in one batch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use cid::Cid;

use super::item::{key, number, text};
use super::table::{NetworkTables, Row, required};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::did::Did;
use crate::proto::multihash::{Multihash, codec};

const READ: &str = "read the sizes of shards";
/// Keys of one batch.
const BATCH: usize = 100;

/// How a shard came into the carpark, which decides where it lies (docs/protocol/tables.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `{mh}/{mh}.blob`.
    Blob,
    /// `{cid}/{cid}.car`.
    Store,
}

impl Protocol {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Store => "store",
        }
    }
}

/// What the tables say of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRow {
    /// Bytes; never 0.
    pub size: u64,
    /// By which rows it is known.
    pub protocol: Protocol,
}

/// Where one key of a batch leads: table and its key, as it will come back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Lookup {
    rank: u8,
    table: String,
    attribute: &'static str,
    value: String,
}

impl NetworkTables {
    /// Looks up shards of a space in all three tables at once; shards that no table knows are left out.
    ///
    /// A store row is keyed by the CID text that the client used, so the given text, the CAR form and the raw form
    /// are tried. Rows that say 0 bytes count as none.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn shard_rows(
        &self,
        space: &Did,
        shards: &[Cid],
    ) -> Result<BTreeMap<Multihash, ShardRow>, ClientError> {
        let wanted = self.lookups(shards);
        let mut found = HashMap::new();
        let keys: Vec<&Lookup> = wanted.iter().map(|(lookup, _)| lookup).collect();
        for batch in keys.chunks(BATCH) {
            self.read_batch(space, batch, &mut found).await?;
        }
        Ok(choose(&wanted, &found))
    }

    /// Everything to look up, the shard beside it, the most trusted first.
    fn lookups(&self, shards: &[Cid]) -> Vec<(Lookup, Multihash)> {
        let mut all = BTreeMap::new();
        for shard in shards {
            let hash = Multihash::of(shard);
            let base58 = hash.base58();
            let mut add = |rank, table: &str, attribute, value: String| {
                all.insert(
                    Lookup {
                        rank,
                        table: table.to_owned(),
                        attribute,
                        value,
                    },
                    hash.clone(),
                );
            };
            add(0, &self.names.allocation, "multihash", base58.clone());
            add(1, &self.names.blob_registry, "digest", base58);
            add(2, &self.names.store, "link", shard.to_string());
            for form in [codec::CAR, codec::RAW] {
                if let Ok(cid) = hash.cid(form) {
                    add(2, &self.names.store, "link", cid.to_string());
                }
            }
        }
        all.into_iter().collect()
    }

    async fn read_batch(
        &self,
        space: &Did,
        batch: &[&Lookup],
        found: &mut HashMap<(String, String), u64>,
    ) -> Result<(), ClientError> {
        let attributes: HashMap<&str, &str> = batch
            .iter()
            .map(|lookup| (lookup.table.as_str(), lookup.attribute))
            .collect();
        // What an answer leaves out is throttling, and the next try asks for that alone.
        let left = Mutex::new(requests(space, batch));
        let rows = Mutex::new(Vec::new());
        let attempt = || async {
            let keys = lock(&left).clone();
            let answer = self
                .dynamodb
                .batch_get_item()
                .set_request_items(Some(keys))
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            required(answer.responses.as_ref())?;
            lock(&rows).extend(answer.responses.unwrap_or_default());
            let rest = answer.unprocessed_keys.unwrap_or_default();
            let is_whole = rest.is_empty();
            *lock(&left) = rest;
            if is_whole {
                Ok(())
            } else {
                Err(Cause::Throttled { retry_after: None })
            }
        };
        loop {
            let before = count(&lock(&left));
            match self.calls.run(Dependency::DynamoDb, READ, attempt).await {
                Ok(()) => break,
                // As long as it goes on, if slowly.
                Err(error)
                    if matches!(error.cause, Cause::Throttled { .. })
                        && count(&lock(&left)) < before => {}
                Err(error) => return Err(error),
            }
        }
        let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (table, rows) in rows {
            let attribute = attributes.get(table.as_str()).copied().unwrap_or_default();
            found.extend(rows.iter().filter_map(|row| size(&table, attribute, row)));
        }
        Ok(())
    }
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn requests(space: &Did, batch: &[&Lookup]) -> HashMap<String, KeysAndAttributes> {
    let mut by_table = HashMap::<String, Vec<Row>>::new();
    for lookup in batch {
        let row = key(("space", space.as_str()), (lookup.attribute, &lookup.value));
        by_table.entry(lookup.table.clone()).or_default().push(row);
    }
    by_table
        .into_iter()
        .map(|(table, keys)| {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .build()
                .expect("keys are set");
            (table, keys)
        })
        .collect()
}

fn count(keys: &HashMap<String, KeysAndAttributes>) -> usize {
    keys.values().map(|of_table| of_table.keys().len()).sum()
}

fn size(table: &str, attribute: &str, row: &Row) -> Option<((String, String), u64)> {
    let size = number(row, "size").filter(|size| *size > 0)?;
    Some(((table.to_owned(), text(row, attribute)?.to_owned()), size))
}

fn choose(
    wanted: &[(Lookup, Multihash)],
    found: &HashMap<(String, String), u64>,
) -> BTreeMap<Multihash, ShardRow> {
    let mut rows = BTreeMap::new();
    for (lookup, hash) in wanted {
        if let Some(size) = found.get(&(lookup.table.clone(), lookup.value.clone())) {
            let protocol = if lookup.rank < 2 {
                Protocol::Blob
            } else {
                Protocol::Store
            };
            rows.entry(hash.clone()).or_insert(ShardRow {
                size: *size,
                protocol,
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(rank: u8, table: &str) -> Lookup {
        Lookup {
            rank,
            table: table.to_owned(),
            attribute: "a",
            value: "v".to_owned(),
        }
    }

    #[test]
    fn allocation_counts_before_registry_before_store() {
        let hash = Multihash::sha256(b"shard");
        let wanted: Vec<_> = [(0, "allocation"), (1, "registry"), (2, "store")]
            .map(|(rank, table)| (lookup(rank, table), hash.clone()))
            .into();
        let mut found: HashMap<_, _> = [("allocation", 1), ("registry", 2), ("store", 3)]
            .map(|(table, size)| ((table.to_owned(), "v".to_owned()), size))
            .into();
        assert_eq!(
            choose(&wanted, &found)[&hash],
            ShardRow {
                size: 1,
                protocol: Protocol::Blob
            }
        );
        found.retain(|key, _| key.0 != "allocation");
        assert_eq!(
            choose(&wanted, &found)[&hash],
            ShardRow {
                size: 2,
                protocol: Protocol::Blob
            }
        );
        found.retain(|key, _| key.0 != "registry");
        assert_eq!(
            choose(&wanted, &found)[&hash],
            ShardRow {
                size: 3,
                protocol: Protocol::Store
            }
        );
    }

    #[test]
    fn a_size_of_zero_is_no_size() {
        use aws_sdk_dynamodb::types::AttributeValue;
        let mut row = key(("space", "s"), ("digest", "z"));
        row.insert("size".to_owned(), AttributeValue::N("0".to_owned()));
        assert!(size("t", "digest", &row).is_none());
        row.insert("size".to_owned(), AttributeValue::N("7".to_owned()));
        assert_eq!(size("t", "digest", &row).unwrap().1, 7);
    }
}
