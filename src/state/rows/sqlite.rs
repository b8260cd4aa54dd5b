//! Rows in one `SQLite` file, for several processes of one machine, without a server.
//!
//! A row is stored as JSON under its table and its two keys, with its entries in secondary indexes. The same code as in
//! memory evaluates conditions, inside a transaction that holds the only write lock (`BEGIN IMMEDIATE`). The file is in
//! WAL mode, so readers never wait for a writer. Each commit is on disk before it returns.

mod error;
mod file;
mod list;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use self::error::Fault;
use self::file::Place;
use self::list::{Indexes, read, sort};
use super::condition::{Condition, Update};
use super::key::share;
use super::row::Row;
use super::{Batched, Change, Guard, Key, Page, Rows, RowsError, Select, Written};
use crate::state::define::{Definition, Index, Made};

/// The most rows of one transaction.
const BATCH: usize = 500;

/// Tables in a file. Clones share one connection.
#[derive(Debug, Clone)]
pub struct Sqlite {
    connection: Arc<Mutex<Connection>>,
    place: Arc<Place>,
}

impl Sqlite {
    /// Opens a file, or creates it for its owner alone. Each transaction waits up to `wait` for other processes.
    ///
    /// # Errors
    /// The file belongs to another program or to a later version, is a link, or cannot be used.
    pub fn open(path: &Path, wait: Duration) -> Result<Self, RowsError> {
        let opened = file::open(path, wait);
        let (connection, place) = opened.map_err(|fault| fault.at("open", &shown(path)))?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            place: Arc::new(place),
        })
    }

    /// Works with the connection on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        (doing, table): (&'static str, &str),
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, RowsError> {
        let connection = Arc::clone(&self.connection);
        let place = Arc::clone(&self.place);
        let work = tokio::task::spawn_blocking(move || {
            // A transaction that a panic interrupted was rolled back when it was dropped.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            place.check()?;
            work(&mut connection)
        });
        let done = work.await.map_err(|_| Fault::Ended);
        done.and_then(|done| done)
            .map_err(|fault| fault.at(doing, table))
    }

    /// A change of one row under a condition.
    async fn write(
        &self,
        (doing, table): (&'static str, &str),
        key: &Key,
        condition: Condition,
        make: impl FnOnce(Row) -> Option<Row> + Send + 'static,
    ) -> Result<Written, RowsError> {
        let (name, key) = (table.to_owned(), key.clone());
        self.with((doing, table), move |connection| {
            let transaction = begin(connection)?;
            let written = write(&transaction, &name, &key, &condition, make)?;
            transaction.commit()?;
            Ok(written)
        })
        .await
    }
}

fn shown(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Fault> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn write(
    transaction: &Transaction<'_>,
    table: &str,
    key: &Key,
    condition: &Condition,
    make: impl FnOnce(Row) -> Option<Row>,
) -> Result<Written, Fault> {
    let indexes = indexes(transaction, table)?;
    let held = get(transaction, table, key)?;
    if !condition.holds(held.as_ref().unwrap_or(&Row::new())) {
        return Ok(Written::Refused(held));
    }
    if let Some(held) = &held {
        list::forget(transaction, (table, key), held, &indexes)?;
    }
    let before = held.unwrap_or_default();
    let Some(row) = make(before.clone()) else {
        let delete = "DELETE FROM rows WHERE tbl = ?1 AND part = ?2 AND sort = ?3";
        let mut delete = transaction.prepare_cached(delete)?;
        delete.execute(params![table, key.partition.1, sort(key)])?;
        return Ok(Written::Done(before));
    };
    let row = key.keyed(row);
    let text = serde_json::to_string(&row).map_err(|error| Fault::Shape(error.to_string()))?;
    let put =
        "INSERT OR REPLACE INTO rows (tbl, part, sort, share, row) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut put = transaction.prepare_cached(put)?;
    let share = share(&key.partition.1);
    put.execute(params![table, key.partition.1, sort(key), share, text])?;
    list::enter(transaction, (table, key), &row, &indexes)?;
    Ok(Written::Done(row))
}

fn get(connection: &Connection, table: &str, key: &Key) -> Result<Option<Row>, Fault> {
    let select = "SELECT row FROM rows WHERE tbl = ?1 AND part = ?2 AND sort = ?3";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row(params![table, key.partition.1, sort(key)], |row| {
        row.get::<_, String>(0)
    });
    found.optional()?.map(|text| read(&text)).transpose()
}

/// The secondary indexes of a table.
///
/// # Errors
/// There is no such table.
fn indexes(connection: &Connection, table: &str) -> Result<Indexes, Fault> {
    let select = "SELECT indexes FROM tables WHERE name = ?1";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row([table], |row| row.get::<_, String>(0));
    let text = found.optional()?.ok_or(Fault::NoTable)?;
    serde_json::from_str(&text).map_err(|error| Fault::Shape(error.to_string()))
}

fn change(row: Row, change: Change) -> Option<Row> {
    match change {
        Change::Update(update) => Some(update.apply(row)),
        Change::Delete => None,
    }
}

#[async_trait]
impl Rows for Sqlite {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        let (name, key) = (table.to_owned(), key.clone());
        self.with(("read", table), move |connection| {
            let found = get(connection, &name, &key)?;
            if found.is_none() {
                indexes(connection, &name)?;
            }
            Ok(found)
        })
        .await
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        let put = move |_| Some(row);
        self.write(("write", table), key, condition, put).await
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        let apply = move |row| Some(update.apply(row));
        self.write(("write", table), key, condition, apply).await
    }

    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.write(("remove from", table), key, condition, |_| None)
            .await
    }

    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        to: Change,
    ) -> Result<bool, RowsError> {
        let (guard, name, key) = (guard.clone(), table.to_owned(), key.clone());
        self.with(("write", table), move |connection| {
            let transaction = begin(connection)?;
            let asked = get(&transaction, &guard.table, &guard.key)?;
            if !guard.condition.holds(&asked.unwrap_or_default()) {
                return Ok(false);
            }
            let make = |row| change(row, to);
            write(&transaction, &name, &key, &Condition::Always, make)?;
            transaction.commit()?;
            Ok(true)
        })
        .await
    }

    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        let (name, select) = (table.to_owned(), select.clone());
        self.with(("list", table), move |connection| {
            indexes(connection, &name)?;
            list::page(connection, &name, &select, after.as_ref())
        })
        .await
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        let table = table.clone();
        let name = table.name.clone();
        self.with(("create", &name), move |connection| {
            let transaction = begin(connection)?;
            let wanted: Indexes = table.indexes.iter().map(named).collect();
            let created = match indexes(&transaction, &table.name) {
                Ok(_) => false,
                Err(Fault::NoTable) => true,
                Err(fault) => return Err(fault),
            };
            if created {
                let text = serde_json::to_string(&wanted);
                let text = text.map_err(|error| Fault::Shape(error.to_string()))?;
                let insert = "INSERT INTO tables (name, indexes) VALUES (?1, ?2)";
                transaction.execute(insert, params![table.name, text])?;
            }
            let held = indexes(&transaction, &table.name)?;
            transaction.commit()?;
            let missing = wanted.into_iter().filter(|index| !held.contains(index));
            Ok(Made {
                table: table.name,
                created,
                missing_indexes: missing.map(|(name, _)| name).collect(),
            })
        })
        .await
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let batch: Vec<Batched> = rows.by_ref().take(BATCH).collect();
            let name = table.to_owned();
            self.with(("write", table), move |connection| {
                let transaction = begin(connection)?;
                for one in batch {
                    let (key, row) = match one {
                        Batched::Put(key, row) => (key, Some(row)),
                        Batched::Delete(key) => (key, None),
                    };
                    write(&transaction, &name, &key, &Condition::Always, |_| row)?;
                }
                Ok(transaction.commit()?)
            })
            .await?;
        }
        Ok(())
    }
}

fn named(index: &Index) -> (String, String) {
    (index.name.to_owned(), index.partition.to_owned())
}
