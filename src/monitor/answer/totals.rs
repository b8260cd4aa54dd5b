//! The sum of all progress rows, as it is now or as it was stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{InstanceId, ProgressTotals, Reason, UnixMillis, Vocabulary};
use crate::monitor::table::grouped;
use crate::monitor::view::{FailureRows, Share, Totals};
use crate::state::rows::stamp;
use crate::state::{FailedQuery, StateError, Store};

/// Pages of progress rows that a look reads: with fleet, control and failure rows an overview stays within 20 requests.
const PROGRESS_PAGES: u32 = 10;
/// Units above which these pages do not do: then the stored sum is shown, and no page is read in vain.
const SUMMED_UNITS: u64 = 8_000;
/// Pages of failure rows that an overview reads.
const FAILURE_PAGES: u32 = 3;

/// A sum of progress rows.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    pub(super) rows: ProgressTotals,
    taken_at: UnixMillis,
    live: bool,
}

impl Sum {
    /// What is shown of it at `now`.
    pub(super) fn shown(&self, now: UnixMillis) -> Totals {
        of(&self.rows, self.taken_at, self.live, now)
    }

    /// The share of an instance, all zero if it has none.
    pub(super) fn share(&self, instance: &str) -> Option<Share> {
        let share = self.rows.instances.get(&InstanceId::new(instance))?;
        Some(Share {
            counts: share.counts,
            units: share.units.all(),
            units_ended: share.units.ended(),
        })
    }
}

/// A sum of progress rows as it is shown: `live` if its rows were read for this look.
#[must_use]
pub fn of(rows: &ProgressTotals, taken_at: UnixMillis, live: bool, now: UnixMillis) -> Totals {
    let named = rows.uneven_named.iter().map(ToString::to_string);
    Totals {
        as_of: stamp(taken_at),
        age_seconds: now.since(taken_at).as_secs(),
        live,
        counts: rows.counts,
        units: rows.units,
        owners: rows.owners,
        reasons: rows.reasons.clone(),
        adds_up: rows.adds_up(),
        uneven: rows.uneven,
        uneven_units: named.collect(),
    }
}

/// Sums up: the rows themselves where a few pages hold them all, else the sum that was stored last; `None` where there
/// are many rows and none was ever stored.
pub(super) async fn sum(store: &Store, now: UnixMillis) -> Result<Option<Sum>, StateError> {
    let stored = store.stored_totals().await?;
    let many = stored
        .as_ref()
        .is_some_and(|stored| stored.totals.units.all() > SUMMED_UNITS);
    if !many && let Some(rows) = store.sum_progress(Some(PROGRESS_PAGES), |_| {}).await? {
        return Ok(Some(live(rows, now)));
    }
    Ok(stored.map(|stored| Sum {
        rows: stored.totals,
        taken_at: stored.taken_at,
        live: false,
    }))
}

/// The sum of all progress rows: read now where a few pages hold them all, else as it was stored last.
///
/// # Errors
/// Those of the tables, and a row that is not understood.
pub async fn totals(store: &Store, now: UnixMillis) -> Result<Option<Totals>, StateError> {
    Ok(sum(store, now).await?.map(|sum| sum.shown(now)))
}

/// Sums up all rows, however many there are; `told` hears how many units were read so far.
pub(super) async fn exact(
    store: &Store,
    now: UnixMillis,
    told: impl FnMut(u64) + Send,
) -> Result<Option<Sum>, StateError> {
    let rows = store.sum_progress(None, told).await?;
    Ok(rows.map(|rows| live(rows, now)))
}

fn live(rows: ProgressTotals, now: UnixMillis) -> Sum {
    Sum {
        rows,
        taken_at: now,
        live: true,
    }
}

/// Counts failure rows by reason, as far as a few pages go.
pub(super) async fn failure_rows(store: &Store) -> Result<FailureRows, StateError> {
    let query = FailedQuery::default();
    let mut found = FailureRows::default();
    let mut after = None;
    for _ in 0..FAILURE_PAGES {
        let page = store.failed_page(&query, after, None).await?;
        for failed in &page.items {
            *found.reasons.entry(failed.failure.reason).or_default() += failed.items.max(1);
        }
        after = page.next;
        if after.is_none() {
            found.whole = true;
            break;
        }
    }
    Ok(found)
}

/// Whether failure rows and counters say the same, in words where they do not.
pub(super) fn compare(rows: &FailureRows, totals: &Totals, words: &Vocabulary) -> Option<String> {
    let (items, units) = (words.item.many, words.unit.many);
    if !rows.whole {
        return Some(format!(
            "there are more failed {items} than an overview reads; `sterna monitor --failed` lists all"
        ));
    }
    if !totals.live || rows.reasons == totals.reasons {
        return None;
    }
    let number = |of: &BTreeMap<Reason, u64>, reason| of.get(reason).copied().unwrap_or(0);
    let all: BTreeSet<&Reason> = rows.reasons.keys().chain(totals.reasons.keys()).collect();
    let only_more = all
        .iter()
        .all(|reason| number(&rows.reasons, reason) >= number(&totals.reasons, reason));
    let (listed, counted): (u64, u64) =
        (rows.reasons.values().sum(), totals.reasons.values().sum());
    let (listed, counted) = (grouped(listed), grouped(counted));
    if only_more && totals.units.in_progress > 0 {
        return Some(format!(
            "failed {items}: {listed} listed, {counted} counted; the counts of {units} in progress follow"
        ));
    }
    Some(format!(
        "the list of failed {items} does not agree with the counts: {listed} listed (`sterna monitor --failed`), \
         {counted} counted; `sterna retry --failed` retries those that are listed"
    ))
}
