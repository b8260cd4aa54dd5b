//! The storage nodes that the network knows.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::item::text;
use super::table::{NetworkTables, Page};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::did::Did;

const SCAN: &str = "list the storage nodes";

impl NetworkTables {
    /// DIDs of all storage nodes, sorted. A network without the table knows none.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn storage_nodes(&self) -> Result<Vec<Did>, ClientError> {
        let mut nodes = Vec::new();
        let mut after = None;
        loop {
            let attempt = || async {
                let scan = self
                    .dynamodb
                    .scan()
                    .table_name(&self.names.storage_provider);
                let answer = scan
                    .set_exclusive_start_key(after.clone())
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(crate::client::aws::cause)?;
                let used = answer.consumed_capacity.as_ref();
                Page::of(used, answer.items, answer.last_evaluated_key)
            };
            let page = match self.calls.run(Dependency::DynamoDb, SCAN, attempt).await {
                Err(error) if matches!(error.cause, Cause::NoResource(_)) => return Ok(nodes),
                other => other?,
            };
            let rows = page.rows.iter();
            nodes.extend(rows.filter_map(|row| Did::parse(text(row, "provider")?).ok()));
            after = page.next;
            if after.is_none() {
                nodes.sort_unstable();
                return Ok(nodes);
            }
        }
    }
}
