//! Shard lists of uploads that are too large for their row.

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::table::NetworkTables;
use crate::client::{Cause, ClientError, Dependency, buckets};
use crate::proto::cbor;

const READ: &str = "read the shard list of an upload";
/// Largest list that is read: a million shards.
const LARGEST: usize = 48 << 20;

impl NetworkTables {
    /// The shards listed in the object that `shardsRef` names (docs/protocol/tables.md §2).
    ///
    /// The key ends in the CID of the object's bytes, which is checked.
    ///
    /// # Errors
    /// The object is missing, too large, no list of links or not what its key names; or S3 refuses, or no try gets a
    /// valid answer.
    pub async fn listed_shards(&self, shards_ref: &str) -> Result<Vec<Cid>, ClientError> {
        let attempt = || async {
            let bytes =
                buckets::get(&self.s3, &self.buckets.upload_shards, shards_ref, LARGEST).await?;
            links(shards_ref, &bytes)
        };
        self.calls.run(Dependency::S3, READ, attempt).await
    }
}

fn links(key: &str, bytes: &[u8]) -> Result<Vec<Cid>, Cause> {
    let bad = |text: &str| Cause::Malformed(format!("shard list {key}: {text}"));
    let name = key.rsplit('/').next().unwrap_or_default();
    let cid = Cid::try_from(name).map_err(|_| bad("key does not end in a CID"))?;
    let block = crate::proto::Block {
        cid,
        bytes: bytes.to_vec().into(),
    };
    block.verify().map_err(|error| bad(&error.to_string()))?;
    let Ok(Ipld::List(items)) = cbor::decode(bytes) else {
        return Err(bad("not a list"));
    };
    items
        .into_iter()
        .map(|item| match item {
            Ipld::Link(link) => Ok(link),
            _ => Err(bad("holds something other than links")),
        })
        .collect()
}
