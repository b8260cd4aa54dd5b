//! Rows of the consumer table: which space belongs to which customer, by which provider.

use std::collections::BTreeMap;

use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::item::text;
use super::table::{NetworkTables, Page, Row, Source, malformed};
use crate::client::{Dependency, Error};
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
    /// The stream ends at its first error: a part that could not be read is never taken for empty.
    #[must_use]
    pub fn scan_consumers(&self, segments: u16) -> BoxStream<'_, Result<Consumer, Error>> {
        let segments = segments.max(1);
        let parts = (0..segments).map(move |segment| self.scan_segment(segment, segments).boxed());
        stream::select_all(parts).boxed()
    }

    fn scan_segment(
        &self,
        segment: u16,
        of: u16,
    ) -> impl stream::Stream<Item = Result<Consumer, Error>> + Send + '_ {
        let pages = stream::try_unfold(Some(None), move |state: Option<Option<Row>>| async move {
            let Some(after) = state else {
                return Ok::<_, Error>(None);
            };
            let page = self.scan_page((segment, of), after.as_ref()).await?;
            let next = page.next.map(Some);
            Ok(Some((page.rows, next)))
        });
        pages
            .map_ok(|rows| stream::iter(rows.into_iter().map(|row| read(SCAN, &row))))
            .try_flatten()
    }

    async fn scan_page(&self, part: (u16, u16), after: Option<&Row>) -> Result<Page, Error> {
        let attempt = || async {
            let answer = self
                .dynamodb
                .scan()
                .table_name(&self.names.consumer)
                .segment(i32::from(part.0))
                .total_segments(i32::from(part.1))
                .projection_expression("consumer, customer, provider, subscription")
                .set_exclusive_start_key(after.cloned())
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            Ok(Page {
                rows: answer.items.unwrap_or_default(),
                next: answer.last_evaluated_key,
            })
        };
        self.calls.run(Dependency::DynamoDb, SCAN, attempt).await
    }

    /// Spaces of a customer, each once, sorted. A migration space that was provisioned earlier is among them.
    pub async fn spaces_of_customer(&self, customer: &Did) -> Result<Vec<SpaceOfCustomer>, Error> {
        let source = Source {
            table: &self.names.consumer,
            index: Some("customer"),
            key: ("customer", customer.as_str()),
        };
        let rows = self.all(OF_CUSTOMER, source).await?;
        let consumers = rows
            .iter()
            .map(|row| read(OF_CUSTOMER, row))
            .collect::<Result<Vec<_>, _>>()?;
        let mut spaces = BTreeMap::<Did, Vec<Did>>::new();
        for consumer in consumers {
            spaces
                .entry(consumer.space)
                .or_default()
                .push(consumer.provider);
        }
        Ok(spaces.into_iter().map(space_of_customer).collect())
    }

    /// Every consumer row of a space; more than one customer among them is a conflict that callers report.
    pub async fn consumers_of_space(&self, space: &Did) -> Result<Vec<Consumer>, Error> {
        let source = Source {
            table: &self.names.consumer,
            index: Some("consumerV2"),
            key: ("consumer", space.as_str()),
        };
        let rows = self.all(OF_SPACE, source).await?;
        rows.iter().map(|row| read(OF_SPACE, row)).collect()
    }
}

fn space_of_customer((space, mut providers): (Did, Vec<Did>)) -> SpaceOfCustomer {
    providers.sort_unstable();
    providers.dedup();
    SpaceOfCustomer { space, providers }
}

fn read(what: &'static str, row: &Row) -> Result<Consumer, Error> {
    let did = |name: &str| -> Result<Did, Error> {
        let value =
            text(row, name).ok_or_else(|| malformed(what, format!("row without {name}")))?;
        Did::parse(value).map_err(|error| malformed(what, error.to_string()))
    };
    Ok(Consumer {
        space: did("consumer")?,
        customer: text(row, "customer").and_then(|value| Did::parse(value).ok()),
        provider: did("provider")?,
        subscription: text(row, "subscription").unwrap_or_default().to_owned(),
    })
}
