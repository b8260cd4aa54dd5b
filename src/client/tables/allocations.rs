//! Which blobs a space has, by the allocation table.

use super::item::key;
use super::table::{NetworkTables, Source};
use crate::client::ClientError;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

const HAS: &str = "look for a blob in a space";
const ANY: &str = "look for blobs in a space";

impl NetworkTables {
    /// Whether a blob is registered in a space. What was written before is seen.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn has_blob(&self, space: &Did, digest: &Multihash) -> Result<bool, ClientError> {
        let id = key(("space", space.as_str()), ("multihash", &digest.base58()));
        let row = self.row(HAS, &self.names.allocation, &id).await?;
        Ok(row.is_some())
    }

    /// Whether a space has any blob.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn has_blobs(&self, space: &Did) -> Result<bool, ClientError> {
        let source = Source {
            table: &self.names.allocation,
            index: None,
            key: ("space", space.as_str()),
            until: None,
        };
        let mut after = None;
        loop {
            let page = self.page(ANY, source, after.as_ref()).await?;
            if !page.rows.is_empty() {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }
}
