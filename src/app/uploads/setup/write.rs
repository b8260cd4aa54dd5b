//! Rows and files of a plan. Written again, they come out the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::change::shares;
use super::count::stopped;
use super::{Made, Parts};
use crate::app::{Kind, Stop, Trouble};
use crate::config::CustomersFile;
use crate::migrations::uploads::plan::{
    Entry, Head, Totals, customers_file, customers_file_instance, customers_file_name,
};
use crate::migrations::uploads::{Assignment, CustomerTables, NAME, Placed};
use crate::model::{
    Belongs, Counts, CustomerDid, InstanceId, InstanceReport, MigrationName, RunId, StateIdentity,
    Unit, UnitId,
};
use crate::monitor::{count, is_alive};
use crate::plan::{Portion, Share};
use crate::runtime::Degree;
use crate::state::files::write_atomic;
use crate::state::{Error, Store};

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// A plan whose rows are written.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) store: &'a Store,
    pub(super) made: &'a Made<'a>,
    pub(super) stop: &'a Stop,
}

impl Writing<'_> {
    /// Writes progress, customer and fleet rows; gives notes on what was kept.
    pub(super) async fn rows(self, filter: Option<&str>) -> Result<Vec<String>> {
        let trouble = |error: Error| Trouble::of_state(&error);
        let go_on = || {
            if self.stop.degree() > Degree::Run {
                Err(stopped(self.stop, 0))
            } else {
                Ok(())
            }
        };
        let write_unit = |(instance, id, uploads): (InstanceId, UnitId, u64)| async move {
            go_on()?;
            self.unit(instance, id, uploads).await.map_err(trouble)
        };
        stream::iter(shares(self.made.plan).map(Ok::<_, Trouble>))
            .try_for_each_concurrent(AT_ONCE, write_unit)
            .await?;
        let tables = &CustomerTables::of(self.store);
        let assign = |assignment: Assignment| async move {
            go_on()?;
            tables.assign(&assignment).await.map_err(trouble)
        };
        let placed = stream::iter(assignments(self.made, filter))
            .map(assign)
            .buffer_unordered(AT_ONCE);
        let placed: Vec<Placed> = placed.boxed().try_collect().await?;
        self.fleet().await.map_err(trouble)?;
        let mut kept = BTreeMap::<String, u64>::new();
        for placed in placed {
            if let Placed::Kept(status) = placed {
                *kept.entry(status).or_default() += 1;
            }
        }
        Ok(kept
            .into_iter()
            .map(|(status, number)| {
                let words = if number == 1 {
                    format!("is {status} and was left as it is")
                } else {
                    format!("are {status} and were left as they are")
                };
                format!("{} {words}", count(number, "customer"))
            })
            .collect())
    }

    /// Makes the row of a unit, or says in the row that is there whose it is now, and how much there is to do if nobody has
    /// begun it.
    async fn unit(self, instance: InstanceId, id: UnitId, uploads: u64) -> Result<(), Error> {
        let row = self.made.standing.progress.get(&id);
        let unit = Unit {
            id,
            planned: Some(uploads),
        };
        if let Some(row) = row {
            // What was begun counts its uploads itself.
            let counts = row.epoch.0 > 0 || row.progress.counts.planned == uploads;
            if row.assigned.as_ref() == Some(&instance) && counts {
                return Ok(());
            }
        } else if self.store.plan_unit(&unit, &instance).await? {
            return Ok(());
        }
        self.store.assign_unit(&unit, &instance).await
    }

    /// Shows what each instance was given; those that run show themselves.
    async fn fleet(self) -> Result<(), Error> {
        let reports = reports(self.made);
        let made = &self.made.summary;
        for report in &reports {
            let is_over = |seen: &&InstanceReport| {
                seen.instance == report.instance
                    && !is_alive(seen, made.made_at)
                    && seen.plan.as_ref() != Some(&made.id)
            };
            let seen = self.made.standing.fleet.iter().filter(is_over);
            let over: Vec<InstanceReport> = seen.cloned().collect();
            self.store.note_assigned(report, &over).await?;
        }
        for seen in &self.made.standing.fleet {
            if !reports
                .iter()
                .any(|report| report.instance == seen.instance)
            {
                self.store.forget_assigned(&seen.instance).await?;
            }
        }
        Ok(())
    }
}

/// One per customer, for the instance with its largest part.
fn assignments(made: &Made<'_>, filter: Option<&str>) -> Vec<Assignment> {
    let mut found = BTreeMap::<CustomerDid, (u64, Assignment)>::new();
    for (instance, share) in (1..).zip(&made.plan.shares) {
        for portion in &share.portions {
            // Whoever was counted has such a name.
            let Ok(customer) = portion.owner.parse::<CustomerDid>() else {
                continue;
            };
            let (largest, assignment) = found.entry(customer.clone()).or_insert_with(|| {
                let assignment = Assignment {
                    customer,
                    plan: made.summary.id.clone(),
                    instance: InstanceId::number(instance),
                    instances: Vec::new(),
                    spaces: 0,
                    uploads: 0,
                    filter: filter.map(str::to_owned),
                };
                (0, assignment)
            });
            assignment.instances.push(InstanceId::number(instance));
            assignment.spaces += portion.loads.len() as u64;
            assignment.uploads += portion.items();
            if portion.items() > *largest {
                *largest = portion.items();
                assignment.instance = InstanceId::number(instance);
            }
        }
    }
    found
        .into_values()
        .map(|(_, assignment)| assignment)
        .collect()
}

/// What displays show of an instance until it runs: its share, and how far the rows say that it is.
fn reports(made: &Made<'_>) -> Vec<InstanceReport> {
    let (plan, id, standing) = (made.plan, &made.summary.id, made.standing);
    let report = |instance: u32| InstanceReport {
        instance: InstanceId::number(instance),
        folder: None,
        run: RunId::new(""),
        migration: MigrationName::new(NAME),
        host: String::new(),
        pid: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: Some(id.clone()),
        started_at: 0,
        heartbeat_at: 0,
        state: String::new(),
        note: None,
        counts: Counts::default(),
        reasons: BTreeMap::new(),
        helped: BTreeMap::new(),
        elsewhere: Counts::default(),
        units_planned: 0,
        units_settled: 0,
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
    for (instance, unit, uploads) in shares(plan) {
        let Some(report) = reports.get_mut(&instance) else {
            continue;
        };
        report.units_planned += 1;
        let Some(row) = standing.progress.get(&unit) else {
            report.counts = report.counts.plus(&Counts::planned(uploads));
            continue;
        };
        report.units_settled += u64::from(row.progress.status.is_ended());
        report.counts = report.counts.plus(&row.progress.counts);
        for (reason, number) in &row.progress.reasons {
            *report.reasons.entry(*reason).or_default() += number;
        }
    }
    reports.into_values().collect()
}

/// Refuses a folder with customers files of another environment or other tables: they would be written over.
pub(super) fn refuse_foreign(dir: &Path, state: &StateIdentity) -> Result<(), Trouble> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Ok(());
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.and_then(customers_file_instance).is_none() {
            continue;
        }
        if let Some(found) =
            CustomersFile::state_of(&path).filter(|found| state.judge(found) == Belongs::Elsewhere)
        {
            return Err(Trouble::new(
                Kind::Mismatch,
                format!("write customers files to {}", dir.display()),
                format!(
                    "{} belongs to other tables: {found}; this setup works on {state}",
                    path.display()
                ),
                "check --env, or use another --state-dir; if those tables are gone, move the file away; nothing was changed",
            ));
        }
    }
    Ok(())
}

/// Writes one customers file per instance, and removes those of instances beyond the plan: each space stands in exactly
/// one file.
pub(super) fn files<C>(
    parts: &Parts<C>,
    made: &Made<'_>,
    workers: Option<u32>,
    notes: &mut Vec<String>,
) -> Result<Vec<PathBuf>> {
    let dir = &parts.dir;
    let mut paths = Vec::new();
    for (instance, share) in (1..).zip(&made.plan.shares) {
        let path = dir.join(customers_file_name(instance));
        let head = Head {
            plan: &made.summary.id,
            state: &parts.state,
            instance,
            workers,
        };
        write_atomic(&path, file_of(head, share).as_bytes())
            .with_context(|| format!("write {}", path.display()))?;
        paths.push(path);
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| customers_file_instance(name.to_str()?));
        if number.is_some_and(|number| number as usize > paths.len()) {
            std::fs::remove_file(&path)?;
            notes.push(format!(
                "{} belonged to an earlier plan with more instances and was removed",
                path.display()
            ));
        }
    }
    Ok(paths)
}

/// The customers file of a share.
fn file_of(head: Head<'_>, share: &Share) -> String {
    fn entry(portion: &Portion) -> Entry<'_> {
        if portion.part {
            Entry::Part {
                customer: &portion.owner,
                spaces: portion.loads.iter().map(|load| &*load.unit.name).collect(),
            }
        } else {
            Entry::Whole(&portion.owner)
        }
    }
    let totals = Totals {
        customers: share.portions.len(),
        spaces: share.units(),
        uploads: share.items(),
    };
    customers_file(head, totals, share.portions.iter().map(entry).collect())
}
