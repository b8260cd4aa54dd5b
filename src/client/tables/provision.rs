//! Provisioning of a space: subscription row, then consumer row, each only if absent.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::item::{key, text};
use super::table::{NetworkTables, Row, required};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::did::Did;

const SUBSCRIPTION: &str = "store a subscription";
const CONSUMER: &str = "store a consumer";
const LOOK: &str = "look for the provisioning of a space";
const REMOVE: &str = "remove the provisioning of a space";

/// Who pays for which space, by which provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// The space that is paid for.
    pub space: Did,
    /// The account that pays.
    pub customer: Did,
    /// The provider.
    pub provider: Did,
    /// Subscription id (docs/protocol/tables.md §2).
    pub subscription: String,
    /// ISO 8601 time, written as `insertedAt` of rows that are new.
    pub at: String,
}

impl NetworkTables {
    /// Writes both rows. Rows that exist are read back; if they belong to somebody else it is a conflict.
    ///
    /// # Errors
    /// There is such a conflict; or DynamoDB refuses, or no try gets a valid answer.
    pub async fn provision(&self, provision: &Provision) -> Result<(), ClientError> {
        let subscription = row(provision);
        self.put_once(
            SUBSCRIPTION,
            &self.names.subscription,
            provision,
            subscription,
        )
        .await?;
        let mut consumer = row(provision);
        consumer.insert(
            "consumer".to_owned(),
            AttributeValue::S(provision.space.as_str().to_owned()),
        );
        self.put_once(CONSUMER, &self.names.consumer, provision, consumer)
            .await
    }

    /// Whether either row of a provisioning is there.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn is_provisioned(&self, provision: &Provision) -> Result<bool, ClientError> {
        for table in [&self.names.consumer, &self.names.subscription] {
            if self.row(LOOK, table, &id(provision)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes both rows, the consumer first. Rows that are not there are no error; those of another
    /// customer, and those with a `cause`, which the network wrote itself, are a conflict.
    ///
    /// # Errors
    /// There is such a conflict; or DynamoDB refuses, or no try gets a valid answer.
    pub async fn unprovision(&self, provision: &Provision) -> Result<(), ClientError> {
        for table in [&self.names.consumer, &self.names.subscription] {
            let attempt = || async {
                let delete = self
                    .dynamodb
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(id(provision)))
                    .condition_expression(
                        "attribute_not_exists(subscription) OR (customer = :customer AND attribute_not_exists(cause))",
                    )
                    .expression_attribute_values(
                        ":customer",
                        AttributeValue::S(provision.customer.as_str().to_owned()),
                    )
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                let answer = delete.send().await.map_err(crate::client::aws::cause)?;
                required(answer.consumed_capacity.as_ref())
            };
            let removed = self.calls.run(Dependency::DynamoDb, REMOVE, attempt).await;
            removed.map_err(|error| match error.cause {
                Cause::Condition => {
                    let text = format!("{table} holds a row of another for {}", provision.space);
                    Cause::Conflict(text).at(Dependency::DynamoDb, REMOVE)
                }
                _ => error,
            })?;
        }
        Ok(())
    }

    async fn put_once(
        &self,
        what: &'static str,
        table: &str,
        provision: &Provision,
        row: Row,
    ) -> Result<(), ClientError> {
        let attempt = || async {
            let answer = self
                .dynamodb
                .put_item()
                .table_name(table)
                .set_item(Some(row.clone()))
                .condition_expression(
                    "attribute_not_exists(subscription) AND attribute_not_exists(provider)",
                )
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            required(answer.consumed_capacity.as_ref())
        };
        match self.calls.run(Dependency::DynamoDb, what, attempt).await {
            Ok(()) => Ok(()),
            Err(error) if error.cause == Cause::Condition => {
                self.compare(what, table, provision, &row).await
            }
            Err(error) => Err(error),
        }
    }

    /// A failed condition may be our own earlier write or a row of another customer: only the row itself tells.
    async fn compare(
        &self,
        what: &'static str,
        table: &str,
        provision: &Provision,
        ours: &Row,
    ) -> Result<(), ClientError> {
        let theirs = self
            .row(what, table, &id(provision))
            .await?
            .unwrap_or_default();
        for name in ["customer", "consumer"] {
            let (our, their) = (text(ours, name), text(&theirs, name));
            if our.is_some() && our != their {
                let text = format!(
                    "{table} holds {name} {} for {}",
                    their.unwrap_or("none"),
                    provision.space
                );
                return Err(Cause::Conflict(text).at(Dependency::DynamoDb, what));
            }
        }
        Ok(())
    }
}

fn id(provision: &Provision) -> Row {
    key(
        ("subscription", &provision.subscription),
        ("provider", provision.provider.as_str()),
    )
}

fn row(provision: &Provision) -> Row {
    let mut row = id(provision);
    row.insert(
        "customer".to_owned(),
        AttributeValue::S(provision.customer.as_str().to_owned()),
    );
    row.insert(
        "insertedAt".to_owned(),
        AttributeValue::S(provision.at.clone()),
    );
    row
}
