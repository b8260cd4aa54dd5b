//! Typed calls on the network's tables, for the network's own services.

use std::collections::HashMap;
use std::path::Path;

use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::transact_write_items::{
    TransactPut, TransactWriteItem, TransactWriteItemsRequest,
};
use dynoxide::{AttributeValue, Database, DynoxideError, ImportOptions};

use super::row::Row;
use super::tables::create_request;
use crate::sandbox::config::SandboxError;
use crate::sandbox::layout::Table;

/// Items written in one transaction at most, the limit of `DynamoDB`.
const TRANSACTION_LIMIT: usize = 100;

/// The database of the local network; clones share it.
///
/// The calls read and write behind every listener: they are not counted and no fault strikes them.
#[derive(Clone)]
pub struct Db {
    database: Database,
}

/// One write of a transaction.
#[derive(Clone, Debug)]
pub struct Put {
    /// The table.
    pub table: Table,
    /// The whole item.
    pub row: Row,
    /// Whether an item with its key makes the whole transaction fail.
    pub only_new: bool,
}

impl Db {
    /// Opens the database at `path` and makes the tables that are missing.
    ///
    /// # Errors
    /// The path is not text, or the database cannot be opened or a table made.
    pub fn open(path: &Path) -> Result<Self, SandboxError> {
        let text = path.to_str().ok_or_else(|| SandboxError::State {
            path: path.to_owned(),
            reason: "the path is not text".to_owned(),
        })?;
        let database = Database::new(text).map_err(failed("open a file"))?;
        for table in Table::ALL {
            if database
                .get_table_metadata(table.name())
                .map_err(failed("look up a table"))?
                .is_none()
            {
                let request = serde_json::from_value(create_request(table)).map_err(|error| {
                    SandboxError::State {
                        path: path.to_owned(),
                        reason: error.to_string(),
                    }
                })?;
                database
                    .create_table(request)
                    .map_err(failed("create a table"))?;
            }
        }
        Ok(Self { database })
    }

    /// Writes an item, over any that has its key.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn put(&self, table: Table, row: Row) -> Result<(), SandboxError> {
        self.blocking(move |database| {
            database
                .put_item(put_request(table, row))
                .map(drop)
                .map_err(failed("put an item"))
        })
        .await
    }

    /// Writes an item unless there is one with its key; whether it was written.
    ///
    /// # Errors
    /// The database refuses for another reason than that the key exists.
    pub async fn put_new(&self, table: Table, row: Row) -> Result<bool, SandboxError> {
        self.blocking(move |database| {
            let mut request = put_request(table, row);
            request.condition_expression = Some(absent());
            request.expression_attribute_names = Some(key_names(table));
            match database.put_item(request) {
                Ok(_) => Ok(true),
                Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
                Err(error) => Err(failed("put a new item")(error)),
            }
        })
        .await
    }

    /// Writes many items of one table at once, over any that have their keys.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn put_all(&self, table: Table, rows: Vec<Row>) -> Result<(), SandboxError> {
        self.blocking(move |database| {
            let items = rows.into_iter().map(|row| row.0).collect();
            database
                .import_items(table.name(), items, ImportOptions::default())
                .map(drop)
                .map_err(failed("put many items"))
        })
        .await
    }

    /// Writes all of `puts` or none; whether they were written (`false`: a condition failed).
    ///
    /// # Errors
    /// The database refuses for another reason than a condition that failed.
    pub async fn transact(&self, puts: Vec<Put>) -> Result<bool, SandboxError> {
        debug_assert!(puts.len() <= TRANSACTION_LIMIT);
        self.blocking(move |database| {
            let request = TransactWriteItemsRequest {
                transact_items: puts.into_iter().map(transact_put).collect(),
                ..TransactWriteItemsRequest::default()
            };
            match database.transact_write_items(request) {
                Ok(_) => Ok(true),
                Err(DynoxideError::TransactionCanceledException(..)) => Ok(false),
                Err(error) => Err(failed("write a transaction")(error)),
            }
        })
        .await
    }

    /// The item with the key that `key` holds (and nothing else).
    ///
    /// # Errors
    /// The database refuses.
    pub async fn get(&self, table: Table, key: Row) -> Result<Option<Row>, SandboxError> {
        self.blocking(move |database| {
            let request = GetItemRequest {
                table_name: table.name().to_owned(),
                key: key.0,
                ..GetItemRequest::default()
            };
            let answer = database.get_item(request).map_err(failed("get an item"))?;
            Ok(answer.item.map(Row))
        })
        .await
    }

    /// Removes the item with the key that `key` holds; whether there was one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn delete(&self, table: Table, key: Row) -> Result<bool, SandboxError> {
        self.blocking(move |database| {
            let request = DeleteItemRequest {
                table_name: table.name().to_owned(),
                key: key.0,
                return_values: Some("ALL_OLD".to_owned()),
                ..DeleteItemRequest::default()
            };
            let answer = database
                .delete_item(request)
                .map_err(failed("delete an item"))?;
            Ok(answer.attributes.is_some())
        })
        .await
    }

    /// All items whose partition key, in the table or the named index, is `value`.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn query(
        &self,
        table: Table,
        index: Option<&'static str>,
        value: &str,
    ) -> Result<Vec<Row>, SandboxError> {
        let partition = match index {
            None => table.key().0,
            Some(name) => table
                .indexes()
                .iter()
                .find(|index| index.name == name)
                .map_or(table.key().0, |index| index.partition),
        };
        let value = value.to_owned();
        self.blocking(move |database| query_pages(database, table, index, partition, &value))
            .await
    }

    /// All items of a table.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn scan(&self, table: Table) -> Result<Vec<Row>, SandboxError> {
        self.blocking(move |database| {
            let mut rows = Vec::new();
            let mut from = None;
            loop {
                let request = ScanRequest {
                    table_name: table.name().to_owned(),
                    exclusive_start_key: from,
                    ..ScanRequest::default()
                };
                let page = database.scan(request).map_err(failed("scan a table"))?;
                rows.extend(page.items.unwrap_or_default().into_iter().map(Row));
                from = page.last_evaluated_key;
                if from.is_none() {
                    return Ok(rows);
                }
            }
        })
        .await
    }

    /// Runs `work` on a thread that may block; the database serialises its callers.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || work(&database)).await?
    }
}

fn query_pages(
    database: &Database,
    table: Table,
    index: Option<&str>,
    partition: &str,
    value: &str,
) -> Result<Vec<Row>, SandboxError> {
    let mut rows = Vec::new();
    let mut from = None;
    loop {
        let request = QueryRequest {
            table_name: table.name().to_owned(),
            index_name: index.map(str::to_owned),
            key_condition_expression: Some("#partition = :value".to_owned()),
            expression_attribute_names: Some(HashMap::from([(
                "#partition".to_owned(),
                partition.to_owned(),
            )])),
            expression_attribute_values: Some(HashMap::from([(
                ":value".to_owned(),
                AttributeValue::S(value.to_owned()),
            )])),
            scan_index_forward: true,
            exclusive_start_key: from,
            ..QueryRequest::default()
        };
        let page = database.query(request).map_err(failed("query a table"))?;
        rows.extend(page.items.unwrap_or_default().into_iter().map(Row));
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(rows);
        }
    }
}

fn put_request(table: Table, row: Row) -> PutItemRequest {
    PutItemRequest {
        table_name: table.name().to_owned(),
        item: row.0,
        ..PutItemRequest::default()
    }
}

fn transact_put(put: Put) -> TransactWriteItem {
    TransactWriteItem {
        put: Some(TransactPut {
            table_name: put.table.name().to_owned(),
            item: put.row.0,
            condition_expression: put.only_new.then(absent),
            expression_attribute_names: put.only_new.then(|| key_names(put.table)),
            ..TransactPut::default()
        }),
        ..TransactWriteItem::default()
    }
}

/// The condition that no item has this key; the names are aliased, as some are reserved words.
fn absent() -> String {
    "attribute_not_exists(#partition)".to_owned()
}

fn key_names(table: Table) -> HashMap<String, String> {
    HashMap::from([("#partition".to_owned(), table.key().0.to_owned())])
}

fn failed(action: &'static str) -> impl Fn(DynoxideError) -> SandboxError {
    move |error| SandboxError::Database {
        action: action.to_owned(),
        reason: error.to_string(),
    }
}
