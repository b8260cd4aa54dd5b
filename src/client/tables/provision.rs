//! Provisioning of a space: subscription row, then consumer row, each only if absent.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{key, text};
use super::table::{NetworkTables, Row};
use crate::client::{Cause, Dependency, Error};
use crate::proto::did::Did;

const SUBSCRIPTION: &str = "store a subscription";
const CONSUMER: &str = "store a consumer";

/// Who pays for which space, by which provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// The space that is paid for.
    pub space: Did,
    /// The account that pays.
    pub customer: Did,
    /// The provider.
    pub provider: Did,
    /// Subscription id (protocol: tables §2).
    pub subscription: String,
    /// ISO 8601 time, written as `insertedAt` of rows that are new.
    pub at: String,
}

impl NetworkTables {
    /// Writes both rows. Rows that exist are read back; if they belong to somebody else it is a conflict.
    pub async fn provision(&self, provision: &Provision) -> Result<(), Error> {
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

    async fn put_once(
        &self,
        what: &'static str,
        table: &str,
        provision: &Provision,
        row: Row,
    ) -> Result<(), Error> {
        let attempt = || async {
            self.dynamodb
                .put_item()
                .table_name(table)
                .set_item(Some(row.clone()))
                .condition_expression(
                    "attribute_not_exists(subscription) AND attribute_not_exists(provider)",
                )
                .send()
                .await
                .map_err(crate::client::aws::cause)
        };
        match self.calls.run(Dependency::DynamoDb, what, attempt).await {
            Ok(_) => Ok(()),
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
    ) -> Result<(), Error> {
        let id = key(
            ("subscription", &provision.subscription),
            ("provider", provision.provider.as_str()),
        );
        let attempt = || async {
            let read = self
                .dynamodb
                .get_item()
                .table_name(table)
                .set_key(Some(id.clone()))
                .consistent_read(true);
            Ok(read
                .send()
                .await
                .map_err(crate::client::aws::cause)?
                .item
                .unwrap_or_default())
        };
        let theirs = self.calls.run(Dependency::DynamoDb, what, attempt).await?;
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

fn row(provision: &Provision) -> Row {
    let mut row = key(
        ("subscription", &provision.subscription),
        ("provider", provision.provider.as_str()),
    );
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
