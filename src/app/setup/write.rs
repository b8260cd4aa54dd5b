//! Rows and files of a plan. Written again, they come out the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::count::stopped;
use crate::app::{Stop, Trouble};
use crate::model::{
    Counts, CustomerDid, InstanceId, InstanceReport, MigrationName, RunId, Unit, UnitId,
};
use crate::plan::{self, Plan};
use crate::runtime::Degree;
use crate::state::files::write_atomic;
use crate::state::{Assignment, Error, Placed, Store};

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// Writes progress, customer and fleet rows; gives notes on what was kept.
pub(super) async fn rows(
    store: &Store,
    plan: &Plan,
    filter: Option<&str>,
    stop: &Stop,
) -> Result<Vec<String>> {
    let trouble = |error: Error| Trouble::of_state(&error);
    let go_on = || {
        if stop.degree() > Degree::Run {
            Err(stopped(stop, 0))
        } else {
            Ok(())
        }
    };
    let units = stream::iter(units(plan)).map(Ok::<_, Trouble>);
    let plan_unit = |(instance, unit): (InstanceId, Unit)| async move {
        go_on()?;
        store
            .plan_unit(&unit, &instance)
            .await
            .map(|_| ())
            .map_err(trouble)
    };
    units.try_for_each_concurrent(AT_ONCE, plan_unit).await?;
    let assign = |assignment: Assignment| async move {
        go_on()?;
        store.assign(&assignment).await.map_err(trouble)
    };
    let placed = stream::iter(assignments(plan, filter))
        .map(assign)
        .buffer_unordered(AT_ONCE);
    let placed: Vec<Placed> = placed.boxed().try_collect().await?;
    for report in reports(plan) {
        store.note_assigned(&report).await.map_err(trouble)?;
    }
    let mut kept = BTreeMap::<String, u64>::new();
    for placed in placed {
        if let Placed::Kept(status) = placed {
            *kept.entry(status).or_default() += 1;
        }
    }
    Ok(kept
        .into_iter()
        .map(|(status, number)| {
            format!("{number} customers are {status} and were left as they are")
        })
        .collect())
}

fn units(plan: &Plan) -> Vec<(InstanceId, Unit)> {
    let mut units = Vec::new();
    for (instance, share) in (1..).zip(&plan.shares) {
        for portion in &share.portions {
            let unit = |(space, uploads): &(_, u64)| Unit {
                id: UnitId::space(&portion.customer, space),
                planned: Some(*uploads),
            };
            units.extend(
                portion
                    .spaces
                    .iter()
                    .map(|space| (InstanceId::number(instance), unit(space))),
            );
        }
    }
    units
}

/// One per customer, for the instance with its largest part.
fn assignments(plan: &Plan, filter: Option<&str>) -> Vec<Assignment> {
    let mut found = BTreeMap::<&CustomerDid, (u64, Assignment)>::new();
    for (instance, share) in (1..).zip(&plan.shares) {
        for portion in &share.portions {
            let (largest, assignment) = found.entry(&portion.customer).or_insert_with(|| {
                let assignment = Assignment {
                    customer: portion.customer.clone(),
                    instance: InstanceId::number(instance),
                    spaces: 0,
                    uploads: 0,
                    filter: filter.map(str::to_owned),
                };
                (0, assignment)
            });
            assignment.spaces += portion.spaces.len() as u64;
            assignment.uploads += portion.uploads();
            if portion.uploads() > *largest {
                *largest = portion.uploads();
                assignment.instance = InstanceId::number(instance);
            }
        }
    }
    found
        .into_values()
        .map(|(_, assignment)| assignment)
        .collect()
}

/// What displays show of an instance until it runs.
fn reports(plan: &Plan) -> Vec<InstanceReport> {
    let report = |(instance, share): (u32, &plan::Share)| InstanceReport {
        instance: InstanceId::number(instance),
        run: RunId::new(""),
        migration: MigrationName::new("uploads"),
        host: String::new(),
        pid: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: 0,
        heartbeat_at: 0,
        state: String::new(),
        note: None,
        counts: Counts::planned(share.uploads()),
        reasons: BTreeMap::new(),
        helped: BTreeMap::new(),
        elsewhere: Counts::default(),
        units_planned: share.spaces(),
        units_settled: 0,
        in_flight: 0,
        items_per_minute: 0.0,
        concurrency: 0,
        rate: None,
        throttles: Vec::new(),
        warnings: Vec::new(),
    };
    (1..).zip(&plan.shares).map(report).collect()
}

/// Writes one customers file per instance, and removes those of instances beyond the plan: each space stands in exactly
/// one file.
pub(super) fn files(
    dir: &Path,
    plan: &Plan,
    workers: Option<u32>,
    notes: &mut Vec<String>,
) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (instance, share) in (1..).zip(&plan.shares) {
        let path = dir.join(plan::customers_file_name(instance));
        write_atomic(
            &path,
            plan::customers_file(instance, workers, share).as_bytes(),
        )?;
        paths.push(path);
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| plan::customers_file_instance(name.to_str()?));
        if number.is_some_and(|number| number as usize > paths.len()) {
            std::fs::remove_file(&path)?;
            notes.push(format!(
                "{} was of an earlier plan with more instances and was removed",
                path.display()
            ));
        }
    }
    Ok(paths)
}
