//! Rows in memory, for simulations and for tests without sockets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::condition::{Condition, Update};
use super::row::Row;
use super::{Batched, Bound, Change, Guard, Key, Page, Rows, RowsError, Select, Written};
use crate::state::define::{Definition, Made};

type Rank = (String, String);
type Table = BTreeMap<Rank, (Key, Row)>;

/// Tables in memory. Each exists as soon as it is written to.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<BTreeMap<String, Table>>,
    page: Option<usize>,
}

impl Memory {
    /// Empty tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty tables whose pages hold at most `rows` rows, including filtered ones.
    #[must_use]
    pub fn with_pages_of(rows: usize) -> Self {
        Self {
            page: Some(rows.max(1)),
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Table>> {
        // After a panic elsewhere all rows are whole: each change is one insertion.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(
        &self,
        table: &str,
        key: &Key,
        condition: &Condition,
        make: impl FnOnce(Row) -> Option<Row>,
    ) -> Written {
        let mut tables = self.lock();
        let table = tables.entry(table.to_owned()).or_default();
        write(table, key, condition, make)
    }
}

fn write(
    table: &mut Table,
    key: &Key,
    condition: &Condition,
    make: impl FnOnce(Row) -> Option<Row>,
) -> Written {
    let held = table.get(&rank(key)).map(|(_, row)| row.clone());
    if !condition.holds(held.as_ref().unwrap_or(&Row::new())) {
        return Written::Refused(held);
    }
    let before = held.unwrap_or_default();
    let Some(row) = make(before.clone()) else {
        table.remove(&rank(key));
        return Written::Done(before);
    };
    let row = key.keyed(row);
    table.insert(rank(key), (key.clone(), row.clone()));
    Written::Done(row)
}

fn rank(key: &Key) -> Rank {
    (
        key.partition.1.clone(),
        key.sort
            .as_ref()
            .map(|sort| sort.1.clone())
            .unwrap_or_default(),
    )
}

fn selected(select: &Select, row: &Row) -> bool {
    let partition = select
        .partition
        .as_ref()
        .is_none_or(|(name, value)| row.text(name) == Some(value));
    let sort = select.sort.as_ref().is_none_or(|(name, bound)| {
        row.text(name).is_some_and(|held| match bound {
            Bound::Below(value) => held < value.as_str(),
            Bound::From(value) => held >= value.as_str(),
            Bound::Prefix(value) => held.starts_with(value),
        })
    });
    partition && sort && (select.index.is_none() || row.text("updatedAt").is_some())
}

/// The order of the answer: an index sorts by its sort attribute first.
fn order(select: &Select, row: &Row, rank: &Rank) -> (String, Rank) {
    let by = match select.index {
        Some(_) => row.text("updatedAt").unwrap_or_default().to_owned(),
        None => String::new(),
    };
    (by, rank.clone())
}

fn place(order: &(String, Rank)) -> Row {
    Row::new()
        .with("by", order.0.clone())
        .with("partition", order.1.0.clone())
        .with("sort", order.1.1.clone())
}

fn placed(place: &Row) -> (String, Rank) {
    let text = |name: &str| place.text(name).unwrap_or_default().to_owned();
    (text("by"), (text("partition"), text("sort")))
}

#[async_trait]
impl Rows for Memory {
    async fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, RowsError> {
        Ok(self
            .lock()
            .get(table)
            .and_then(|rows| rows.get(&rank(key)))
            .map(|(_, row)| row.clone()))
    }

    async fn put(
        &self,
        table: &str,
        key: &Key,
        row: Row,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        Ok(self.write(table, key, &condition, |_| Some(row)))
    }

    async fn update(
        &self,
        table: &str,
        key: &Key,
        update: Update,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        Ok(self.write(table, key, &condition, |row| Some(update.apply(row))))
    }

    async fn delete(
        &self,
        table: &str,
        key: &Key,
        condition: Condition,
    ) -> Result<Written, RowsError> {
        Ok(self.write(table, key, &condition, |_| None))
    }

    async fn change_under(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: Change,
    ) -> Result<bool, RowsError> {
        let mut tables = self.lock();
        let asked = tables.get(&guard.table);
        let asked = asked.and_then(|rows| rows.get(&rank(&guard.key)));
        let asked = asked.map(|(_, row)| row.clone()).unwrap_or_default();
        if !guard.condition.holds(&asked) {
            return Ok(false);
        }
        let table = tables.entry(table.to_owned()).or_default();
        write(table, key, &Condition::Always, |row| match change {
            Change::Update(update) => Some(update.apply(row)),
            Change::Delete => None,
        });
        Ok(true)
    }

    async fn page(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        let tables = self.lock();
        let mut found: Vec<((String, Rank), &Row)> = tables
            .get(table)
            .into_iter()
            .flatten()
            .filter(|(_, (_, row))| selected(select, row))
            .map(|(rank, (_, row))| (order(select, row, rank), row))
            .collect();
        found.sort_by(|left, right| left.0.cmp(&right.0));
        if select.newest_first {
            found.reverse();
        }
        let begin = after.map_or(0, |after| {
            let after = placed(&after);
            found.partition_point(|(order, _)| {
                if select.newest_first {
                    *order >= after
                } else {
                    *order <= after
                }
            })
        });
        let most = select
            .page
            .map_or(usize::MAX, |page| page as usize)
            .min(self.page.unwrap_or(usize::MAX));
        let rest = &found[begin..];
        let cut = &rest[..most.min(rest.len())];
        let keep = |row: &Row| {
            select
                .filter
                .as_ref()
                .is_none_or(|filter| filter.holds(row))
        };
        Ok(Page {
            rows: cut
                .iter()
                .map(|(_, row)| (*row).clone())
                .filter(keep)
                .collect(),
            next: (cut.len() < rest.len())
                .then(|| cut.last().map(|(order, _)| place(order)))
                .flatten(),
        })
    }

    async fn ensure(&self, table: &Definition) -> Result<Made, RowsError> {
        let mut tables = self.lock();
        let created = !tables.contains_key(&table.name);
        tables.entry(table.name.clone()).or_default();
        Ok(Made {
            table: table.name.clone(),
            created,
            missing_indexes: Vec::new(),
        })
    }

    async fn write_all(&self, table: &str, rows: Vec<Batched>) -> Result<(), RowsError> {
        for row in rows {
            match row {
                Batched::Put(key, row) => {
                    self.write(table, &key, &Condition::Always, |_| Some(row))
                }
                Batched::Delete(key) => self.write(table, &key, &Condition::Always, |_| None),
            };
        }
        Ok(())
    }
}
