//! Rows in DynamoDB.
//!
//! An empty answer could mean "absent" or "done", or come from a broken service or a proxy. So every answer must have a
//! part that DynamoDB always sends: the used capacity, the row after an update, or the unprocessed rows of a batch.

mod batch;
mod list;
mod transact;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity as Capacity;
use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure as OnFailure;

use super::codec::{self, Item};
use super::condition::{Condition, Update};
use super::expression::{self, Aliases};
use super::row::Row;
use super::{Batched, Change, Guard, Key, Location, Page, Rows, RowsError, Select, Written};
use crate::runtime::{Policy, retry};
use crate::state::define::{self, Definition, Made};

/// Longest wait before the second try.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Tables behind a DynamoDB endpoint. The retries of the SDK are switched off; `runtime::retry` repeats requests.
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

    /// Makes a request, again while its error is transient. No request does harm when it is repeated.
    async fn tried<T, F>(&self, table: &str, make: impl FnMut() -> F) -> Result<T, RowsError>
    where
        F: Future<Output = Result<T, RowsError>>,
    {
        let done = retry(&self.policy, make).await;
        done.map_err(|error| error.at(table))
    }
}

/// Refuses an answer without the part that DynamoDB always sends.
fn required<T>(doing: &'static str, table: &str, part: Option<&T>) -> Result<(), RowsError> {
    part.map(drop)
        .ok_or_else(|| RowsError::incomplete(doing, table))
}

/// The result of a write. A failed condition is a result, not an error.
fn written<E>(
    table: &str,
    answer: Result<
        Option<Item>,
        SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    >,
    refused: impl FnOnce(&E) -> Option<Option<Item>>,
) -> Result<Written, RowsError>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(Some(item)) => Ok(Written::Done(codec::row(item))),
        Ok(None) => Err(RowsError::incomplete("write", table)),
        Err(error) => match error.as_service_error().and_then(refused) {
            Some(held) => Ok(Written::Refused(held.map(codec::row))),
            None => Err(RowsError::of("write", table, &error)),
        },
    }
}

#[async_trait]
impl Rows for Dynamo {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        let get = || async {
            let send = self
                .client
                .get_item()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .consistent_read(true)
                .return_consumed_capacity(Capacity::Total)
                .send();
            let answer = send
                .await
                .map_err(|error| RowsError::of("read", table, &error))?;
            required("read", table, answer.consumed_capacity.as_ref())?;
            Ok(answer.item)
        };
        Ok(self.tried(table, get).await?.map(codec::row))
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
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
                .return_consumed_capacity(Capacity::Total)
                .send();
            written(
                table,
                send.await
                    .map(|done| done.consumed_capacity.map(|_| item.clone())),
                |error| match error {
                    PutItemError::ConditionalCheckFailedException(failed) => {
                        Some(failed.item.clone())
                    }
                    _ => None,
                },
            )
        };
        self.tried(table, put).await
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
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
        self.tried(table, make).await
    }

    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
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
                .return_consumed_capacity(Capacity::Total)
                .send();
            written(
                table,
                send.await.map(|done| {
                    let told = done.consumed_capacity;
                    told.map(|_| done.attributes.unwrap_or_default())
                }),
                |error| match error {
                    DeleteItemError::ConditionalCheckFailedException(failed) => {
                        Some(failed.item.clone())
                    }
                    _ => None,
                },
            )
        };
        self.tried(table, make).await
    }

    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError> {
        self.transact(guard, table, key, &change).await
    }

    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        self.read(table, select, after).await
    }

    async fn locate(&self, table: &str) -> Result<Location, RowsError> {
        let describe = || async {
            let answer = self.client.describe_table().table_name(table).send().await;
            let answer = answer.map_err(|error| RowsError::of("describe", table, &error))?;
            let arn = answer.table.and_then(|table| table.table_arn);
            let location = arn.as_deref().and_then(Location::of_arn);
            location.ok_or_else(|| RowsError::incomplete("describe", table))
        };
        self.tried(table, describe).await
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        define::ensure(&self.client, table).await
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        self.write_batches(table, rows).await
    }
}
