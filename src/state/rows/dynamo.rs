//! Rows in DynamoDB.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure as OnFailure;
use aws_sdk_dynamodb::types::{
    DeleteRequest, PutRequest, ReturnValue, Select as Projection, WriteRequest,
};

use super::codec::{self, Item};
use super::condition::{Condition, Update};
use super::expression::{self, Aliases};
use super::row::Row;
use super::{Batched, Error, Key, Page, Rows, Select, Trouble, Written};
use crate::runtime::{Policy, full_jitter, retry};
use crate::state::define::{self, Definition, Made};

/// Most rows that one batch write takes (protocol: tables §5).
const BATCH: usize = 25;

/// Longest wait before the second try.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Tables behind a DynamoDB endpoint. Retries are ours, the SDK's are switched off.
#[derive(Debug, Clone)]
pub struct Dynamo {
    client: Client,
    policy: Policy,
}

impl Dynamo {
    /// Requests through `client`, `timeout` for each of `tries` tries.
    #[must_use]
    pub fn new(client: &Client, timeout: Duration, tries: u32) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(timeout).build();
        let config = client
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        let policy = Policy {
            tries,
            first_wait: FIRST_WAIT,
            ..Policy::default()
        };
        Self {
            client: Client::from_conf(config.build()),
            policy: policy.within(timeout),
        }
    }

    /// Repeats `make` while its trouble passes. A write that must not happen twice is made once.
    async fn tried<T, F>(
        &self,
        table: &str,
        repeat: bool,
        make: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let policy = if repeat {
            self.policy
        } else {
            self.policy.once()
        };
        retry(&policy, make).await.map_err(|error| error.at(table))
    }

    async fn query_once(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
        count: bool,
    ) -> Result<QueryOutput, Error> {
        let mut aliases = Aliases::default();
        let key = expression::key_condition(&mut aliases, select);
        let filter = select
            .filter
            .as_ref()
            .and_then(|filter| expression::condition(&mut aliases, filter));
        self.client
            .query()
            .table_name(table)
            .set_index_name(select.index.map(str::to_owned))
            .set_consistent_read(select.index.is_none().then_some(true))
            .set_select(count.then_some(Projection::Count))
            .set_key_condition_expression(key)
            .set_filter_expression(filter)
            .set_expression_attribute_names(aliases.names())
            .set_expression_attribute_values(aliases.values())
            .set_scan_index_forward(select.newest_first.then_some(false))
            .set_limit(select.page.and_then(|page| i32::try_from(page).ok()))
            .set_exclusive_start_key(after.map(|row| codec::item(&row)))
            .send()
            .await
            .map_err(|error| Error::of("query", table, &error))
    }

    async fn scan_once(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
        count: bool,
    ) -> Result<ScanOutput, Error> {
        let mut aliases = Aliases::default();
        let filter = select
            .filter
            .as_ref()
            .and_then(|filter| expression::condition(&mut aliases, filter));
        let share = |number: u32| i32::try_from(number).ok();
        self.client
            .scan()
            .table_name(table)
            .set_index_name(select.index.map(str::to_owned))
            .set_consistent_read(select.index.is_none().then_some(true))
            .set_select(count.then_some(Projection::Count))
            .set_filter_expression(filter)
            .set_expression_attribute_names(aliases.names())
            .set_expression_attribute_values(aliases.values())
            .set_segment(select.segment.and_then(|(segment, _)| share(segment)))
            .set_total_segments(select.segment.and_then(|(_, total)| share(total)))
            .set_limit(select.page.and_then(share))
            .set_exclusive_start_key(after.map(|row| codec::item(&row)))
            .send()
            .await
            .map_err(|error| Error::of("scan", table, &error))
    }

    /// One page: items, how many, and where the next begins.
    async fn read(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
        count: bool,
    ) -> Result<(Page, u64), Error> {
        let (items, number, next) = if select.partition.is_some() {
            let page = self
                .tried(table, true, || {
                    self.query_once(table, select, after.clone(), count)
                })
                .await?;
            (page.items, page.count, page.last_evaluated_key)
        } else {
            let page = self
                .tried(table, true, || {
                    self.scan_once(table, select, after.clone(), count)
                })
                .await?;
            (page.items, page.count, page.last_evaluated_key)
        };
        let rows = items
            .unwrap_or_default()
            .into_iter()
            .map(codec::row)
            .collect();
        let next = next.filter(|next| !next.is_empty()).map(codec::row);
        Ok((Page { rows, next }, u64::try_from(number).unwrap_or(0)))
    }

    async fn batch_once(
        &self,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<Vec<WriteRequest>, Error> {
        let answer = self
            .client
            .batch_write_item()
            .request_items(table, requests)
            .send()
            .await
            .map_err(|error| Error::of("batch write to", table, &error))?;
        Ok(answer
            .unprocessed_items
            .and_then(|mut left| left.remove(table))
            .unwrap_or_default())
    }

    /// Writes up to [`BATCH`] rows; what is left undone is sent again, and a try counts only when nothing moved.
    async fn batch(&self, table: &str, mut requests: Vec<WriteRequest>) -> Result<(), Error> {
        let mut idle = 0;
        while !requests.is_empty() {
            let before = requests.len();
            requests = self
                .tried(table, true, || self.batch_once(table, requests.clone()))
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
                return Err(Error {
                    doing: "batch write to",
                    table: table.to_owned(),
                    trouble: Trouble::Throttled,
                    detail: format!("{before} rows left unprocessed"),
                    retry_after: None,
                });
            }
            tokio::time::sleep(full_jitter(FIRST_WAIT * (1 << idle.min(6)))).await;
        }
        Ok(())
    }
}

/// A failed condition is an answer, not an error.
fn written<E>(
    table: &str,
    answer: Result<
        Option<Item>,
        SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    >,
    refused: impl FnOnce(&E) -> Option<Option<Item>>,
) -> Result<Written, Error>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(item) => Ok(Written::Done(codec::row(item.unwrap_or_default()))),
        Err(error) => match error.as_service_error().and_then(refused) {
            Some(held) => Ok(Written::Refused(held.map(codec::row))),
            None => Err(Error::of("write", table, &error)),
        },
    }
}

#[async_trait]
impl Rows for Dynamo {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, Error> {
        let get = || async {
            let send = self
                .client
                .get_item()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .consistent_read(true)
                .send();
            send.await.map_err(|error| Error::of("read", table, &error))
        };
        Ok(self.tried(table, true, get).await?.item.map(codec::row))
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, Error> {
        let mut item = codec::item(&row);
        item.extend(codec::key(key));
        let put = || async {
            let mut aliases = Aliases::default();
            let condition = expression::condition(&mut aliases, &condition);
            let send = self
                .client
                .put_item()
                .table_name(table)
                .set_item(Some(item.clone()))
                .set_condition_expression(condition)
                .set_expression_attribute_names(aliases.names())
                .set_expression_attribute_values(aliases.values())
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .send();
            written(
                table,
                send.await.map(|_| Some(item.clone())),
                |error| match error {
                    PutItemError::ConditionalCheckFailedException(failed) => {
                        Some(failed.item.clone())
                    }
                    _ => None,
                },
            )
        };
        self.tried(table, true, put).await
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, Error> {
        let make = || async {
            let mut aliases = Aliases::default();
            let change = expression::update(&mut aliases, &update);
            let condition = expression::condition(&mut aliases, &condition);
            let send = self
                .client
                .update_item()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .set_update_expression(change)
                .set_condition_expression(condition)
                .set_expression_attribute_names(aliases.names())
                .set_expression_attribute_values(aliases.values())
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .send();
            written(
                table,
                send.await.map(|done| done.attributes),
                |error| match error {
                    UpdateItemError::ConditionalCheckFailedException(failed) => {
                        Some(failed.item.clone())
                    }
                    _ => None,
                },
            )
        };
        self.tried(table, update.add.is_empty(), make).await
    }

    async fn delete(&self, table: &str, key: &Key, condition: Condition) -> Result<Written, Error> {
        let make = || async {
            let mut aliases = Aliases::default();
            let condition = expression::condition(&mut aliases, &condition);
            let send = self
                .client
                .delete_item()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(aliases.names())
                .set_expression_attribute_values(aliases.values())
                .return_values(ReturnValue::AllOld)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .send();
            written(
                table,
                send.await.map(|done| done.attributes),
                |error| match error {
                    DeleteItemError::ConditionalCheckFailedException(failed) => {
                        Some(failed.item.clone())
                    }
                    _ => None,
                },
            )
        };
        self.tried(table, true, make).await
    }

    async fn page(&self, table: &str, select: &Select, after: Option<Row>) -> Result<Page, Error> {
        Ok(self.read(table, select, after, false).await?.0)
    }

    async fn count(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<(u64, Option<Row>), Error> {
        let (page, number) = self.read(table, select, after, true).await?;
        Ok((number, page.next))
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, Error> {
        define::ensure(&self.client, table).await
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), Error> {
        // A batch may name a key once only; the last line for it is the one that counts.
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
}

fn request(row: Batched, table: &str) -> Result<WriteRequest, Error> {
    let fault = |error: aws_sdk_dynamodb::error::BuildError| Error::shape(table, error.to_string());
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
