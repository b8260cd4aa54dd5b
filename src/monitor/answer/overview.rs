//! The whole migration: totals and failures from their rows, liveness and rates from the fleet rows.

use std::collections::BTreeSet;

use super::control;
use super::instance::instance;
use super::totals::{self, Sum};
use crate::model::{InstanceReport, UnixMillis, Vocabulary};
use crate::monitor::eta::eta;
use crate::monitor::view::{Alive, InstanceLine, Overview, PlanLine};
use crate::state::rows::stamp;
use crate::state::{StateError, Store};

/// Tables that were asked and do not exist.
type Missing = BTreeSet<String>;

/// What a table says; nothing, and its name, if it does not exist.
fn or_missing<T: Default>(
    asked: Result<T, StateError>,
    missing: &mut Missing,
) -> Result<T, StateError> {
    match asked {
        Err(StateError::Rows(error)) if error.is_missing() => {
            missing.insert(error.table);
            Ok(T::default())
        }
        other => other,
    }
}

/// Reads the overview, in at most 20 requests.
pub(super) async fn overview(
    store: &Store,
    now: UnixMillis,
    words: &Vocabulary,
) -> Result<Overview, StateError> {
    with(store, now, words, totals::sum(store, now)).await
}

/// Reads the overview with a sum of all rows, however many there are; `told` hears how many units were read so far.
///
/// # Errors
/// Those of the tables; one that does not exist is named in the overview.
pub async fn exact(
    store: &Store,
    now: UnixMillis,
    words: &Vocabulary,
    told: impl FnMut(u64) + Send,
) -> Result<Overview, StateError> {
    with(store, now, words, totals::exact(store, now, told)).await
}

async fn with(
    store: &Store,
    now: UnixMillis,
    words: &Vocabulary,
    sum: impl Future<Output = Result<Option<Sum>, StateError>>,
) -> Result<Overview, StateError> {
    let (fleet, sum, failed, standing, plan) = futures::join!(
        store.fleet(),
        sum,
        totals::failure_rows(store),
        store.controls(),
        store.current_plan()
    );
    let mut missing = Missing::new();
    let fleet = or_missing(fleet, &mut missing)?;
    let sum = or_missing(sum, &mut missing)?;
    let failed = or_missing(failed.map(Some), &mut missing)?;
    let standing = or_missing(standing, &mut missing)?;
    let plan = or_missing(plan, &mut missing)?;
    let mut told = BTreeSet::new();
    let line = |report: &InstanceReport| InstanceLine {
        // Of several with one number, which share its share, the first has it.
        share: sum
            .as_ref()
            .filter(|_| told.insert(report.instance.clone()))
            .and_then(|sum| sum.share(report.instance.as_str())),
        ..instance(report, plan.as_ref(), now)
    };
    let instances: Vec<InstanceLine> = fleet.iter().map(line).collect();
    let alive = || instances.iter().filter(|line| line.alive == Alive::Yes);
    let items_per_minute = alive().fold(0.0, |sum, line| sum + line.items_per_minute);
    let lasting = alive().fold(0.0, |sum, line| sum + lasting_rate(line));
    let held_back = alive().filter_map(held_back).collect();
    let totals = sum.map(|sum| sum.shown(now));
    let failure_rows = failed.map(|mut rows| {
        let differ = |totals| totals::compare(&rows, totals, words);
        rows.note = totals.as_ref().and_then(differ);
        rows
    });
    let units_without_row = match (&plan, &totals) {
        (Some(plan), Some(totals)) => plan.units.saturating_sub(totals.units.all()),
        _ => 0,
    };
    Ok(Overview {
        at: stamp(now),
        units_without_row,
        eta: totals
            .as_ref()
            .and_then(|totals| eta(totals.counts.left(), lasting)),
        held_back,
        totals,
        failure_rows,
        missing_tables: missing.into_iter().collect(),
        items_per_minute,
        instances,
        plan: plan.as_ref().map(PlanLine::of),
        asked: standing
            .iter()
            .flat_map(|one| control::asked(one, words.item))
            .collect(),
    })
}

/// The rate at which an instance that runs may be expected to go on: none while it begins nothing or waits, and no more than
/// it may begin.
fn lasting_rate(line: &InstanceLine) -> f64 {
    if held_back(line).is_some() {
        return 0.0;
    }
    let most = line
        .begun_per_minute_at_most
        .map_or(f64::INFINITY, f64::from);
    line.items_per_minute.min(most)
}

/// Why an instance that runs begins nothing, or waits.
fn held_back(line: &InstanceLine) -> Option<String> {
    let number = &line.instance;
    if line.state != "running" {
        let note = line.note.as_deref().unwrap_or(&line.state);
        return Some(format!("instance {number}: {note}"));
    }
    let down = line.throttles.iter().find(|one| one.limit == 0)?;
    let (service, reason) = (&down.dependency, &down.reason);
    Some(format!("instance {number} waits for {service} ({reason})"))
}
