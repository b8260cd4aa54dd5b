//! Spaces without progress, and why: slow, dead or waiting.

use std::collections::BTreeMap;

use super::look::space_line;
use super::overview::alive;
use super::view::{Alive, StuckLine, Verdict};
use crate::model::{CustomerDid, Holder, InstanceId, InstanceReport, Status};
use crate::state::{Error, ProgressRow, Store};

/// Reads the spaces in progress that were not written for `idle_seconds`.
pub(super) async fn stuck(
    store: &Store,
    idle_seconds: u64,
    (instance, customer): (Option<&InstanceId>, Option<&CustomerDid>),
    now: u64,
) -> Result<Vec<StuckLine>, Error> {
    let before = now.saturating_sub(idle_seconds.saturating_mul(1_000));
    let (rows, fleet) = futures::try_join!(
        store.progress_by_status(Status::InProgress, Some(before)),
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
            && customer.is_none_or(|customer| *customer.as_str() == *row.progress.unit.owner)
    };
    let judged = rows.iter().filter(wanted).map(|row| {
        let (verdict, because) = judge(row, &fleet, now);
        StuckLine {
            space: space_line(row),
            status: row.progress.status,
            idle_seconds: row
                .updated_at
                .map_or(0, |at| now.saturating_sub(at) / 1_000),
            verdict,
            because,
        }
    });
    Ok(judged.collect())
}

fn judge(
    row: &ProgressRow,
    fleet: &BTreeMap<Holder, &InstanceReport>,
    now: u64,
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
        return (Verdict::Dead, format!("{name} was started again since"));
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
        Alive::Ended => (
            Verdict::Dead,
            format!("{name} ended without giving it back"),
        ),
        Alive::Silent | Alive::Never => {
            let age = now.saturating_sub(report.heartbeat_at) / 1_000;
            (
                Verdict::Dead,
                format!("{name} is silent for {}", super::eta::span(age)),
            )
        }
    }
}
