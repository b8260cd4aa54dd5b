//! Rows and files of a plan. Written again, they come out the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::count::stopped;
use super::parts::Parts;
use crate::app::session::NewPlan;
use crate::app::{CommandError, Kind, Stop};
use crate::config::CustomersFile;
use crate::migrations::uploads::plan::{
    Entry, Head, Totals, customers_file, customers_file_instance, customers_file_name,
};
use crate::migrations::uploads::{Assignment, CustomerTables, Placed};
use crate::model::{Belongs, InstanceId, StateIdentity};
use crate::monitor::count;
use crate::plan::{Portion, Share};
use crate::proto::CustomerDid;
use crate::runtime::StopLevel;
use crate::state::files::write_atomic;
use crate::state::{StateError, Store};

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// A plan whose rows are written.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) store: &'a Store,
    pub(super) plan: &'a NewPlan<'a>,
    pub(super) stop: &'a Stop,
}

impl Writing<'_> {
    /// Writes progress, customer and fleet rows; gives notes on what was kept.
    pub(super) async fn rows(self, filter: Option<&str>) -> Result<Vec<String>> {
        let trouble = |error: StateError| CommandError::of_state(&error);
        let go_on = || {
            if self.stop.level() > StopLevel::Run {
                Err(stopped(self.stop, 0))
            } else {
                Ok(())
            }
        };
        self.plan.write_units(self.store, go_on).await?;
        let tables = &CustomerTables::of(self.store);
        let assign = |assignment: Assignment| async move {
            go_on()?;
            tables.assign(&assignment).await.map_err(trouble)
        };
        let placed = stream::iter(assignments(self.plan, filter))
            .map(assign)
            .buffer_unordered(AT_ONCE);
        let placed: Vec<Placed> = placed.boxed().try_collect().await?;
        self.plan.write_fleet(self.store).await?;
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
}

/// One per customer, for the instance with its largest part.
fn assignments(plan: &NewPlan<'_>, filter: Option<&str>) -> Vec<Assignment> {
    let mut found = BTreeMap::<CustomerDid, (u64, Assignment)>::new();
    for (instance, share) in (1..).zip(&plan.plan.shares) {
        for portion in &share.portions {
            // Whoever was counted has such a name.
            let Ok(customer) = portion.owner.parse::<CustomerDid>() else {
                continue;
            };
            let (largest, assignment) = found.entry(customer.clone()).or_insert_with(|| {
                let assignment = Assignment {
                    customer,
                    plan: plan.summary.id.clone(),
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

/// Refuses a folder with customers files of another environment or other tables: they would be written over.
pub(super) fn refuse_foreign(dir: &Path, state: &StateIdentity) -> Result<(), CommandError> {
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
            return Err(CommandError::new(
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
    plan: &NewPlan<'_>,
    workers: Option<u32>,
    notes: &mut Vec<String>,
) -> Result<Vec<PathBuf>> {
    let dir = &parts.dir;
    let mut paths = Vec::new();
    for (instance, share) in (1..).zip(&plan.plan.shares) {
        let path = dir.join(customers_file_name(instance));
        let head = Head {
            plan: &plan.summary.id,
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
