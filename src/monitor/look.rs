//! Reads what one question needs, and no more.

use std::collections::BTreeMap;

use super::view::{CustomerView, FailureView, InstanceView, SpaceLine, SplitLine, View};
use super::{control, overview, stuck};
use crate::model::{Counts, CustomerDid, FailedItem, InstanceId, Reason, SpaceDid, Status};
use crate::runtime::Clock;
use crate::state::rows::stamp;
use crate::state::{Error, FailedQuery, ProgressRow, Store};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The whole migration, in at most 20 requests.
    Overview,
    /// One customer.
    Customer(CustomerDid),
    /// One space: with its customer one read, without it a scan.
    Space(SpaceDid),
    /// One instance.
    Instance(InstanceId),
    /// Every failed upload that is asked for.
    Failed(FailedQuery),
    /// What the operator asks.
    Control,
    /// What the operator ever asked.
    ControlLog,
    /// Every space without progress for so long, of one instance or of all.
    Stuck {
        /// Shorter pauses are no matter.
        idle_seconds: u64,
        /// Only spaces of this instance.
        instance: Option<InstanceId>,
        /// Only spaces of this customer.
        customer: Option<CustomerDid>,
    },
}

/// Answers a question. Lists are read to their last page.
pub async fn look(store: &Store, clock: Clock, ask: &Ask) -> Result<View, Error> {
    let now = clock.unix_ms();
    Ok(match ask {
        Ask::Overview => View::Overview(overview::overview(store, now).await?),
        Ask::Customer(customer) => View::Customer(of_customer(store, customer, now).await?),
        Ask::Space(space) => {
            let rows = store.progress_where(Some(space.as_str()), None).await?;
            let query = FailedQuery {
                name: Some(space.to_string()),
                ..FailedQuery::default()
            };
            View::Space {
                at: stamp(now),
                spaces: lines(store, &rows).await?,
                failures: failures(store, &query).await?,
            }
        }
        Ask::Instance(instance) => View::Instance(of_instance(store, instance, now).await?),
        Ask::Failed(query) => {
            let failures = failures(store, query).await?;
            View::Failed {
                at: stamp(now),
                reasons: by_reason(failures.iter().map(|failed| failed.reason)),
                failures,
            }
        }
        Ask::Control => control::standing(store, now).await?,
        Ask::ControlLog => control::log(store, now).await?,
        Ask::Stuck {
            idle_seconds,
            instance,
            customer,
        } => {
            let only = (instance.as_ref(), customer.as_ref());
            let spaces = stuck::stuck(store, *idle_seconds, only, now).await?;
            View::Stuck {
                at: stamp(now),
                idle_seconds: *idle_seconds,
                spaces,
            }
        }
    })
}

async fn of_customer(
    store: &Store,
    customer: &CustomerDid,
    now: u64,
) -> Result<CustomerView, Error> {
    let query = FailedQuery {
        owner: Some(customer.to_string()),
        ..FailedQuery::default()
    };
    let (row, rows, failed) = futures::try_join!(
        store.customer(customer),
        store.progress_of(customer.as_str()),
        store.failed_items(&query)
    )?;
    Ok(CustomerView {
        at: stamp(now),
        customer: customer.to_string(),
        status: row.as_ref().map(|row| row.status.clone()),
        instance: row
            .and_then(|row| row.instance)
            .map(|instance| instance.to_string()),
        counts: rows.iter().map(|row| row.progress.counts).sum::<Counts>(),
        spaces: lines(store, &rows).await?,
        failures: failed.len() as u64,
    })
}

async fn of_instance(
    store: &Store,
    instance: &InstanceId,
    now: u64,
) -> Result<InstanceView, Error> {
    let query = FailedQuery {
        instance: Some(instance.clone()),
        ..FailedQuery::default()
    };
    let (fleet, plan, rows, failed) = futures::try_join!(
        store.fleet(),
        store.current_plan(),
        store.progress_by_status(Status::InProgress, None),
        store.failed_items(&query)
    )?;
    let held: Vec<ProgressRow> = rows
        .into_iter()
        .filter(|row| {
            row.lease
                .as_ref()
                .is_some_and(|lease| lease.holder == *instance)
        })
        .collect();
    Ok(InstanceView {
        at: stamp(now),
        instance: fleet
            .iter()
            .find(|report| report.instance == *instance)
            .map(|report| overview::instance(report, plan.as_ref(), now)),
        spaces: lines(store, &held).await?,
        failures: by_reason(failed.iter().map(|failed| failed.failure.reason)),
    })
}

async fn failures(store: &Store, query: &FailedQuery) -> Result<Vec<FailureView>, Error> {
    Ok(store
        .failed_items(query)
        .await?
        .iter()
        .map(failure)
        .collect())
}

fn failure(failed: &FailedItem) -> FailureView {
    FailureView {
        customer: failed.unit.owner.to_string(),
        space: failed.unit.name.to_string(),
        item: failed.item.to_string(),
        step: failed.failure.step.as_ref().map(ToString::to_string),
        class: failed.failure.class,
        reason: failed.failure.reason,
        message: failed.failure.message.clone(),
        attempts: failed.attempts,
        instance: failed.instance.to_string(),
        first_at: stamp(failed.first_at),
        last_at: stamp(failed.last_at),
    }
}

fn by_reason(reasons: impl Iterator<Item = Reason>) -> BTreeMap<Reason, u64> {
    let mut counted = BTreeMap::new();
    for reason in reasons {
        *counted.entry(reason).or_default() += 1;
    }
    counted
}

/// Rows of a list of spaces, with the parts of those that are shared now.
async fn lines(store: &Store, rows: &[ProgressRow]) -> Result<Vec<SpaceLine>, Error> {
    let mut lines = Vec::new();
    for row in rows {
        let split = match row.progress.open_split() {
            Some(split) => {
                let parts = store.parts(&row.progress.unit, split.cut).await?;
                Some(of_parts(u64::from(split.number), &parts))
            }
            None => None,
        };
        lines.push(SpaceLine { split, ..line(row) });
    }
    Ok(lines)
}

fn of_parts(number: u64, rows: &[ProgressRow]) -> SplitLine {
    let mut held_by = BTreeMap::new();
    for lease in rows.iter().filter_map(|row| row.lease.as_ref()) {
        *held_by.entry(lease.holder.to_string()).or_default() += 1;
    }
    let ended = rows.iter().filter(|row| row.progress.status.is_ended());
    SplitLine {
        parts: number,
        ended: ended.count() as u64,
        held_by,
    }
}

/// One row of a list of spaces.
pub(super) fn line(row: &ProgressRow) -> SpaceLine {
    let progress = &row.progress;
    SpaceLine {
        customer: progress.unit.owner.to_string(),
        space: progress.unit.name.to_string(),
        status: row
            .foreign_status
            .clone()
            .unwrap_or_else(|| progress.status.to_string()),
        counts: progress.counts,
        reasons: progress.reasons.clone(),
        instance: row.instance.as_ref().map(ToString::to_string),
        held_by: row.lease.as_ref().map(|lease| lease.holder.to_string()),
        split: None,
        cursor: progress.cursor.as_ref().map(ToString::to_string),
        updated_at: row.updated_at.map(stamp),
        error: progress.error.clone(),
    }
}
