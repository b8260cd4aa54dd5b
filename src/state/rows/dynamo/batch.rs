//! Writes of many rows at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};

use super::{Dynamo, FIRST_WAIT};
use crate::runtime::full_jitter;
use crate::state::rows::codec;
use crate::state::rows::{Batched, ErrorKind, RowsError};

/// Most rows that one batch write takes (docs/protocol/tables.md §5).
const BATCH: usize = 25;

impl Dynamo {
    pub(super) async fn write_batches(
        &self,
        table: &str,
        rows: Vec<Batched>,
    ) -> Result<(), RowsError> {
        // A batch may name a key only once; the last write of a key counts.
        let mut last = HashMap::new();
        for row in rows {
            let (Batched::Put(key, _) | Batched::Delete(key)) = &row;
            last.insert(
                (
                    key.partition.1.clone(),
                    key.sort.as_ref().map(|sort| sort.1.clone()),
                ),
                row,
            );
        }
        let mut requests = Vec::with_capacity(last.len());
        for row in last.into_values() {
            requests.push(request(row, table)?);
        }
        for chunk in requests.chunks(BATCH) {
            self.batch(table, chunk.to_vec()).await?;
        }
        Ok(())
    }

    async fn batch_once(
        &self,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<Vec<WriteRequest>, RowsError> {
        let answer = self
            .client
            .batch_write_item()
            .request_items(table, requests)
            .send()
            .await
            .map_err(|error| RowsError::of("batch write to", table, &error))?;
        let mut left = answer
            .unprocessed_items
            .ok_or_else(|| RowsError::incomplete("batch write to", table))?;
        Ok(left.remove(table).unwrap_or_default())
    }

    /// Writes up to [`BATCH`] rows. Unprocessed rows are sent again; a try counts only if nothing was processed.
    async fn batch(&self, table: &str, mut requests: Vec<WriteRequest>) -> Result<(), RowsError> {
        let mut idle = 0;
        while !requests.is_empty() {
            let before = requests.len();
            requests = self
                .tried(table, || self.batch_once(table, requests.clone()))
                .await?;
            if requests.is_empty() {
                break;
            }
            idle = if requests.len() == before {
                idle + 1
            } else {
                0
            };
            if idle >= self.policy.tries {
                return Err(RowsError {
                    doing: "batch write to",
                    table: table.to_owned(),
                    kind: ErrorKind::Throttled,
                    detail: format!("{before} rows left unprocessed"),
                    retry_after: None,
                });
            }
            tokio::time::sleep(full_jitter(FIRST_WAIT * (1 << idle.min(6)))).await;
        }
        Ok(())
    }
}

fn request(row: Batched, table: &str) -> Result<WriteRequest, RowsError> {
    let fault =
        |error: aws_sdk_dynamodb::error::BuildError| RowsError::shape(table, error.to_string());
    let request = WriteRequest::builder();
    Ok(match row {
        Batched::Put(key, row) => {
            let mut item = codec::item(&row);
            item.extend(codec::key(&key));
            request
                .put_request(
                    PutRequest::builder()
                        .set_item(Some(item))
                        .build()
                        .map_err(fault)?,
                )
                .build()
        }
        Batched::Delete(key) => {
            let key = Some(codec::key(&key));
            request
                .delete_request(
                    DeleteRequest::builder()
                        .set_key(key)
                        .build()
                        .map_err(fault)?,
                )
                .build()
        }
    })
}
