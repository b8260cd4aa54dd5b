//! Spaces without progress, and why: slow, dead or waiting.

use std::collections::BTreeMap;

use super::look::line;
use super::overview::alive;
use super::view::{Alive, StuckLine, Verdict};
use crate::model::{CustomerDid, InstanceId, InstanceReport, Status};
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
        store.fleet()
    )?;
    let fleet: BTreeMap<&InstanceId, &InstanceReport> = fleet
        .iter()
        .map(|report| (&report.instance, report))
        .collect();
    let wanted = |row: &&ProgressRow| {
        let holder = row
            .lease
            .as_ref()
            .map(|lease| &lease.holder)
            .or(row.instance.as_ref());
        instance.is_none_or(|instance| holder == Some(instance))
            && customer.is_none_or(|customer| *customer.as_str() == *row.progress.unit.owner)
    };
    let judged = rows.iter().filter(wanted).map(|row| {
        let (verdict, because) = judge(row, &fleet, now);
        StuckLine {
            space: line(row),
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
    fleet: &BTreeMap<&InstanceId, &InstanceReport>,
    now: u64,
) -> (Verdict, String) {
    let Some(lease) = &row.lease else {
        return (Verdict::Waiting, "nobody holds it".to_owned());
    };
    let Some(report) = fleet.get(&lease.holder) else {
        return (
            Verdict::Dead,
            format!("instance {} has no fleet row", lease.holder),
        );
    };
    if report.run != lease.run {
        return (
            Verdict::Dead,
            format!("instance {} was started again since", lease.holder),
        );
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
            (
                Verdict::Slow,
                format!("instance {} is {}{more}", lease.holder, report.state),
            )
        }
        Alive::Ended => (
            Verdict::Dead,
            format!("instance {} ended without giving it back", lease.holder),
        ),
        Alive::Silent | Alive::Never => {
            let age = now.saturating_sub(report.heartbeat_at) / 1_000;
            (
                Verdict::Dead,
                format!(
                    "instance {} is silent for {}",
                    lease.holder,
                    super::eta::span(age)
                ),
            )
        }
    }
}
