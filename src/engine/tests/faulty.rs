//! Rows that cannot be read, or not be written, as long as a test says so.

use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;

use crate::state::define::{Definition, Made};
use crate::state::rows::{
    Batched, Change, Condition, ErrorKind, Guard, Key, Location, Memory, Page, Row, Rows,
    RowsError, Select, Update, Written,
};

/// What is out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Out {
    Nothing,
    Reading,
    Writing,
    /// Reading what is asked of the instances.
    Control,
}

#[derive(Debug)]
pub(super) struct Faulty {
    inner: Memory,
    out: AtomicU8,
}

impl Faulty {
    pub(super) fn new() -> Self {
        Self {
            inner: Memory::new(),
            out: AtomicU8::new(Out::Nothing as u8),
        }
    }

    pub(super) fn set(&self, out: Out) {
        self.out.store(out as u8, Ordering::SeqCst);
    }

    fn check(&self, out: Out, table: &str) -> Result<(), RowsError> {
        if self.out.load(Ordering::SeqCst) != out as u8 {
            return Ok(());
        }
        Err(RowsError {
            doing: "reach",
            table: table.to_owned(),
            kind: ErrorKind::Unreachable,
            detail: "out of order".to_owned(),
            retry_after: None,
        })
    }
}

#[async_trait]
impl Rows for Faulty {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        self.check(Out::Reading, table)?;
        if table.ends_with("control") {
            self.check(Out::Control, table)?;
        }
        self.inner.get(table, key).await
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.check(Out::Writing, table)?;
        self.inner.put(table, key, row, condition).await
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.check(Out::Writing, table)?;
        self.inner.update(table, key, update, condition).await
    }

    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.check(Out::Writing, table)?;
        self.inner.delete(table, key, condition).await
    }

    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError> {
        self.check(Out::Writing, table)?;
        self.inner.change_under(guard, table, key, change).await
    }

    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        self.check(Out::Reading, table)?;
        self.inner.page(table, select, after).await
    }

    async fn locate(&self, table: &str) -> Result<Location, RowsError> {
        self.check(Out::Reading, table)?;
        self.inner.locate(table).await
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        self.inner.ensure(table).await
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        self.check(Out::Writing, table)?;
        self.inner.write_all(table, rows).await
    }
}
