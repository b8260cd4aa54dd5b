//! Rows of the consumer table: which space belongs to which customer, by which provider.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use tracing::warn;

use super::item::text;
use super::table::{NetworkTables, Page, Row, Source};
use crate::client::{ClientError, Dependency};
use crate::proto::did::Did;

const SCAN: &str = "scan the consumers";
const OF_CUSTOMER: &str = "list the spaces of a customer";
const OF_SPACE: &str = "find the customer of a space";

/// A consumer row. `customer` is missing in rows that name none; they are reported, not dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The space.
    pub space: Did,
    /// The account that pays for it.
    pub customer: Option<Did>,
    /// The provider.
    pub provider: Did,
    /// The subscription.
    pub subscription: String,
}

/// A row as a scan finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerEntry {
    /// A row that can be read.
    Consumer(Consumer),
    /// A row that says no space or no provider: whose it is and what is wrong with it.
    Unreadable(String),
}

/// A space of a customer, once, with all its providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceOfCustomer {
    /// The space.
    pub space: Did,
    /// Its providers, sorted.
    pub providers: Vec<Did>,
}

impl NetworkTables {
    /// Scans all consumer rows in `segments` parallel parts, in no order.
    ///
    /// The stream ends at its first error: a part that could not be read is never taken for empty. A row that makes no
    /// sense is an entry like the others.
    #[must_use]
    pub fn scan_consumers(
        &self,
        segments: u16,
    ) -> BoxStream<'_, Result<ConsumerEntry, ClientError>> {
        let segments = segments.max(1);
        let parts = (0..segments).map(move |segment| self.scan_segment(segment, segments).boxed());
        stream::select_all(parts).boxed()
    }

    fn scan_segment(
        &self,
        segment: u16,
        of: u16,
    ) -> impl stream::Stream<Item = Result<ConsumerEntry, ClientError>> + Send + '_ {
        let pages = stream::try_unfold(Some(None), move |state: Option<Option<Row>>| async move {
            let Some(after) = state else {
                return Ok::<_, ClientError>(None);
            };
            let page = self.scan_page((segment, of), after.as_ref()).await?;
            let next = page.next.map(Some);
            Ok(Some((page.rows, next)))
        });
        pages
            .map_ok(|rows| stream::iter(rows.into_iter().map(|row| Ok(entry(&row)))))
            .try_flatten()
    }

    async fn scan_page(&self, part: (u16, u16), after: Option<&Row>) -> Result<Page, ClientError> {
        let attempt = || async {
            let answer = self
                .dynamodb
                .scan()
                .table_name(&self.names.consumer)
                .segment(i32::from(part.0))
                .total_segments(i32::from(part.1))
                .projection_expression("consumer, customer, provider, subscription")
                .set_exclusive_start_key(after.cloned())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            let used = answer.consumed_capacity.as_ref();
            Page::of(used, answer.items, answer.last_evaluated_key)
        };
        self.calls.run(Dependency::DynamoDb, SCAN, attempt).await
    }

    /// Spaces of a customer, each once, sorted; rows that make no sense are logged. A migration space that was provisioned earlier is among them.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn spaces_of_customer(
        &self,
        customer: &Did,
    ) -> Result<Vec<SpaceOfCustomer>, ClientError> {
        let source = Source {
            table: &self.names.consumer,
            index: Some("customer"),
            key: ("customer", customer.as_str()),
            until: None,
        };
        let rows = self.all(OF_CUSTOMER, source).await?;
        let mut spaces = BTreeMap::<Did, Vec<Did>>::new();
        for consumer in readable(OF_CUSTOMER, &rows) {
            spaces
                .entry(consumer.space)
                .or_default()
                .push(consumer.provider);
        }
        Ok(spaces.into_iter().map(space_of_customer).collect())
    }

    /// Every consumer row of a space; more than one customer among them is a conflict that callers report.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn consumers_of_space(&self, space: &Did) -> Result<Vec<Consumer>, ClientError> {
        let source = Source {
            table: &self.names.consumer,
            index: Some("consumerV2"),
            key: ("consumer", space.as_str()),
            until: None,
        };
        let rows = self.all(OF_SPACE, source).await?;
        Ok(readable(OF_SPACE, &rows))
    }
}

fn space_of_customer((space, mut providers): (Did, Vec<Did>)) -> SpaceOfCustomer {
    providers.sort_unstable();
    providers.dedup();
    SpaceOfCustomer { space, providers }
}

fn readable(what: &'static str, rows: &[Row]) -> Vec<Consumer> {
    let read = |row| match entry(row) {
        ConsumerEntry::Consumer(consumer) => Some(consumer),
        ConsumerEntry::Unreadable(why) => {
            warn!(what, why, "a consumer row is left out");
            None
        }
    };
    rows.iter().filter_map(read).collect()
}

fn entry(row: &Row) -> ConsumerEntry {
    let did = |name: &str| -> Result<Did, String> {
        let value = text(row, name).ok_or_else(|| format!("has no {name}"))?;
        Did::parse(value).map_err(|error| format!("has the {name} {value:?}: {error}"))
    };
    let subscription = text(row, "subscription").unwrap_or("?");
    let read = || -> Result<Consumer, String> {
        Ok(Consumer {
            space: did("consumer")?,
            customer: did("customer").ok(),
            provider: did("provider")?,
            subscription: subscription.to_owned(),
        })
    };
    match read() {
        Ok(consumer) => ConsumerEntry::Consumer(consumer),
        Err(why) => ConsumerEntry::Unreadable(format!("subscription {subscription} {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tables::item::key;

    #[test]
    fn a_row_that_makes_no_sense_is_named_and_ends_nothing() {
        let space = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
        let provider = "did:web:up.storacha.network";
        let good = key(("consumer", space), ("provider", provider));
        let ConsumerEntry::Consumer(consumer) = entry(&good) else {
            panic!("not read")
        };
        assert_eq!((consumer.space.as_str(), consumer.customer), (space, None));
        for (row, why) in [
            (
                key(("subscription", "bafys"), ("provider", provider)),
                "bafys has no consumer",
            ),
            (
                key(("consumer", "nobody"), ("provider", provider)),
                "has the consumer \"nobody\"",
            ),
            (
                key(("consumer", space), ("provider", "")),
                "has the provider",
            ),
        ] {
            let ConsumerEntry::Unreadable(told) = entry(&row) else {
                panic!("read: {row:?}")
            };
            assert!(told.contains(why), "{told}");
        }
        let rows = [key(("consumer", "x"), ("provider", "y")), good];
        assert_eq!(readable(SCAN, &rows).len(), 1);
    }
}
