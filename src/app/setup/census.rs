//! Who has which spaces, and how many uploads: the network's tables as `setup` sees them.

use anyhow::Result;
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use crate::app::Trouble;
use crate::client::{self, Consumer, NetworkTables};
use crate::model::SpaceDid;
use crate::plan::ConsumerRow;
use crate::proto::did::Did;

/// The network's consumers and uploads. Both calls retry what passes; an error has outlasted that.
#[async_trait]
pub trait Census: Send + Sync {
    /// All consumer rows, read in parallel segments, in no order; ends at the first error.
    fn consumers(&self, segments: u16) -> BoxStream<'_, Result<Consumer, client::Error>>;
    /// Uploads of a space, over every page.
    async fn uploads(&self, space: &SpaceDid) -> Result<u64, client::Error>;
}

#[async_trait]
impl Census for NetworkTables {
    fn consumers(&self, segments: u16) -> BoxStream<'_, Result<Consumer, client::Error>> {
        self.scan_consumers(segments)
    }

    async fn uploads(&self, space: &SpaceDid) -> Result<u64, client::Error> {
        let did = Did::parse(space.as_str()).map_err(|error| {
            client::Cause::Malformed(error.to_string())
                .at(client::Dependency::DynamoDb, "count the uploads of a space")
        })?;
        self.count_uploads(&did).await
    }
}

/// Reads all consumers. Rows whose space is no `did:key` are no spaces, and left out.
pub(super) async fn scan<C: Census>(census: &C, segments: u32) -> Result<Vec<ConsumerRow>> {
    let segments = u16::try_from(segments.max(1)).unwrap_or(u16::MAX);
    let rows = census.consumers(segments).map_err(|error| trouble(&error));
    let rows = rows.try_filter_map(|consumer| async move { Ok(row(&consumer)) });
    Ok(rows.boxed().try_collect().await?)
}

fn row(consumer: &Consumer) -> Option<ConsumerRow> {
    Some(ConsumerRow {
        space: consumer.space.as_str().parse().ok()?,
        customer: consumer
            .customer
            .as_ref()
            .and_then(|customer| customer.as_str().parse().ok()),
        provider: consumer.provider.to_string(),
    })
}

/// What an error of the tables means for `setup`.
pub(super) fn trouble(error: &client::Error) -> Trouble {
    Trouble::of_client(
        error,
        "CONSUMER_TABLE_NAME, UPLOAD_TABLE_NAME or AWS_ENDPOINT_URL_DYNAMODB",
        "DynamoDB",
    )
}
