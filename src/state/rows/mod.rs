//! Rows of tables, and the few operations on them that this room needs.
//!
//! All other code uses [`Rows`]. It runs on DynamoDB ([`Dynamo`]), in one file ([`Sqlite`]) and in memory ([`Memory`]).
//! One suite (`tests/state`) holds all three to the same behaviour.

mod codec;
mod condition;
mod dynamo;
mod expression;
mod fault;
mod json;
mod key;
mod location;
mod memory;
mod row;
mod sqlite;

use async_trait::async_trait;

use super::define::{Definition, Made};

pub use condition::{Condition, Update};
pub use dynamo::Dynamo;
pub use fault::{ErrorKind, RowsError};
pub use json::stamp;
pub use key::Key;
pub use location::Location;
pub use memory::Memory;
pub use row::{Row, Value};
pub use sqlite::Sqlite;

/// Which rows to read: those of a partition, of an index, or of the whole table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// Name of the secondary index to read instead of the table.
    pub index: Option<&'static str>,
    /// Attribute and value of the partition to read; without it the table is scanned.
    pub partition: Option<(&'static str, String)>,
    /// Bound of the sort attribute within the partition.
    pub sort: Option<(&'static str, Bound)>,
    /// Leaves out rows that do not match, after the page was cut: pages may be empty.
    pub filter: Option<Condition>,
    /// Largest sort value first.
    pub newest_first: bool,
    /// The most rows in a page.
    pub page: Option<u32>,
}

/// Bound of a sort attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Strictly below.
    Below(String),
    /// At or above.
    From(String),
    /// Starts with.
    Prefix(String),
}

/// Some rows, and where the next page starts.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows; may be empty although more follow.
    pub rows: Vec<Row>,
    /// Where to continue; `None` only at the end.
    pub next: Option<Row>,
}

/// The result of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// The write happened; the row as it is now.
    Done(Row),
    /// The condition did not hold; the stored row, if there is one.
    Refused(Option<Row>),
}

/// A store of rows.
///
/// Contract: reads of the table itself are strongly consistent, of an index eventually. A conditional write is atomic.
/// [`ErrorKind::Unanswered`] on a write means that it may have happened.
#[async_trait]
pub trait Rows: Send + Sync + std::fmt::Debug {
    /// The row of `key`.
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError>;
    /// Writes a whole row if `condition` holds for the stored row. A missing row counts as empty.
    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Changes attributes of a row if `condition` holds. Creates a missing row.
    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Removes a row if `condition` holds. `Done` has the removed row, empty if there was none.
    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Changes a row if `guard` holds for another row at the same moment. Returns `false` if it did not hold and
    /// nothing changed.
    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError>;
    /// One page of rows, starting after `after`.
    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError>;
    /// Where a table is; an empty [`Location`] for a store without account and region.
    async fn locate(&self, _table: &str) -> Result<Location, RowsError> {
        Ok(Location::default())
    }
    /// Creates a missing table and waits until it is active. Does not change an existing one.
    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError>;
    /// Writes or removes whole rows without conditions. Repeats what the store did not process.
    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError>;
}

/// A condition on one row while another is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The table of the row.
    pub table: String,
    /// Its key.
    pub key: Key,
    /// The condition. A missing row counts as empty.
    pub condition: Condition,
}

/// A change of one row. It is idempotent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Changes attributes. Creates a missing row.
    Update(Update),
    /// Removes the row.
    Delete,
}

/// One line of [`Rows::write_all`].
#[derive(Debug, Clone)]
pub enum Batched {
    /// Write a row.
    Put(Key, Row),
    /// Remove a row.
    Delete(Key),
}

/// Every row of `select`, page by page to the end.
///
/// # Errors
/// Those of [`Rows::page`].
pub async fn all(rows: &dyn Rows, table: &str, select: &Select) -> Result<Vec<Row>, RowsError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = rows.page(table, select, after).await?;
        found.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
