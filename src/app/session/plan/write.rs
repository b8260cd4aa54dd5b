//! Writes a plan: rows of units, what each instance was given, and at last that it is in force. Written again, it comes
//! out the same.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::stream::{self, TryStreamExt as _};

use super::change::{Change, Standing, shares};
use crate::app::{CommandError, Kind};
use crate::model::{
    Counts, InstanceId, InstanceReport, MigrationName, PlanSummary, RunId, ShareSize,
    StateIdentity, Unit, UnitId, UnixMillis, Vocabulary,
};
use crate::monitor::is_alive;
use crate::plan::{self, Plan};
use crate::state::rows::stamp;
use crate::state::{StateError, Store};

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// Who makes a plan, when and with which flags.
#[derive(Debug, Clone, Default)]
pub struct PlanBy {
    /// When.
    pub at: UnixMillis,
    /// Who, as `user@host`.
    pub who: String,
    /// The flags that shaped it.
    pub shaped_by: String,
}

/// A plan, and what stands before anything of it is written.
pub(in crate::app) struct NewPlan<'a> {
    pub(in crate::app) plan: &'a Plan,
    pub(in crate::app) summary: PlanSummary,
    standing: &'a Standing,
    words: &'a Vocabulary,
}

impl<'a> NewPlan<'a> {
    /// A plan for the tables of `state`.
    pub(in crate::app) fn of(
        plan: &'a Plan,
        standing: &'a Standing,
        (state, words): (&StateIdentity, &'a Vocabulary),
        by: PlanBy,
    ) -> Self {
        let size = |share: &plan::Share| ShareSize {
            owners: share.portions.len() as u64,
            units: share.units(),
            items: share.items(),
        };
        let summary = PlanSummary {
            id: plan::identify(plan, state, words),
            made_at: by.at,
            made_by: by.who,
            shaped_by: by.shaped_by,
            owners: plan.owners(),
            units: plan.shares.iter().map(plan::Share::units).sum(),
            items: plan.shares.iter().map(plan::Share::items).sum(),
            shares: plan.shares.iter().map(size).collect(),
        };
        Self {
            plan,
            summary,
            standing,
            words,
        }
    }

    /// How it differs from what the tables hold.
    pub(in crate::app) fn change(&self) -> Change<'_> {
        Change::of(self.standing, self.plan, &self.summary, self.words)
    }

    /// Writes the rows of all units, some at once; `go_on` says before each whether to stop.
    ///
    /// # Errors
    /// What `go_on` says, and those of the table.
    pub(in crate::app) async fn write_units(
        &self,
        store: &Store,
        go_on: impl Fn() -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let go_on = &go_on;
        let units = stream::iter(shares(self.plan).map(Ok::<_, CommandError>));
        let write = |unit| async move {
            go_on()?;
            let written = self.write_unit(store, unit).await;
            written.map_err(|error| CommandError::of_state(&error))
        };
        units.try_for_each_concurrent(AT_ONCE, write).await
    }

    /// Makes the row of a unit, or says in the row that is there whose it is now, and how much there is to do if nobody has
    /// begun it.
    async fn write_unit(
        &self,
        store: &Store,
        (instance, id, items): (InstanceId, UnitId, u64),
    ) -> Result<(), StateError> {
        let row = self.standing.progress.get(&id);
        let unit = Unit {
            id,
            planned: Some(items),
        };
        if let Some(row) = row {
            // What was begun counts its items itself.
            let counts = row.epoch.0 > 0 || row.progress.counts.planned == items;
            if row.assigned.as_ref() == Some(&instance) && counts {
                return Ok(());
            }
        } else if store.plan_unit(&unit, &instance).await? {
            return Ok(());
        }
        store.assign_unit(&unit, &instance).await
    }

    /// Shows what each instance was given; those that run show themselves.
    pub(in crate::app) async fn write_fleet(&self, store: &Store) -> Result<(), CommandError> {
        let writing = async {
            let reports = reports(self, &store.config().namespace.migration);
            let made = &self.summary;
            for report in &reports {
                let is_over = |seen: &&InstanceReport| {
                    seen.instance == report.instance
                        && !is_alive(seen, made.made_at)
                        && seen.plan.as_ref() != Some(&made.id)
                };
                let seen = self.standing.fleet.iter().filter(is_over);
                let over: Vec<InstanceReport> = seen.cloned().collect();
                store.note_assigned(report, &over).await?;
            }
            for seen in &self.standing.fleet {
                if !reports
                    .iter()
                    .any(|report| report.instance == seen.instance)
                {
                    store.forget_assigned(&seen.instance).await?;
                }
            }
            Ok(())
        };
        writing
            .await
            .map_err(|error: StateError| CommandError::of_state(&error))
    }

    /// Puts the plan in force. Of two at the same time the later one is refused.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if another setup replaced the plan since the standing one was read; those of the table.
    pub(in crate::app) async fn put_in_force(&self, store: &Store) -> Result<(), CommandError> {
        let plan = &self.summary;
        let other = store
            .put_plan_in_force(plan, self.standing.plan.as_ref())
            .await;
        let Some(other) = other.map_err(|error| CommandError::of_state(&error))? else {
            return Ok(());
        };
        Err(CommandError::new(
            Kind::Mismatch,
            format!("put plan {} in force", plan.id.short()),
            format!(
                "another setup replaced the plan while this one ran: {}, made {} by {}",
                other.line(self.words),
                stamp(other.made_at),
                other.made_by
            ),
            "agree on one plan and run its setup again; this one wrote no files",
        ))
    }
}

/// What displays show of an instance until it runs: its share, and how far the rows say that it is.
fn reports(made: &NewPlan<'_>, migration: &MigrationName) -> Vec<InstanceReport> {
    let (plan, id, standing) = (made.plan, &made.summary.id, made.standing);
    let report = |instance: u32| InstanceReport {
        instance: InstanceId::number(instance),
        folder: None,
        run: RunId::new(""),
        migration: migration.clone(),
        host: String::new(),
        pid: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: Some(id.clone()),
        started_at: UnixMillis::ZERO,
        heartbeat_at: UnixMillis::ZERO,
        state: String::new(),
        note: None,
        counts: Counts::default(),
        reasons: BTreeMap::new(),
        helped: BTreeMap::new(),
        elsewhere: Counts::default(),
        units_planned: 0,
        units_ended: 0,
        in_flight: 0,
        items_per_minute: 0.0,
        concurrency: 0,
        rate: None,
        throttles: Vec::new(),
        warnings: Vec::new(),
    };
    let numbers = (1..).zip(&plan.shares).map(|(number, _)| number);
    let mut reports: BTreeMap<InstanceId, InstanceReport> = numbers
        .map(|number| (InstanceId::number(number), report(number)))
        .collect();
    for (instance, unit, items) in shares(plan) {
        let Some(report) = reports.get_mut(&instance) else {
            continue;
        };
        report.units_planned += 1;
        let Some(row) = standing.progress.get(&unit) else {
            report.counts = report.counts.plus(&Counts::planned(items));
            continue;
        };
        report.units_ended += u64::from(row.progress.status.is_ended());
        report.counts = report.counts.plus(&row.progress.counts);
        for (reason, number) in &row.progress.reasons {
            *report.reasons.entry(*reason).or_default() += number;
        }
    }
    reports.into_values().collect()
}
