//! The counters of a customer's row: a sum of the rows of its spaces.

use std::time::Duration;

use async_trait::async_trait;

use crate::engine::OwnerRollup;
use crate::model::{Counts, Status, UnixMillis};
use crate::runtime::full_jitter;
use crate::state::rows::{self, Condition, ErrorKind, Key, Row, Update, Written};
use crate::state::{ProgressRow, StateError, Store};

use super::CustomerTables;

/// Tries of a sum whose row changes at the same time: of any number at once one gets through, and the others wait up to
/// so long before they try again.
const TRIES: u32 = 60;
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Keeps customers' rows in step with their spaces.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomerRollup;

#[async_trait]
impl OwnerRollup for CustomerRollup {
    async fn refresh(&self, store: &Store, owner: &str) -> Result<(), StateError> {
        CustomerTables::of(store).refresh(owner).await
    }
}

impl CustomerTables {
    /// Brings a customer's row in step with its units. Several instances may do so at once: none covers a newer sum
    /// with an older one, and the last one is the sum of all that was written before it was asked for. A foreign status
    /// stays.
    ///
    /// # Errors
    /// The row is as it was; also when it changed under all tries (a minute and more), which is transient.
    pub async fn refresh(&self, owner: &str) -> Result<(), StateError> {
        let (table, key, now) = (
            self.customers_table(),
            Key::one("customer", owner),
            self.store.now(),
        );
        let mut longest = FIRST_WAIT;
        for number in 0..TRIES {
            if number > 0 {
                tokio::time::sleep(full_jitter(longest)).await;
                longest = (longest * 2).min(LONGEST_WAIT);
            }
            let before = self.rows().get(table, &key).await?.unwrap_or_default();
            let revision = before.number("revision").unwrap_or(0);
            let units = self.store.progress_of(owner).await?;
            let units = self.without_migration_space(owner, units).await?;
            let foreign = before
                .text("status")
                .is_some_and(|word| word.parse::<Status>().is_err());
            let known = spaces_known(&before);
            let update = sum(&units, known, foreign, now)
                .set_some("spacesKnown", known)
                .set("revision", revision + 1)
                .set_absent("assignedAt", now);
            let same = if revision == 0 {
                Condition::absent_or("revision", 0_u64)
            } else {
                Condition::Equals("revision", revision.into())
            };
            if let Written::Done(_) = self.rows().update(table, &key, update, same).await? {
                return Ok(());
            }
        }
        Err(rows::RowsError {
            doing: "sum up",
            table: table.to_owned(),
            kind: ErrorKind::Throttled,
            detail: format!("{owner} kept changing during {TRIES} tries"),
            retry_after: None,
        }
        .into())
    }

    /// The existing tool has progress rows for migration spaces, too, once they are provisioned: they hold no uploads.
    async fn without_migration_space(
        &self,
        owner: &str,
        mut units: Vec<ProgressRow>,
    ) -> Result<Vec<ProgressRow>, StateError> {
        if let Ok(customer) = owner.parse()
            && let Some(own) = self.migration_space(&customer).await?
        {
            units.retain(|row| *row.progress.unit.name != *own.space.as_str());
        }
        Ok(units)
    }
}

/// How many spaces a customer has, by a plan or a listing; the existing tool's word holds until we have summed up.
fn spaces_known(row: &Row) -> Option<u64> {
    let of_tool = || {
        let total = row.number("totalSpaces");
        total.filter(|_| row.number("revision").is_none())
    };
    row.number("spacesKnown").or_else(of_tool)
}

/// The sum of a customer's units. As long as it may have more spaces than have a row, it has not ended.
fn sum(units: &[ProgressRow], known: Option<u64>, foreign: bool, now: UnixMillis) -> Update {
    let counts: Counts = units.iter().map(|unit| unit.progress.counts).sum();
    let with = |status| {
        units
            .iter()
            .filter(|unit| unit.progress.status == status)
            .count() as u64
    };
    let (completed, failed, pending) = (
        with(Status::Completed),
        with(Status::Failed),
        with(Status::Pending),
    );
    let all = units.len() as u64;
    let has_all = known.is_some_and(|known| all >= known);
    let status = match () {
        () if completed == all && has_all => Status::Completed,
        () if pending == all => Status::Pending,
        () if completed + failed == all && has_all => Status::Failed,
        () => Status::InProgress,
    };
    let bad = counts.bad();
    let mut update = Update::new()
        .set("totalSpaces", all.max(known.unwrap_or(0)))
        .set("completedSpaces", completed)
        .set("totalUploads", counts.planned)
        .set("completedUploads", counts.done + counts.skipped)
        .set("updatedAt", now)
        .set(
            "error",
            if bad > 0 {
                format!(
                    "{bad} of {} uploads failed or quarantined, in {failed} of {all} spaces",
                    counts.planned
                )
            } else {
                String::new()
            },
        );
    if !foreign {
        update = update.set("status", status.as_str());
        update = if status == Status::Completed {
            update.set_absent("completedAt", now)
        } else {
            update.remove("completedAt")
        };
    }
    update
}
