//! Reads what one question needs, and no more.

mod control;
mod instance;
mod overview;
mod stuck;
mod totals;
mod units;

use std::collections::BTreeMap;

use self::instance::instance as instance_line;
use self::units::lines;
use super::view::{Alive, CustomerView, FailureView, InstanceLine, InstanceView, View};
use crate::model::{
    Counts, CustomerDid, FailedItem, InstanceId, Reason, SpaceDid, Status, UnixMillis, Vocabulary,
};
use crate::runtime::Clock;
use crate::state::rows::stamp;
use crate::state::{FailedQuery, ProgressRow, StateError, Store};

pub use self::instance::is_alive;
pub use self::overview::exact;
pub use self::totals::{of as totals_of, totals};
pub use self::units::space_line;

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

/// What a migration has written down of an owner, beside the rows of its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRecord {
    /// The status in its row.
    pub status: String,
    /// The instance that it was given to.
    pub instance: Option<InstanceId>,
}

/// Answers a question in the words of a migration. Lists are read to their last page. `owner` is the record of the owner that the question names,
/// if there is one.
///
/// # Errors
/// Those of the tables.
pub async fn answer(
    store: &Store,
    clock: Clock,
    ask: &Ask,
    words: &Vocabulary,
    owner: Option<OwnerRecord>,
) -> Result<View, StateError> {
    let now = clock.now();
    Ok(match ask {
        Ask::Overview => View::Overview(overview::overview(store, now).await?),
        Ask::Customer(customer) => {
            View::Customer(of_customer(store, (customer, owner), now).await?)
        }
        Ask::Space(space) => {
            let rows = store.progress_where(Some(space.as_str()), None).await?;
            let query = FailedQuery {
                name: Some(space.to_string()),
                ..FailedQuery::default()
            };
            View::Space {
                at: stamp(now),
                space: space.to_string(),
                spaces: lines(store, &rows).await?,
                failures: failures(store, &query, words).await?,
            }
        }
        Ask::Instance(instance) => View::Instance(of_instance(store, instance, now).await?),
        Ask::Failed(query) => failed(store, query, (owner.is_some(), now), words).await?,
        Ask::Control => control::standing(store, now).await?,
        Ask::ControlLog => control::log(store, now).await?,
        Ask::Stuck {
            idle_seconds,
            instance,
            customer,
        } => {
            let only = (instance.as_ref(), customer.as_ref());
            stuck_in(store, *idle_seconds, only, (owner.is_some(), now)).await?
        }
    })
}

async fn failed(
    store: &Store,
    query: &FailedQuery,
    (has_record, now): (bool, UnixMillis),
    words: &Vocabulary,
) -> Result<View, StateError> {
    let failures = failures(store, query, words).await?;
    let named = Named {
        owner: query.owner.as_deref().filter(|_| !has_record),
        name: query.name.as_deref(),
        instance: query.instance.as_ref(),
    };
    let unknown = match failures.as_slice() {
        [] => unknown(store, now, named).await?,
        _ => None,
    };
    Ok(View::Failed {
        at: stamp(now),
        reasons: by_reason(failures.iter().map(|one| (one.reason, one.uploads))),
        failures,
        unknown,
    })
}

async fn stuck_in(
    store: &Store,
    idle_seconds: u64,
    only: (Option<&InstanceId>, Option<&CustomerDid>),
    (has_record, now): (bool, UnixMillis),
) -> Result<View, StateError> {
    let spaces = stuck::stuck(store, idle_seconds, only, now).await?;
    let named = Named {
        owner: only.1.map(CustomerDid::as_str).filter(|_| !has_record),
        name: None,
        instance: only.0,
    };
    let unknown = match spaces.as_slice() {
        [] => unknown(store, now, named).await?,
        _ => None,
    };
    Ok(View::Stuck {
        at: stamp(now),
        idle_seconds,
        spaces,
        unknown,
    })
}

/// What a list is narrowed to.
#[derive(Clone, Copy)]
struct Named<'a> {
    /// One of which there is no record.
    owner: Option<&'a str>,
    name: Option<&'a str>,
    instance: Option<&'a InstanceId>,
}

/// What of it is in no table: an empty list of such is no good news.
async fn unknown(
    store: &Store,
    now: UnixMillis,
    named: Named<'_>,
) -> Result<Option<String>, StateError> {
    if let Some(owner) = named.owner
        && store.progress_of(owner).await?.is_empty()
    {
        return Ok(Some(format!("customer {owner}")));
    }
    if let Some(name) = named.name
        && store.progress_where(Some(name), None).await?.is_empty()
    {
        return Ok(Some(format!("space {name}")));
    }
    if let Some(instance) = named.instance {
        let (fleet, sum) = futures::try_join!(store.fleet(), totals::sum(store, now))?;
        let has_share = sum.is_none_or(|sum| sum.share(instance.as_str()).is_some());
        if !has_share && !fleet.iter().any(|report| report.instance == *instance) {
            return Ok(Some(format!("instance {instance}")));
        }
    }
    Ok(None)
}

async fn of_customer(
    store: &Store,
    (customer, record): (&CustomerDid, Option<OwnerRecord>),
    now: UnixMillis,
) -> Result<CustomerView, StateError> {
    let query = FailedQuery {
        owner: Some(customer.to_string()),
        ..FailedQuery::default()
    };
    let (rows, failed) = futures::try_join!(
        store.progress_of(customer.as_str()),
        store.failed_items(&query)
    )?;
    Ok(CustomerView {
        at: stamp(now),
        customer: customer.to_string(),
        status: record.as_ref().map(|record| record.status.clone()),
        instance: record
            .and_then(|record| record.instance)
            .map(|instance| instance.to_string()),
        counts: rows.iter().map(|row| row.progress.counts).sum::<Counts>(),
        spaces: lines(store, &rows).await?,
        failures: failed.iter().map(|failed| failed.items).sum(),
    })
}

async fn of_instance(
    store: &Store,
    instance: &InstanceId,
    now: UnixMillis,
) -> Result<InstanceView, StateError> {
    let query = FailedQuery {
        instance: Some(instance.clone()),
        ..FailedQuery::default()
    };
    let (fleet, plan, rows, failed, sum) = futures::try_join!(
        store.fleet(),
        store.current_plan(),
        store.progress_by_status(Status::InProgress, None),
        store.failed_items(&query),
        totals::sum(store, now)
    )?;
    let share = sum.and_then(|sum| sum.share(instance.as_str()));
    let held: Vec<ProgressRow> = rows
        .into_iter()
        .filter(|row| {
            row.lease
                .as_ref()
                .is_some_and(|lease| lease.holder.instance == *instance)
        })
        .collect();
    let of_number = fleet.iter().filter(|report| report.instance == *instance);
    let line = |report: &_| instance_line(report, plan.as_ref(), now);
    let mut of_number: Vec<InstanceLine> = of_number.map(line).collect();
    // In the order in which they began; one that runs comes last.
    of_number.sort_by_key(|line| line.alive == Alive::Yes);
    Ok(InstanceView {
        at: stamp(now),
        number: instance.to_string(),
        share,
        instance: of_number.pop().map(|line| InstanceLine { share, ..line }),
        same_number: of_number,
        spaces: lines(store, &held).await?,
        failures: by_reason(failed.iter().map(|one| (one.failure.reason, one.items))),
    })
}

/// Failed uploads as they are listed, page by page to the end.
///
/// # Errors
/// Those of the table.
pub async fn failures(
    store: &Store,
    query: &FailedQuery,
    words: &Vocabulary,
) -> Result<Vec<FailureView>, StateError> {
    Ok(store
        .failed_items(query)
        .await?
        .iter()
        .map(|failed| failure(failed, words))
        .collect())
}

fn failure(failed: &FailedItem, words: &Vocabulary) -> FailureView {
    FailureView {
        customer: failed.unit.owner.to_string(),
        space: failed.unit.name.to_string(),
        item: failed.item.to_string(),
        uploads: failed.items,
        step: failed.failure.step.as_ref().map(ToString::to_string),
        class: failed.failure.class,
        reason: failed.failure.reason,
        message: failed.failure.message.clone(),
        advice: words.reasons.advice(failed.failure.reason),
        attempts: failed.attempts,
        instance: failed.instance.to_string(),
        first_at: stamp(failed.first_at),
        last_at: stamp(failed.last_at),
    }
}

fn by_reason(reasons: impl Iterator<Item = (Reason, u64)>) -> BTreeMap<Reason, u64> {
    let mut counted = BTreeMap::new();
    for (reason, uploads) in reasons {
        *counted.entry(reason).or_default() += uploads;
    }
    counted
}
