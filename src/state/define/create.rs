//! Creates missing tables.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
};
use serde::Serialize;

use super::definition::{Definition, Index, SORTED_BY};
use crate::state::rows::{ErrorKind, RowsError};

/// How long a table may take to become active.
const PATIENCE: Duration = Duration::from_mins(5);

/// The result for one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its name.
    pub table: String,
    /// Whether it was created now. An existing table is not changed.
    pub created: bool,
    /// Indexes that an existing table lacks, because the existing tool's definition may be older.
    pub missing_indexes: Vec<String>,
}

/// Creates the table if it is missing, and waits until it and its indexes are active.
pub(in crate::state) async fn ensure(
    client: &Client,
    table: &Definition,
) -> Result<Made, RowsError> {
    let there = describe(client, table).await?;
    let created = there.is_none();
    if created {
        create(client, table).await?;
    }
    let description = wait(client, table).await?;
    let held: Vec<&str> = description
        .global_secondary_indexes()
        .iter()
        .filter_map(|index| index.index_name())
        .collect();
    let missing = table
        .indexes
        .iter()
        .filter(|index| !held.contains(&index.name));
    Ok(Made {
        table: table.name.clone(),
        created,
        missing_indexes: missing.map(|index| index.name.to_owned()).collect(),
    })
}

async fn describe(
    client: &Client,
    table: &Definition,
) -> Result<Option<TableDescription>, RowsError> {
    match client.describe_table().table_name(&table.name).send().await {
        Ok(answer) => match answer.table {
            Some(description) => Ok(Some(description)),
            None => Err(RowsError::incomplete("describe", &table.name)),
        },
        Err(error) => match error.as_service_error() {
            Some(DescribeTableError::ResourceNotFoundException(_)) => Ok(None),
            _ => Err(RowsError::of("describe", &table.name, &error)),
        },
    }
}

async fn create(client: &Client, table: &Definition) -> Result<(), RowsError> {
    let fault = |error: BuildError| RowsError::shape(&table.name, error.to_string());
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(table.partition, table.sort).map_err(fault)?));
    for name in table.attributes() {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(attribute.build().map_err(fault)?);
    }
    for index in &table.indexes {
        request = request.global_secondary_indexes(secondary(*index).map_err(fault)?);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), CreateTableError::ResourceInUseException(_)) =>
        {
            Ok(())
        }
        Err(error) => Err(RowsError::of("create", &table.name, &error)),
    }
}

fn secondary(index: Index) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(keys(index.partition, Some(SORTED_BY))?))
        .projection(
            Projection::builder()
                .projection_type(ProjectionType::All)
                .build(),
        )
        .build()
}

fn keys(partition: &str, sort: Option<&str>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let partition = std::iter::once(key(partition, KeyType::Hash));
    partition
        .chain(sort.map(|sort| key(sort, KeyType::Range)))
        .collect()
}

async fn wait(client: &Client, table: &Definition) -> Result<TableDescription, RowsError> {
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        if let Some(description) = describe(client, table).await?
            && active(&description)
        {
            return Ok(description);
        }
        if begun.elapsed() > PATIENCE {
            return Err(RowsError {
                doing: "wait for",
                table: table.name.clone(),
                kind: ErrorKind::Broken,
                detail: format!("not active after {} s", PATIENCE.as_secs()),
                retry_after: None,
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn active(table: &TableDescription) -> bool {
    // Some engines give an index no status; AWS always does.
    let indexes = table.global_secondary_indexes().iter();
    let ready =
        |status: Option<&IndexStatus>| status.is_none_or(|status| *status == IndexStatus::Active);
    table.table_status() == Some(&TableStatus::Active)
        && indexes.into_iter().all(|index| ready(index.index_status()))
}
