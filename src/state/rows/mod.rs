//! Rows of one table and the few operations that this room needs on them.
//!
//! Everything above is written once over [`Rows`] and runs on DynamoDB ([`Dynamo`]), in one file ([`Sqlite`]) and in memory
//! ([`Memory`]); one suite (`tests/state`) holds all three to the same behaviour.

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

/// What rows to read: those of a partition, those of a share of the table, or of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// Name of the secondary index to read instead of the table.
    pub index: Option<&'static str>,
    /// Attribute and value of the partition to read; without it the table is scanned.
    pub partition: Option<(&'static str, String)>,
    /// Bound of the sort attribute within the partition.
    pub sort: Option<(&'static str, Bound)>,
    /// Rows that do not fulfil it are left out (after the page was cut: pages may be empty).
    pub filter: Option<Condition>,
    /// Which share of a scan: `(segment, total)`.
    pub segment: Option<(u32, u32)>,
    /// Largest sort value first.
    pub newest_first: bool,
    /// At most that many rows in a page.
    pub page: Option<u32>,
}

/// Bound of a sort attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Strictly below.
    Below(String),
    /// At or above.
    From(String),
    /// Begins with.
    Prefix(String),
}

/// Some rows, and where the next ones begin.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows; may be empty although more follow.
    pub rows: Vec<Row>,
    /// Where to go on; `None` at the end, and only there.
    pub next: Option<Row>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Done; the row as it is now.
    Done(Row),
    /// The condition did not hold; the row as it stands, if there is one.
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
    /// Writes a whole row if `condition` holds for the row that is there (an empty one if there is none).
    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Changes attributes of a row (made if it is not there) if `condition` holds.
    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Removes a row if `condition` holds. `Done` holds the row that was removed, empty if there was none.
    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError>;
    /// Changes a row if `guard` holds for another row at that very moment; `false`: it did not, and nothing changed.
    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError>;
    /// One page of rows, from `after` on.
    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError>;
    /// How many rows one page of `select` holds, and where the next begins. A store that can tell without sending the rows
    /// does so.
    async fn count(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<(u64, Option<Row>), RowsError> {
        let page = self.page(table, select, after).await?;
        Ok((page.rows.len() as u64, page.next))
    }
    /// Where a table is. A store that is in no account and no region says so by an empty [`Location`].
    async fn locate(&self, _table: &str) -> Result<Location, RowsError> {
        Ok(Location::default())
    }
    /// Makes a table that is not there and waits until it is active; one that is there is left alone.
    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError>;
    /// Writes or removes whole rows without conditions; repeats what the store left undone.
    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError>;
}

/// What must hold of one row while another is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The table of the row that is asked.
    pub table: String,
    /// Its key.
    pub key: Key,
    /// What must hold of it; a row that is not there is an empty one.
    pub condition: Condition,
}

/// A change of one row. Made twice, it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Attributes are changed; the row is made if it is not there.
    Update(Update),
    /// The row is removed.
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
