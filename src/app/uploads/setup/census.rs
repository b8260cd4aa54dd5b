//! Who has which spaces, and how many uploads: the network's tables as `setup` sees them.

use anyhow::Result;
use async_trait::async_trait;
use futures::stream::{BoxStream, TryStreamExt as _};

use crate::app::CommandError;
use crate::client::{self, Consumer, ConsumerEntry, NetworkTables};
use crate::migrations::uploads::plan::ConsumerRow;
use crate::proto::SpaceDid;
use crate::proto::did::Did;

/// The network's consumers and uploads. Both calls retry what passes; an error has outlasted that.
#[async_trait]
pub(super) trait Census: Send + Sync {
    /// All consumer rows, read in parallel segments, in no order; ends at the first error.
    fn consumers(&self, segments: u16)
    -> BoxStream<'_, Result<ConsumerEntry, client::ClientError>>;
    /// Uploads of a space, over every page.
    async fn uploads(&self, space: &SpaceDid) -> Result<u64, client::ClientError>;
}

#[async_trait]
impl Census for NetworkTables {
    fn consumers(
        &self,
        segments: u16,
    ) -> BoxStream<'_, Result<ConsumerEntry, client::ClientError>> {
        self.scan_consumers(segments)
    }

    async fn uploads(&self, space: &SpaceDid) -> Result<u64, client::ClientError> {
        let did = Did::parse(space.as_str()).map_err(|error| {
            client::Cause::Malformed(error.to_string())
                .at(client::Dependency::DynamoDb, "count the uploads of a space")
        })?;
        self.count_uploads(&did).await
    }
}

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) rows: Vec<ConsumerRow>,
    /// Rows that make no sense, each with what is wrong.
    pub(super) odd: Vec<String>,
}

/// Reads all consumers.
pub(super) async fn scan<C: Census>(census: &C, segments: u32) -> Result<Scanned> {
    let segments = u16::try_from(segments.max(1)).unwrap_or(u16::MAX);
    let mut entries = census.consumers(segments);
    let mut scanned = Scanned::default();
    while let Some(entry) = entries
        .try_next()
        .await
        .map_err(|error| census_error(&error))?
    {
        let read = match entry {
            ConsumerEntry::Consumer(consumer) => row(&consumer),
            ConsumerEntry::Unreadable(why) => Err(why),
        };
        match read {
            Ok(row) => scanned.rows.push(row),
            Err(why) => scanned.odd.push(why),
        }
    }
    // In whichever order the segments came.
    scanned.odd.sort_unstable();
    Ok(scanned)
}

fn row(consumer: &Consumer) -> Result<ConsumerRow, String> {
    let space = consumer.space.as_str().parse();
    Ok(ConsumerRow {
        space: space.map_err(|error| format!("subscription {}: {error}", consumer.subscription))?,
        customer: consumer
            .customer
            .as_ref()
            .and_then(|customer| customer.as_str().parse().ok()),
        provider: consumer.provider.to_string(),
    })
}

/// What an error of the tables means for `setup`.
pub(super) fn census_error(error: &client::ClientError) -> CommandError {
    CommandError::of_client(
        error,
        "CONSUMER_TABLE_NAME, UPLOAD_TABLE_NAME or AWS_ENDPOINT_URL_DYNAMODB",
        "DynamoDB",
    )
}
