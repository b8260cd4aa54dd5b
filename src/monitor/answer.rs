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
use super::view::{Alive, FailureView, InstanceLine, InstanceView, OwnerView, View};
use crate::model::{Counts, FailedItem, InstanceId, Reason, Status, UnixMillis, Vocabulary};
use crate::runtime::Clock;
use crate::state::rows::stamp;
use crate::state::{FailedQuery, ProgressRow, StateError, Store};

pub use self::instance::is_alive;
pub use self::overview::exact;
pub use self::totals::{of as totals_of, totals};
pub use self::units::unit_line;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The whole migration, in at most 20 requests.
    Overview,
    /// One owner.
    Owner(String),
    /// The units of a name: a scan.
    Unit(String),
    /// One instance.
    Instance(InstanceId),
    /// Every failed item that is asked for.
    Failed(FailedQuery),
    /// What the operator asks.
    Control,
    /// What the operator ever asked.
    ControlLog,
    /// Every unit without progress for so long, of one instance or of all.
    Stuck {
        /// Shorter pauses are no matter.
        idle_seconds: u64,
        /// Only units of this instance.
        instance: Option<InstanceId>,
        /// Only units of this owner.
        owner: Option<String>,
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

/// Answers a question in the words of a migration. Lists are read to their last page. `owner` is the record of the
/// owner that the question names, if there is one.
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
        Ask::Overview => View::Overview(overview::overview(store, now, words).await?),
        Ask::Owner(name) => View::Owner(of_owner(store, (name, owner), now).await?),
        Ask::Unit(unit) => {
            let rows = store.progress_where(Some(unit), None).await?;
            let query = FailedQuery {
                name: Some(unit.clone()),
                ..FailedQuery::default()
            };
            View::Unit {
                at: stamp(now),
                unit: unit.clone(),
                units: lines(store, &rows).await?,
                failures: failures(store, &query, words).await?,
            }
        }
        Ask::Instance(instance) => View::Instance(of_instance(store, instance, now).await?),
        Ask::Failed(query) => failed(store, query, (owner.is_some(), now), words).await?,
        Ask::Control => control::standing(store, now, words).await?,
        Ask::ControlLog => control::log(store, now, words).await?,
        Ask::Stuck {
            idle_seconds,
            instance,
            owner: of,
        } => {
            let only = (instance.as_ref(), of.as_deref());
            stuck_in(store, *idle_seconds, only, (owner.is_some(), now), words).await?
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
        [] => unknown(store, now, named, words).await?,
        _ => None,
    };
    Ok(View::Failed {
        at: stamp(now),
        reasons: by_reason(failures.iter().map(|one| (one.reason, one.items))),
        failures,
        unknown,
    })
}

async fn stuck_in(
    store: &Store,
    idle_seconds: u64,
    only: (Option<&InstanceId>, Option<&str>),
    (has_record, now): (bool, UnixMillis),
    words: &Vocabulary,
) -> Result<View, StateError> {
    let units = stuck::stuck(store, idle_seconds, only, now).await?;
    let named = Named {
        owner: only.1.filter(|_| !has_record),
        name: None,
        instance: only.0,
    };
    let unknown = match units.as_slice() {
        [] => unknown(store, now, named, words).await?,
        _ => None,
    };
    Ok(View::Stuck {
        at: stamp(now),
        idle_seconds,
        units,
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
    words: &Vocabulary,
) -> Result<Option<String>, StateError> {
    if let Some(owner) = named.owner
        && store.progress_of(owner).await?.is_empty()
    {
        return Ok(Some(format!("{} {owner}", words.owner.one)));
    }
    if let Some(name) = named.name
        && store.progress_where(Some(name), None).await?.is_empty()
    {
        return Ok(Some(format!("{} {name}", words.unit.one)));
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

async fn of_owner(
    store: &Store,
    (owner, record): (&str, Option<OwnerRecord>),
    now: UnixMillis,
) -> Result<OwnerView, StateError> {
    let query = FailedQuery {
        owner: Some(owner.to_owned()),
        ..FailedQuery::default()
    };
    let (rows, failed) = futures::try_join!(store.progress_of(owner), store.failed_items(&query))?;
    Ok(OwnerView {
        at: stamp(now),
        owner: owner.to_owned(),
        status: record.as_ref().map(|record| record.status.clone()),
        instance: record
            .and_then(|record| record.instance)
            .map(|instance| instance.to_string()),
        counts: rows.iter().map(|row| row.progress.counts).sum::<Counts>(),
        units: lines(store, &rows).await?,
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
        units: lines(store, &held).await?,
        failures: by_reason(failed.iter().map(|one| (one.failure.reason, one.items))),
    })
}

/// Failed items as they are listed, page by page to the end.
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
        owner: failed.unit.owner.to_string(),
        unit: failed.unit.name.to_string(),
        item: failed.item.to_string(),
        items: failed.items,
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
    for (reason, items) in reasons {
        *counted.entry(reason).or_default() += items;
    }
    counted
}
