//! What every operation on the network's tables shares.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};

use crate::client::calls::Calls;
use crate::client::{Buckets, Cause, ClientError, Dependency, Tables};

/// A row as DynamoDB gives it.
pub(super) type Row = HashMap<String, AttributeValue>;

/// The network's own tables, and the bucket of long shard lists. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetworkTables {
    pub(super) dynamodb: Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) names: Arc<Tables>,
    pub(super) buckets: Arc<Buckets>,
    pub(super) calls: Calls,
}

impl NetworkTables {
    pub(crate) fn new(
        clients: &crate::client::AwsClients,
        tables: &Tables,
        buckets: &Buckets,
        calls: Calls,
    ) -> Self {
        Self {
            dynamodb: clients.dynamodb.clone(),
            s3: clients.s3.clone(),
            names: Arc::new(tables.clone()),
            buckets: Arc::new(buckets.clone()),
            calls,
        }
    }
}

/// One page of a list and where the next starts; the list ends when that is `None`, never by an empty page.
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<Row>,
}

impl Page {
    /// The page that a query or a scan answered, if it tells anything at all.
    pub(super) fn of(
        used: Option<&ConsumedCapacity>,
        rows: Option<Vec<Row>>,
        next: Option<Row>,
    ) -> Result<Self, Cause> {
        required(used)?;
        Ok(Self {
            rows: rows.unwrap_or_default(),
            next,
        })
    }
}

/// What a list of rows is read from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) table: &'a str,
    pub(super) index: Option<&'a str>,
    /// Name and value of the partition key.
    pub(super) key: (&'a str, &'a str),
    /// Name of the sort key, and the last value of it that is wanted.
    pub(super) until: Option<(&'a str, &'a str)>,
}

impl NetworkTables {
    /// One page of the rows under one partition key.
    pub(super) async fn page(
        &self,
        what: &'static str,
        source: Source<'_>,
        after: Option<&Row>,
    ) -> Result<Page, ClientError> {
        let attempt = || async {
            let query = self
                .dynamodb
                .query()
                .table_name(source.table)
                .set_index_name(source.index.map(str::to_owned))
                .expression_attribute_names("#key", source.key.0)
                .expression_attribute_values(":key", AttributeValue::S(source.key.1.to_owned()));
            let query = match source.until {
                None => query.key_condition_expression("#key = :key"),
                Some((name, last)) => query
                    .key_condition_expression("#key = :key AND #sort <= :last")
                    .expression_attribute_names("#sort", name)
                    .expression_attribute_values(":last", AttributeValue::S(last.to_owned())),
            };
            let answer = query
                .set_exclusive_start_key(after.cloned())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            let used = answer.consumed_capacity.as_ref();
            Page::of(used, answer.items, answer.last_evaluated_key)
        };
        self.calls.run(Dependency::DynamoDb, what, attempt).await
    }

    /// One row by its key, read consistently: what was written before is seen.
    pub(super) async fn row(
        &self,
        what: &'static str,
        table: &str,
        id: &Row,
    ) -> Result<Option<Row>, ClientError> {
        let attempt = || async {
            let read = self
                .dynamodb
                .get_item()
                .table_name(table)
                .set_key(Some(id.clone()))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = read.send().await.map_err(crate::client::aws::cause)?;
            required(answer.consumed_capacity.as_ref())?;
            Ok(answer.item)
        };
        self.calls.run(Dependency::DynamoDb, what, attempt).await
    }

    /// Every row under one partition key; meant for lists that are short (rows of one space or customer).
    pub(super) async fn all(
        &self,
        what: &'static str,
        source: Source<'_>,
    ) -> Result<Vec<Row>, ClientError> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(what, source, after.as_ref()).await?;
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}

/// Nothing in an answer may mean "not there", or that the answer is none at all: a part that always comes tells them
/// apart. That is the capacity that was used, if it was asked for; of a batch that is read, the list of answers itself
/// (other engines than DynamoDB's own leave the capacity of a batch out).
pub(in crate::client) fn required<T>(part: Option<&T>) -> Result<(), Cause> {
    let missing = || Cause::Malformed("the answer is not one of DynamoDB's".to_owned());
    part.map(drop).ok_or_else(missing)
}

/// An error of a row that is not as the tables' description says.
pub(super) fn malformed(what: &'static str, text: String) -> ClientError {
    Cause::Malformed(text).at(Dependency::DynamoDb, what)
}
