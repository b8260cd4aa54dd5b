//! Operations on the store as values, so that they can travel, be lost and be counted.

use async_trait::async_trait;
use futures::FutureExt;

use crate::state::define::{Definition, Made};
use crate::state::rows::{
    Batched, Change, Condition, Guard, Key, Memory, Page, Row, Rows, RowsError, Select, Update,
    Written,
};

/// One operation of [`Rows`].
#[derive(Debug, Clone)]
pub(in super::super) enum Request {
    Get(Key),
    Put(Key, Row, Condition),
    Update(Key, Update, Condition),
    Delete(Key, Condition),
    ChangeUnder(Guard, Key, Change),
    Page(Select, Option<Row>),
    Ensure(Definition),
    WriteAll(Vec<Batched>),
}

/// What came back.
#[derive(Debug)]
pub(in super::super) enum Answer {
    Row(Option<Row>),
    Written(Written),
    Changed(bool),
    Page(Page),
    Made(Made),
    Nothing,
}

impl Request {
    /// The operation, as the trait calls it.
    pub(in super::super) fn name(&self) -> &'static str {
        match self {
            Self::Get(..) => "get",
            Self::Put(..) => "put",
            Self::Update(..) => "update",
            Self::Delete(..) => "delete",
            Self::ChangeUnder(_, _, Change::Update(_)) => "update-under",
            Self::ChangeUnder(_, _, Change::Delete) => "delete-under",
            Self::Page(..) => "page",
            Self::Ensure(..) => "ensure",
            Self::WriteAll(..) => "write-all",
        }
    }

    /// Whether it changes rows.
    pub(in super::super) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Put(..)
                | Self::Update(..)
                | Self::Delete(..)
                | Self::ChangeUnder(..)
                | Self::WriteAll(..)
        )
    }

    /// The row it is about.
    pub(in super::super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Get(key)
            | Self::Put(key, ..)
            | Self::Update(key, ..)
            | Self::Delete(key, ..)
            | Self::ChangeUnder(_, key, _) => Some(key),
            _ => None,
        }
    }

    /// Carries it out.
    pub(in super::super) fn land(self, memory: &Memory, table: &str) -> Result<Answer, RowsError> {
        let landing = async {
            Ok(match self {
                Self::Get(key) => Answer::Row(memory.get(table, &key).await?),
                Self::Put(key, row, condition) => {
                    Answer::Written(memory.put(table, &key, row, condition).await?)
                }
                Self::Update(key, update, condition) => {
                    Answer::Written(memory.update(table, &key, update, condition).await?)
                }
                Self::Delete(key, condition) => {
                    Answer::Written(memory.delete(table, &key, condition).await?)
                }
                Self::ChangeUnder(guard, key, change) => {
                    Answer::Changed(memory.change_under(&guard, table, &key, change).await?)
                }
                Self::Page(select, after) => {
                    Answer::Page(memory.page(table, &select, after).await?)
                }
                Self::Ensure(definition) => Answer::Made(memory.ensure(&definition).await?),
                Self::WriteAll(rows) => {
                    memory.write_all(table, rows).await?;
                    Answer::Nothing
                }
            })
        };
        landing
            .now_or_never()
            .expect("rows in memory answer at once")
    }
}

/// Something that answers requests, and so is a store of rows.
#[async_trait]
pub(in super::super) trait Asks: Send + Sync + std::fmt::Debug {
    async fn ask(&self, table: &str, request: Request) -> Result<Answer, RowsError>;
}

/// The store of rows that it is.
#[derive(Debug)]
pub(in super::super) struct EffectFilter<T>(pub(in super::super) T);

impl<T: Asks> EffectFilter<T> {
    async fn written(&self, table: &str, request: Request) -> Result<Written, RowsError> {
        match self.0.ask(table, request).await? {
            Answer::Written(written) => Ok(written),
            other => unreachable!("{other:?}"),
        }
    }
}

#[async_trait]
impl<T: Asks> Rows for EffectFilter<T> {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        match self.0.ask(table, Request::Get(key.clone())).await? {
            Answer::Row(row) => Ok(row),
            other => unreachable!("{other:?}"),
        }
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.written(table, Request::Put(key.clone(), row, condition))
            .await
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.written(table, Request::Update(key.clone(), update, condition))
            .await
    }

    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        self.written(table, Request::Delete(key.clone(), condition))
            .await
    }

    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError> {
        let request = Request::ChangeUnder(guard.clone(), key.clone(), change);
        match self.0.ask(table, request).await? {
            Answer::Changed(done) => Ok(done),
            other => unreachable!("{other:?}"),
        }
    }

    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        match self
            .0
            .ask(table, Request::Page(select.clone(), after))
            .await?
        {
            Answer::Page(page) => Ok(page),
            other => unreachable!("{other:?}"),
        }
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        match self
            .0
            .ask(&table.name, Request::Ensure(table.clone()))
            .await?
        {
            Answer::Made(made) => Ok(made),
            other => unreachable!("{other:?}"),
        }
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        self.0.ask(table, Request::WriteAll(rows)).await.map(drop)
    }
}
