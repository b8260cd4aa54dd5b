//! The row `totals` of the control table: the sum of all progress rows, for displays that cannot read them all.
//!
//! Running instances refresh it, one at a time. An instance takes a turn first, and its sum is written only if nobody
//! took a later turn. A turn that was never ended expires after [`TURN`].

use std::time::Duration;

use crate::model::{InstanceId, ProgressTotals, RowCounts, Summing, UnixMillis};
use crate::state::rows::{Condition, Key, Row, Select, Update, Value, Written};
use crate::state::{StateError, Store};

use super::progress_row::ProgressRow;

/// A turn expires after this time: its instance is dead.
const TURN: Duration = Duration::from_mins(5);

/// The stored sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotals {
    /// The sum.
    pub totals: ProgressTotals,
    /// When its first row was read.
    pub taken_at: UnixMillis,
    /// The instance that summed it.
    pub by: InstanceId,
}

/// The right to write the sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    revision: u64,
    taken_at: UnixMillis,
    by: InstanceId,
}

fn key() -> Key {
    Key::two(("scope", "state"), ("entry", "totals"))
}

fn stored(row: &Row) -> Option<StoredTotals> {
    Some(StoredTotals {
        totals: row.get("totals")?.read()?,
        taken_at: row.time("takenAt")?,
        by: InstanceId::new(row.text("takenBy").unwrap_or_default()),
    })
}

/// What a row adds to a sum. `None` for a row without items, which another program may create.
fn counts(row: &ProgressRow) -> Option<RowCounts<'_>> {
    let progress = &row.progress;
    let says_something = row.is_counted || row.assigned.is_some() || progress.counts.planned > 0;
    says_something.then(|| RowCounts {
        unit: &progress.unit,
        status: row.foreign_status.is_none().then_some(progress.status),
        counts: progress.counts,
        reasons: &progress.reasons,
        instance: row.assigned.as_ref().or(row.instance.as_ref()),
    })
}

impl Store {
    /// The stored sum; `None` if there is none that this program can read.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn stored_totals(&self) -> Result<Option<StoredTotals>, StateError> {
        let table = &self.tables().control;
        let row = self.rows.get(table, &key()).await?;
        Ok(row.as_ref().and_then(stored))
    }

    /// Sums all progress rows. `None` if there are more than `pages` pages of them. Calls `told` after each page with
    /// the number of units so far. Memory does not grow with the number of rows.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn sum_progress(
        &self,
        pages: Option<u32>,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<Option<ProgressTotals>, StateError> {
        let table = &self.tables().progress;
        let (mut summing, mut after, mut read_pages) = (Summing::default(), None, 0);
        loop {
            if pages.is_some_and(|most| read_pages >= most) {
                return Ok(None);
            }
            let page = self.rows.page(table, &Select::default(), after).await?;
            for row in &page.rows {
                if let Some(counts) = counts(&self.read(table, row)?) {
                    summing.add(counts);
                }
            }
            read_pages += 1;
            told(summing.units());
            after = page.next;
            if after.is_none() {
                return Ok(Some(summing.end()));
            }
        }
    }

    /// Takes the turn to sum, if the stored sum is older than `age` and no other instance has the turn.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn take_turn_to_sum(
        &self,
        by: &InstanceId,
        age: Duration,
    ) -> Result<Option<Turn>, StateError> {
        let table = &self.tables().control;
        let row = self.rows.get(table, &key()).await?.unwrap_or_default();
        let now = self.now();
        let since = |name: &str| row.time(name).map(|at| now.since(at));
        let is_fresh = since("takenAt").is_some_and(|ago| ago < age);
        let is_others = row.text("turnBy") != Some(by.as_str());
        let is_summed = is_others && since("turnAt").is_some_and(|ago| ago < TURN);
        if is_fresh || is_summed {
            return Ok(None);
        }
        let revision = row.number("revision").unwrap_or(0);
        let same = if revision == 0 {
            Condition::absent_or("revision", 0_u64)
        } else {
            Condition::Equals("revision", revision.into())
        };
        let update = Update::new()
            .set("revision", revision + 1)
            .set("turnAt", now)
            .set("turnBy", by.as_str())
            .set("updatedAt", now);
        let written = self.rows.update(table, &key(), update, same).await?;
        Ok(matches!(written, Written::Done(_)).then(|| Turn {
            revision: revision + 1,
            taken_at: now,
            by: by.clone(),
        }))
    }

    /// Writes the sum of a turn and ends the turn. Returns `false`, and writes nothing, if a later turn was taken.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn store_totals(
        &self,
        turn: &Turn,
        totals: &ProgressTotals,
    ) -> Result<bool, StateError> {
        let update = Update::new()
            .set("totals", Value::of(totals))
            .set("takenAt", turn.taken_at)
            .set("takenBy", turn.by.as_str())
            .set("updatedAt", self.now())
            .remove("turnAt")
            .remove("turnBy");
        let same = Condition::Equals("revision", turn.revision.into());
        let table = &self.tables().control;
        let written = self.rows.update(table, &key(), update, same).await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Sums and stores, if the stored sum is older than `age` and no other instance has the turn; else returns `None`.
    ///
    /// # Errors
    /// As [`Store::sum_progress`].
    pub async fn refresh_totals(
        &self,
        by: &InstanceId,
        age: Duration,
    ) -> Result<Option<StoredTotals>, StateError> {
        let Some(turn) = self.take_turn_to_sum(by, age).await? else {
            return Ok(None);
        };
        let Some(totals) = self.sum_progress(None, |_| {}).await? else {
            return Ok(None);
        };
        self.store_totals(&turn, &totals).await?;
        Ok(Some(StoredTotals {
            totals,
            taken_at: turn.taken_at,
            by: turn.by,
        }))
    }
}
