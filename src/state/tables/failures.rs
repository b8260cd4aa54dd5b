//! One row per failed item, queried by unit, owner, instance or reason.
//!
//! Rows are written and removed under the lease of the unit or part of the item, in one transaction that checks the
//! lease. So late writes of a former holder are refused.

use crate::model::{
    Class, FailedItem, Failure, InstanceId, ItemId, Lease, Reason, StepName, UnitId, UnixMillis,
};
use crate::state::define::{BY_INSTANCE, BY_REASON, Index, by_owner};
use crate::state::namespace::Columns;
use crate::state::rows::{Bound, Change, Key, Row, Select, Update};
use crate::state::{StateError, Store};

/// A query of failures. All given conditions must hold; without any, it selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedQuery {
    /// Of this owner.
    pub owner: Option<String>,
    /// Of units of this name, of any owner.
    pub name: Option<String>,
    /// Whose last attempt this instance made.
    pub instance: Option<InstanceId>,
    /// Of one of these reasons.
    pub reasons: Vec<Reason>,
    /// Of one of these classes.
    pub classes: Vec<Class>,
    /// Of one of these steps.
    pub steps: Vec<StepName>,
    /// Whose last failure is at or after this time.
    pub since: Option<UnixMillis>,
}

/// Some failures.
#[derive(Debug, Clone, Default)]
pub struct FailedPage {
    /// Newest first; by key in a query of one unit or of the whole table.
    pub items: Vec<FailedItem>,
    /// Where to continue; `None` only at the end.
    pub next: Option<Row>,
}

impl FailedQuery {
    /// Failures of one unit.
    #[must_use]
    pub fn unit(unit: &UnitId) -> Self {
        Self {
            owner: Some(unit.owner.to_string()),
            name: Some(unit.name.to_string()),
            ..Self::default()
        }
    }

    /// Whether the query selects a failure.
    #[must_use]
    pub fn takes(&self, failed: &FailedItem) -> bool {
        let failure = &failed.failure;
        let step = || {
            failure
                .step
                .as_ref()
                .is_some_and(|step| self.steps.contains(step))
        };
        self.owner
            .as_ref()
            .is_none_or(|owner| **owner == *failed.unit.owner)
            && self
                .name
                .as_ref()
                .is_none_or(|name| **name == *failed.unit.name)
            && self
                .instance
                .as_ref()
                .is_none_or(|instance| *instance == failed.instance)
            && (self.reasons.is_empty() || self.reasons.contains(&failure.reason))
            && (self.classes.is_empty() || self.classes.contains(&failure.class))
            && (self.steps.is_empty() || step())
            && self.since.is_none_or(|since| since <= failed.last_at)
    }

    /// The narrowest read that has all failures of the query.
    fn select(&self, columns: &Columns) -> Select {
        let since = self
            .since
            .map(|since| ("updatedAt", Bound::From(since.to_string())));
        let by = |index: Index, value: &str| Select {
            index: Some(index.name),
            partition: Some((index.partition, value.to_owned())),
            sort: since.clone(),
            newest_first: true,
            ..Select::default()
        };
        match (
            &self.name,
            &self.owner,
            &self.instance,
            self.reasons.as_slice(),
        ) {
            (Some(name), ..) => Select {
                partition: Some((columns.unit, name.clone())),
                ..Select::default()
            },
            (_, Some(owner), ..) => by(by_owner(columns), owner),
            (_, _, _, [reason]) => by(BY_REASON, reason.as_str()),
            (_, _, Some(instance), _) => by(BY_INSTANCE, instance.as_str()),
            _ => Select::default(),
        }
    }
}

fn key(columns: &Columns, unit: &UnitId, item: &ItemId) -> Key {
    Key::two((columns.unit, &unit.name), ("item", item.as_str()))
}

/// `None` for a row of another program.
fn read(columns: &Columns, row: &Row) -> Option<FailedItem> {
    let time = |name: &str| row.time(name);
    let last_at = time("updatedAt")?;
    Some(FailedItem {
        unit: UnitId::new(row.text(columns.owner)?, row.text(columns.unit)?),
        item: ItemId::new(row.text("item")?),
        failure: Failure {
            class: Class::parse(row.text("class")?)?,
            reason: row.text("reason")?.parse().ok()?,
            step: row.text("step").map(|step| StepName::from(step.to_owned())),
            message: row.text("message").unwrap_or_default().to_owned(),
            dependency: row.text("dependency").map(str::to_owned),
            retry_after: None,
        },
        items: row.number("items").unwrap_or(1),
        attempts: row
            .number("attempts")
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(1),
        instance: InstanceId::new(row.text("instanceId").unwrap_or_default()),
        first_at: time("firstAt").unwrap_or(last_at),
        last_at,
    })
}

impl Store {
    /// Writes the row of a failed item under a lease that covers it. The time of its first failure stays. It is
    /// idempotent.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`]: nothing was written.
    pub async fn put_failed(&self, lease: &Lease, failed: &FailedItem) -> Result<(), StateError> {
        let failure = &failed.failure;
        let mut update = Update::new()
            .set(self.columns().owner, &*failed.unit.owner)
            .set("class", failure.class.as_str())
            .set("reason", failure.reason.as_str())
            .set("message", bounded(&failure.message))
            .set("attempts", u64::from(failed.attempts))
            .set("instanceId", failed.instance.as_str())
            .set("updatedAt", failed.last_at)
            .set_absent("firstAt", failed.first_at);
        if failed.item.is_all_of_unit() {
            // Set when they are counted; until then the old number stays.
            update = if failed.items > 0 {
                update.set("items", failed.items)
            } else {
                update.set_absent("items", 0_u64)
            };
        }
        let step = failure.step.as_ref().map(StepName::as_str);
        for (name, value) in [
            ("step", step),
            ("dependency", failure.dependency.as_deref()),
        ] {
            update = match value {
                Some(value) => update.set(name, value),
                None => update.remove(name),
            };
        }
        self.change_failed(lease, &failed.item, Change::Update(update))
            .await
    }

    /// Removes the row of an item that is no longer bad, under a lease that covers it.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`]: nothing was removed.
    pub async fn remove_failed(&self, lease: &Lease, item: &ItemId) -> Result<(), StateError> {
        self.change_failed(lease, item, Change::Delete).await
    }

    async fn change_failed(
        &self,
        lease: &Lease,
        item: &ItemId,
        change: Change,
    ) -> Result<(), StateError> {
        let table = &self.tables().failures;
        let key = key(self.columns(), &lease.unit.whole(), item);
        let guard = self.guard(lease);
        if self.rows.change_under(&guard, table, &key, change).await? {
            return Ok(());
        }
        let by = self.progress_row(&lease.unit).await?;
        Err(StateError::LeaseLost {
            unit: lease.unit.clone(),
            by: by.and_then(|row| row.lease).map(super::LeaseHolder::from),
        })
    }

    /// The failure row of an item.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn failed_item(
        &self,
        unit: &UnitId,
        item: &ItemId,
    ) -> Result<Option<FailedItem>, StateError> {
        let (table, columns) = (&self.tables().failures, self.columns());
        let row = self.rows.get(table, &key(columns, unit, item)).await?;
        let failed = row.as_ref().and_then(|row| read(columns, row));
        Ok(failed.filter(|failed| failed.unit == *unit))
    }

    /// One page of failures, starting after `after`, from at most `most` rows. A page may be empty although more
    /// follow.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn failed_page(
        &self,
        query: &FailedQuery,
        after: Option<Row>,
        most: Option<u32>,
    ) -> Result<FailedPage, StateError> {
        let select = Select {
            page: most,
            ..query.select(self.columns())
        };
        let page = self
            .rows
            .page(&self.tables().failures, &select, after)
            .await?;
        let items = page
            .rows
            .iter()
            .filter_map(|row| read(self.columns(), row))
            .filter(|failed| query.takes(failed));
        Ok(FailedPage {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Every failure, page by page to the end.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn failed_items(&self, query: &FailedQuery) -> Result<Vec<FailedItem>, StateError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.failed_page(query, after, None).await?;
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Messages may quote whole answers of services; a row holds 400 KB.
fn bounded(message: &str) -> String {
    const MOST: usize = 4_000;
    match message.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}
