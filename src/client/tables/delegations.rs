//! Rows of the delegation table.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, ReturnConsumedCapacity, WriteRequest};
use cid::Cid;

use super::item::text;
use super::table::{NetworkTables, Row, Source, required};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::did::Did;

const FIND: &str = "list the delegations of a space";
const FIND_GIVEN: &str = "list the delegations to an account";
const STORE: &str = "store a delegation row";
const LOOK: &str = "look for a delegation row";
const REMOVE: &str = "remove a delegation row";

/// A delegation row, as far as the `issuer` index shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DelegationRow {
    /// CID of the delegation.
    pub link: Cid,
    /// Text of its audience.
    pub audience: String,
}

impl NetworkTables {
    /// Every delegation that a DID issued, sorted by CID. Rows whose link is not a CID are left out.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn delegations_by_issuer(
        &self,
        issuer: &Did,
    ) -> Result<Vec<DelegationRow>, ClientError> {
        self.delegations_of(FIND, "issuer", issuer, read).await
    }

    /// Every delegation to a DID, whoever issued it, sorted by CID: the `audience` index shows no more than the link
    /// (docs/protocol/tables.md §2). Rows whose link is not a CID are left out.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn delegations_by_audience(&self, audience: &Did) -> Result<Vec<Cid>, ClientError> {
        self.delegations_of(FIND_GIVEN, "audience", audience, link)
            .await
    }

    /// What an index of the same name as its key shows of the rows of one DID, sorted and without repeats.
    async fn delegations_of<T: Ord>(
        &self,
        what: &'static str,
        index: &str,
        did: &Did,
        read: fn(&Row) -> Option<T>,
    ) -> Result<Vec<T>, ClientError> {
        let source = Source {
            table: &self.names.delegation,
            index: Some(index),
            key: (index, did.as_str()),
            until: None,
        };
        let rows = self.all(what, source).await?;
        let mut found: Vec<_> = rows.iter().filter_map(read).collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// When the row of a delegation was written, as its text says (RFC 3339, so that texts compare as times do); none
    /// if there is no row or it does not say.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn delegation_written_at(&self, link: &Cid) -> Result<Option<String>, ClientError> {
        let row = self.row(LOOK, &self.names.delegation, &id(link)).await?;
        Ok(row.and_then(|row| text(&row, "insertedAt").map(str::to_owned)))
    }

    /// Writes the row of a delegation whose object is stored already. Writing it again changes nothing.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn store_delegation_row(
        &self,
        link: &Cid,
        audience: &Did,
        issuer: &Did,
        expiration: Option<u64>,
    ) -> Result<(), ClientError> {
        let end = expiration.map_or(AttributeValue::Null(true), |at| {
            AttributeValue::N(at.to_string())
        });
        let item: Row = [
            ("link", AttributeValue::S(link.to_string())),
            ("audience", AttributeValue::S(audience.as_str().to_owned())),
            ("issuer", AttributeValue::S(issuer.as_str().to_owned())),
            ("expiration", end),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let put = PutRequest::builder()
            .set_item(Some(item))
            .build()
            .map_err(|error| Cause::Malformed(error.to_string()).at(Dependency::DynamoDb, STORE))?;
        let request = WriteRequest::builder().put_request(put).build();
        self.write_all(HashMap::from([(
            self.names.delegation.clone(),
            vec![request],
        )]))
        .await
    }

    /// Whether a delegation has its row.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn has_delegation_row(&self, link: &Cid) -> Result<bool, ClientError> {
        let row = self.row(LOOK, &self.names.delegation, &id(link)).await?;
        Ok(row.is_some())
    }

    /// Removes the row of a delegation; one that is not there is no error.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn remove_delegation_row(&self, link: &Cid) -> Result<(), ClientError> {
        let attempt = || async {
            let delete = self
                .dynamodb
                .delete_item()
                .table_name(&self.names.delegation)
                .key("link", AttributeValue::S(link.to_string()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = delete.send().await.map_err(crate::client::aws::cause)?;
            required(answer.consumed_capacity.as_ref())
        };
        self.calls.run(Dependency::DynamoDb, REMOVE, attempt).await
    }

    async fn write_all(
        &self,
        requests: HashMap<String, Vec<WriteRequest>>,
    ) -> Result<(), ClientError> {
        // What an answer leaves out is throttling, and the next try sends that alone.
        let left = Mutex::new(requests);
        let attempt = || async {
            let requests = left.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let write = self
                .dynamodb
                .batch_write_item()
                .set_request_items(Some(requests));
            let answer = write
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            required(answer.consumed_capacity.as_ref())?;
            let rest = answer.unprocessed_items.unwrap_or_default();
            let is_whole = rest.is_empty();
            *left.lock().unwrap_or_else(PoisonError::into_inner) = rest;
            if is_whole {
                Ok(())
            } else {
                Err(Cause::Throttled { retry_after: None })
            }
        };
        self.calls.run(Dependency::DynamoDb, STORE, attempt).await
    }
}

fn id(link: &Cid) -> Row {
    Row::from([("link".to_owned(), AttributeValue::S(link.to_string()))])
}

fn link(row: &Row) -> Option<Cid> {
    Cid::try_from(text(row, "link")?).ok()
}

fn read(row: &Row) -> Option<DelegationRow> {
    Some(DelegationRow {
        link: link(row)?,
        audience: text(row, "audience")?.to_owned(),
    })
}
