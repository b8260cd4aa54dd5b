//! `…-migration-fleet`: one row per lease holder, rewritten by its heartbeat. Displays read this, not the whole progress.
//!
//! The key `instanceId` is the number and the id of the state folder (`1#93ab…`), so that two machines with one number
//! have a row each. What `setup` gave to an instance that has not run since stands under the number alone, and so does
//! what older versions reported.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{FolderId, Holder, InstanceId, InstanceReport, UnixMillis};
use crate::state::rows::{self, Condition, Key, Row, Select, Value, Written};
use crate::state::{StateError, Store};

/// State of an instance that `setup` gave work to and that never ran.
const ASSIGNED: &str = "assigned";

/// State of a run that said good-bye.
const ENDED: &str = "ended";

/// How long a holder that fell silent is shown beside a later one of the same number.
const SILENT_SHOWN: Duration = Duration::from_hours(1);

fn row(report: &InstanceReport) -> Row {
    Row::new()
        .with("updatedAt", report.heartbeat_at)
        .with("state", report.state.as_str())
        .with("report", Value::of(report))
}

fn key(holder: &Holder) -> Key {
    let number = holder.instance.as_str();
    let folder = holder.folder.as_ref().map(FolderId::as_str);
    match folder {
        Some(folder) => Key::one("instanceId", format!("{number}#{folder}")),
        None => Key::one("instanceId", number),
    }
}

/// The row of an instance of which only the number is known.
fn unfolded(instance: &InstanceId) -> Key {
    key(&Holder {
        instance: instance.clone(),
        folder: None,
    })
}

/// Whether a row is worth showing beside those of the same number: what `setup` gave is until the instance ran, what
/// has ended is until it runs again, and what fell silent is for an hour beside a later one.
fn is_current(report: &InstanceReport, same_number: &[InstanceReport], now: UnixMillis) -> bool {
    let mut others = same_number
        .iter()
        .filter(|other| other.folder != report.folder);
    if report.state == ASSIGNED {
        return others.next().is_none();
    }
    let is_superseded = others.any(|other| other.started_at > report.started_at);
    match report.state.as_str() {
        ENDED => !is_superseded,
        _ => !is_superseded || now.since(report.heartbeat_at) < SILENT_SHOWN,
    }
}

impl Store {
    /// Writes what a holder says of itself. A row of another run of the same holder is replaced only if that one
    /// began earlier: an old process that thaws does not cover a new one.
    pub async fn report(&self, report: &InstanceReport) -> Result<bool, StateError> {
        let row = row(report)
            .with("run", report.run.as_str())
            .with("startedAt", report.started_at);
        let newest = Condition::Any(vec![
            Condition::Absent("startedAt"),
            Condition::Equals("run", report.run.as_str().into()),
            Condition::Below("startedAt", report.started_at.into()),
        ]);
        let table = &self.tables().fleet;
        let key = key(&report.holder());
        let written = self.rows.put(table, &key, row, newest).await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Notes what `setup` gave to an instance, and forgets the runs of that instance that were `seen` and are known to
    /// be over, as long as they are still as they were. While another run of the instance has a row, nothing is noted.
    pub async fn note_assigned(
        &self,
        report: &InstanceReport,
        seen: &[InstanceReport],
    ) -> Result<bool, StateError> {
        let report = InstanceReport {
            state: ASSIGNED.to_owned(),
            folder: None,
            ..report.clone()
        };
        let table = &self.tables().fleet;
        let mut fresh = vec![
            Condition::Absent("state"),
            Condition::Equals("state", ASSIGNED.into()),
        ];
        for seen in seen {
            let as_seen = Condition::All(vec![
                Condition::Equals("run", seen.run.as_str().into()),
                Condition::Equals("updatedAt", seen.heartbeat_at.into()),
            ]);
            if seen.folder.is_some() {
                self.rows
                    .delete(table, &key(&seen.holder()), as_seen)
                    .await?;
            } else {
                fresh.push(as_seen);
            }
        }
        let fleet = self.fleet_rows().await?;
        let runs =
            |other: &InstanceReport| other.instance == report.instance && other.folder.is_some();
        if fleet.iter().any(runs) {
            return Ok(false);
        }
        let (key, fresh) = (unfolded(&report.instance), Condition::Any(fresh));
        let written = self.rows.put(table, &key, row(&report), fresh).await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Forgets what `setup` gave to an instance that never ran and that a new plan has not.
    pub async fn forget_assigned(&self, instance: &InstanceId) -> Result<(), StateError> {
        let assigned = Condition::Equals("state", ASSIGNED.into());
        let table = &self.tables().fleet;
        self.rows
            .delete(table, &unfolded(instance), assigned)
            .await?;
        Ok(())
    }

    /// Every holder, by number, those of one number by when they began; two rows with one number are two machines, or
    /// two state folders. Rows that this program cannot read are left out, and so are those that a later run of the
    /// same number made stale.
    pub async fn fleet(&self) -> Result<Vec<InstanceReport>, StateError> {
        let now = self.now();
        let mut of_number: BTreeMap<_, Vec<InstanceReport>> = BTreeMap::new();
        for report in self.fleet_rows().await? {
            let number = report.instance.as_str().parse().unwrap_or(u32::MAX);
            let place = (number, report.instance.clone());
            of_number.entry(place).or_default().push(report);
        }
        let mut fleet = Vec::new();
        for mut same_number in of_number.into_values() {
            same_number.sort_by_key(|report| (report.started_at, report.folder.clone()));
            let current = same_number
                .iter()
                .filter(|report| is_current(report, &same_number, now));
            fleet.extend(current.cloned());
        }
        Ok(fleet)
    }

    /// Every row, those that [`Store::fleet`] leaves out among them.
    pub async fn fleet_rows(&self) -> Result<Vec<InstanceReport>, StateError> {
        let rows = rows::all(&*self.rows, &self.tables().fleet, &Select::default()).await?;
        let read = |row: &Row| row.get("report")?.read();
        Ok(rows.iter().filter_map(read).collect())
    }
}
