//! What a plan changes: told before it is put in force, and refused where instances are at work on another.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::app::{CommandError, Kind, PlanReport};
use crate::model::{InstanceId, InstanceReport, PlanId, PlanSummary, UnitId, Vocabulary};
use crate::monitor::{PlanLine, is_alive};
use crate::plan::Plan;
use crate::state::rows::stamp;
use crate::state::{ProgressRow, StateError, Store};

/// What the tables hold before anything is written.
pub(in crate::app) struct Standing {
    pub(in crate::app) progress: BTreeMap<UnitId, ProgressRow>,
    pub(super) fleet: Vec<InstanceReport>,
    /// The plan in force.
    pub(super) plan: Option<PlanSummary>,
}

impl Standing {
    pub(in crate::app) async fn read(store: &Store) -> Result<Self> {
        let read = async {
            let progress = store.progress_where(None, None).await?;
            let (fleet, plan) = (store.fleet_rows().await?, store.current_plan().await?);
            Ok((progress, fleet, plan))
        };
        let (progress, fleet, plan) = read
            .await
            .map_err(|error: StateError| CommandError::of_state(&error))?;
        let by_unit = |row: ProgressRow| (row.progress.unit.clone(), row);
        Ok(Self {
            progress: progress.into_iter().map(by_unit).collect(),
            fleet,
            plan,
        })
    }
}

/// Who has what to do in a plan.
pub(super) fn shares(plan: &Plan) -> impl Iterator<Item = (InstanceId, UnitId, u64)> + '_ {
    (1..).zip(&plan.shares).flat_map(move |(instance, share)| {
        let loads = share.portions.iter().flat_map(|portion| &portion.loads);
        loads.map(move |load| (InstanceId::number(instance), load.unit.clone(), load.items))
    })
}

/// The instance that a unit was given to.
fn given_to(row: &ProgressRow) -> Option<&InstanceId> {
    row.assigned.as_ref().or(row.instance.as_ref())
}

/// How a plan differs from what the tables hold.
pub(in crate::app) struct Change<'a> {
    id: PlanId,
    words: &'a Vocabulary,
    replaces: Option<PlanSummary>,
    is_in_force: bool,
    /// Units with work left that another instance had.
    moved: u64,
    /// Units without a row.
    new: u64,
    /// Units with work left that the plan does not have.
    left_out: u64,
    /// Units with work left that instances which run now had, by instance.
    taken_from: BTreeMap<InstanceId, u64>,
}

impl<'a> Change<'a> {
    /// Compares `plan`, which is `made`, with what the tables hold.
    pub(super) fn of(
        standing: &Standing,
        plan: &Plan,
        made: &PlanSummary,
        words: &'a Vocabulary,
    ) -> Self {
        let (id, now) = (&made.id, made.made_at);
        let wanted: BTreeMap<UnitId, InstanceId> = shares(plan)
            .map(|(instance, unit, _)| (unit, instance))
            .collect();
        let mut change = Self {
            id: id.clone(),
            words,
            is_in_force: standing.plan.as_ref().is_some_and(|held| held.id == *id),
            replaces: standing.plan.clone().filter(|held| held.id != *id),
            moved: 0,
            new: wanted
                .keys()
                .filter(|unit| !standing.progress.contains_key(*unit))
                .count() as u64,
            left_out: 0,
            taken_from: BTreeMap::new(),
        };
        let open = |row: &&ProgressRow| !row.progress.status.is_ended();
        for row in standing.progress.values().filter(open) {
            let Some(before) = given_to(row) else {
                continue;
            };
            let after = wanted.get(&row.progress.unit);
            if after == Some(before) {
                continue;
            }
            match after {
                Some(_) => change.moved += 1,
                // What no plan of ours gave out is not taken out either.
                None if row.assigned.is_some() => change.left_out += 1,
                None => continue,
            }
            let mut fleet = standing.fleet.iter();
            if fleet.any(|report| report.instance == *before && is_alive(report, now)) {
                *change.taken_from.entry(before.clone()).or_default() += 1;
            }
        }
        change
    }

    /// Whether the plan is in force already.
    pub(in crate::app) fn is_in_force(&self) -> bool {
        self.is_in_force
    }

    /// Refuses to take work from instances that run; `instead` says what else the operator may do.
    ///
    /// # Errors
    /// [`Kind::Mismatch`], with what each instance would lose.
    pub(in crate::app) fn refuse_taking(&self, instead: &str) -> Result<(), CommandError> {
        if self.is_in_force || self.taken_from.is_empty() {
            return Ok(());
        }
        let mut what = format!(
            "replace the plan by {}: running instances would lose {}",
            self.id.short(),
            self.words.unit.many
        );
        for (instance, units) in &self.taken_from {
            let _ = write!(
                what,
                "\n  instance {instance}: {} with work left",
                self.words.unit.count(*units)
            );
        }
        let cause = match &self.replaces {
            Some(held) => format!(
                "they work on another plan: {}, made {} by {}",
                held.line(self.words),
                stamp(held.made_at),
                held.made_by
            ),
            None => format!(
                "they were started without a plan, on {} that this plan assigns",
                self.words.unit.many
            ),
        };
        Err(CommandError::new(
            Kind::Mismatch,
            what,
            cause,
            format!(
                "drain them with `sterna ctl drain --why 'new plan'`, run this again, then `sterna ctl resume`{instead}. \
                 Nothing was changed"
            ),
        ))
    }

    /// The change as it is reported.
    pub(in crate::app) fn report(&self) -> PlanReport {
        PlanReport {
            id: self.id.to_string(),
            was_in_force: self.is_in_force,
            replaces: self.replaces.as_ref().map(PlanLine::of),
            units_moved: self.moved,
            units_new: self.new,
            units_left_out: self.left_out,
        }
    }
}
