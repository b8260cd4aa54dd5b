//! `…-migration-fleet`: one row per instance, rewritten by its heartbeat. Displays read this, not the whole progress.

use crate::model::{InstanceId, InstanceReport};
use crate::state::rows::{self, Condition, Key, Row, Select, Value, Written, stamp};
use crate::state::{Error, Store};

/// State of an instance that `setup` gave work to and that never ran.
const ASSIGNED: &str = "assigned";

fn row(report: &InstanceReport) -> Row {
    Row::new()
        .with("updatedAt", stamp(report.heartbeat_at))
        .with("state", report.state.as_str())
        .with("report", Value::of(report))
}

fn key(instance: &InstanceId) -> Key {
    Key::one("instanceId", instance.as_str())
}

impl Store {
    /// Writes what an instance says of itself. A row of another run of the same instance is replaced only if that one
    /// began earlier: an old process that thaws does not cover a new one.
    pub async fn report(&self, report: &InstanceReport) -> Result<bool, Error> {
        let row = row(report)
            .with("run", report.run.as_str())
            .with("startedAt", stamp(report.started_at));
        let newest = Condition::Any(vec![
            Condition::Absent("startedAt"),
            Condition::Equals("run", report.run.as_str().into()),
            Condition::Below("startedAt", stamp(report.started_at).into()),
        ]);
        let written = self
            .rows
            .put(
                &self.config.tables.fleet,
                &key(&report.instance),
                row,
                newest,
            )
            .await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Notes what `setup` gave to an instance. The row of an instance that ran is left alone, unless it is still as it
    /// was `seen`, of a run that is known to be over.
    pub async fn note_assigned(
        &self,
        report: &InstanceReport,
        seen: Option<&InstanceReport>,
    ) -> Result<bool, Error> {
        let report = InstanceReport {
            state: ASSIGNED.to_owned(),
            ..report.clone()
        };
        let mut fresh = vec![
            Condition::Absent("state"),
            Condition::Equals("state", ASSIGNED.into()),
        ];
        if let Some(seen) = seen {
            fresh.push(Condition::All(vec![
                Condition::Equals("run", seen.run.as_str().into()),
                Condition::Equals("updatedAt", stamp(seen.heartbeat_at).into()),
            ]));
        }
        let written = self
            .rows
            .put(
                &self.config.tables.fleet,
                &key(&report.instance),
                row(&report),
                Condition::Any(fresh),
            )
            .await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Forgets what `setup` gave to an instance that never ran and that a new plan has not.
    pub async fn forget_assigned(&self, instance: &InstanceId) -> Result<(), Error> {
        let assigned = Condition::Equals("state", ASSIGNED.into());
        let table = &self.config.tables.fleet;
        self.rows.delete(table, &key(instance), assigned).await?;
        Ok(())
    }

    /// Every instance, by name; numbers in their order. Rows that this program cannot read are left out.
    pub async fn fleet(&self) -> Result<Vec<InstanceReport>, Error> {
        let rows = rows::all(&*self.rows, &self.config.tables.fleet, &Select::default()).await?;
        let mut reports: Vec<InstanceReport> = rows
            .iter()
            .filter_map(|row| row.get("report")?.read())
            .collect();
        reports.sort_by_key(|report| {
            (
                report.instance.as_str().parse::<u32>().unwrap_or(u32::MAX),
                report.instance.clone(),
            )
        });
        Ok(reports)
    }
}
