//! `…-migration-fleet`: one row per lease holder, rewritten with each heartbeat. Displays read these rows instead of
//! all progress rows.
//!
//! The key `instanceId` is the number and the id of the state folder (`1#93ab…`), so that two machines with one number
//! have a row each. The key is the number alone for what `setup` assigned to an instance that has not run since, and
//! for reports of older versions.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{FolderId, Holder, InstanceId, InstanceReport, UnixMillis};
use crate::state::rows::{self, Condition, Key, Row, Select, Value, Written};
use crate::state::{StateError, Store};

/// State of an instance that has assigned work and never ran.
const ASSIGNED: &str = "assigned";

/// State of a run that ended.
const ENDED: &str = "ended";

/// How long a silent holder is shown beside a later one of the same number.
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

/// The key of an instance without a state folder.
fn unfolded(instance: &InstanceId) -> Key {
    key(&Holder {
        instance: instance.clone(),
        folder: None,
    })
}

/// Whether a row is shown beside others of the same number. An assignment is shown until the instance runs, an ended
/// run until the instance runs again, and a silent one for an hour beside a later one.
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
    /// Writes the report of a holder. Returns `false` if the row belongs to a later run of the same holder: an old
    /// process that thaws does not overwrite a new one.
    ///
    /// # Errors
    /// Those of the table.
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

    /// Records what `setup` assigned to an instance. Removes the rows of its runs in `seen`, which are known to be
    /// over, if they have not changed. Records nothing, and returns `false`, while another run of the instance has a
    /// row.
    ///
    /// # Errors
    /// Those of the table.
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

    /// Removes the assignment of an instance that never ran and is not part of a new plan.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn forget_assigned(&self, instance: &InstanceId) -> Result<(), StateError> {
        let assigned = Condition::Equals("state", ASSIGNED.into());
        let table = &self.tables().fleet;
        self.rows
            .delete(table, &unfolded(instance), assigned)
            .await?;
        Ok(())
    }

    /// Every holder, ordered by number and start. Two rows with one number are two machines or two state folders.
    /// Leaves out unreadable rows, and rows that a later run of the same number made stale.
    ///
    /// # Errors
    /// Those of the table.
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

    /// Every row, including stale ones.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn fleet_rows(&self) -> Result<Vec<InstanceReport>, StateError> {
        let rows = rows::all(&*self.rows, &self.tables().fleet, &Select::default()).await?;
        let read = |row: &Row| row.get("report")?.read();
        Ok(rows.iter().filter_map(read).collect())
    }
}
