//! Units without progress, and why: slow, dead or waiting.

use std::collections::BTreeMap;

use super::instance::alive;
use super::units::unit_line;
use crate::model::{Holder, InstanceId, InstanceReport, Status, UnixMillis};
use crate::monitor::eta::span;
use crate::monitor::view::{Alive, StuckLine, Verdict};
use crate::state::{ProgressRow, StateError, Store};

/// Reads the units in progress that were not written for `idle_seconds`, and those of dead holders, however short ago
/// these died: they are dead here when they are in the overview.
pub(super) async fn stuck(
    store: &Store,
    idle_seconds: u64,
    (instance, owner): (Option<&InstanceId>, Option<&str>),
    now: UnixMillis,
) -> Result<Vec<StuckLine>, StateError> {
    let (rows, fleet) = futures::try_join!(
        store.progress_by_status(Status::InProgress, None),
        store.fleet_rows()
    )?;
    let fleet: BTreeMap<Holder, &InstanceReport> = fleet
        .iter()
        .map(|report| (report.holder(), report))
        .collect();
    let wanted = |row: &&ProgressRow| {
        let holder = row
            .lease
            .as_ref()
            .map(|lease| &lease.holder.instance)
            .or(row.instance.as_ref());
        instance.is_none_or(|instance| holder == Some(instance))
            && owner.is_none_or(|owner| *owner == *row.progress.unit.owner)
    };
    let is_stuck = |row: &&ProgressRow| idle(row, now) >= idle_seconds || is_left(row, &fleet, now);
    let judged = rows.iter().filter(wanted).filter(is_stuck).map(|row| {
        let (verdict, because) = judge(row, &fleet, now);
        StuckLine {
            unit: unit_line(row),
            status: row.progress.status,
            idle_seconds: idle(row, now),
            verdict,
            because,
            remedy: remedy(row, verdict),
        }
    });
    Ok(judged.collect())
}

/// Seconds since a row was written.
fn idle(row: &ProgressRow, now: UnixMillis) -> u64 {
    now.since(row.updated_at.unwrap_or_default()).as_secs()
}

/// Whether its holder is silent or ended, as the overview says it.
fn is_left(row: &ProgressRow, fleet: &BTreeMap<Holder, &InstanceReport>, now: UnixMillis) -> bool {
    let holder = row
        .lease
        .as_ref()
        .and_then(|lease| fleet.get(&lease.holder));
    holder.is_some_and(|report| matches!(alive(report, now), Alive::Silent | Alive::Ended))
}

/// What to do about a unit.
fn remedy(row: &ProgressRow, verdict: Verdict) -> Option<String> {
    let holder = row.lease.as_ref().map(|lease| &lease.holder.instance);
    let number = holder.or(row.instance.as_ref());
    let again = number.map_or_else(
        || "start its instance".to_owned(),
        |number| format!("start instance {number} again"),
    );
    match verdict {
        Verdict::Slow => None,
        Verdict::Dead | Verdict::Waiting => Some(format!(
            "{again}, or let another instance take it: `sterna migrate … --steal`"
        )),
    }
}

fn judge(
    row: &ProgressRow,
    fleet: &BTreeMap<Holder, &InstanceReport>,
    now: UnixMillis,
) -> (Verdict, String) {
    let Some(lease) = &row.lease else {
        return (Verdict::Waiting, "nobody holds it".to_owned());
    };
    let number = &lease.holder.instance;
    let Some(report) = fleet.get(&lease.holder) else {
        let why = format!("instance {number} has no fleet row");
        return (Verdict::Dead, why);
    };
    // The number alone names two of them.
    let is_twin = |other: &Holder| other.is_twin_of(&lease.holder);
    let name = if fleet.keys().any(is_twin) && !report.host.is_empty() {
        format!("instance {number} on {}", report.host)
    } else {
        format!("instance {number}")
    };
    if report.run != lease.run {
        return (Verdict::Dead, format!("{name} was restarted since"));
    }
    match alive(report, now) {
        Alive::Yes => {
            let throttle = report.throttles.first();
            let why = throttle.map(|throttle| {
                format!(
                    ", held back by {} ({})",
                    throttle.dependency, throttle.reason
                )
            });
            let note = report.note.as_ref().map(|note| format!(", {note}"));
            let more = note.or(why).unwrap_or_default();
            (Verdict::Slow, format!("{name} is {}{more}", report.state))
        }
        Alive::Ended => (Verdict::Dead, format!("{name} ended without releasing it")),
        Alive::Silent | Alive::Never => {
            let age = now.since(report.heartbeat_at).as_secs();
            (
                Verdict::Dead,
                format!("{name} has been silent for {}", span(age)),
            )
        }
    }
}
