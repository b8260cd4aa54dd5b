//! Plans a rollback: what is undone, and what stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{EngineError, Migration, RunParts, Step, UnitStep};
use crate::model::{
    JournalId, JournalTrace, RunId, Status, StepName, StepState, Undo, UnitId, UnitProgress,
};
use crate::state;
use crate::state::ProgressRow;
use crate::state::files::Scratch;

use super::effects::{
    Available, EffectFilter, EffectIndex, Entry, KnownRun, LineFilter, List, Missing, Read, Things,
    journals,
};
use super::plan::{Plan, UndoPlan, UnitPlan};
use super::targets::{Targets, Within};

/// Reads journals and rows. Changes nothing except temporary files in the state folder, which are removed with the
/// plan.
///
/// # Errors
/// Those of journals, tables and probes; journals of another version or environment.
pub async fn plan_undo<M: Migration>(
    parts: &RunParts<M>,
    within: &Within,
) -> Result<UndoPlan, EngineError> {
    let mut read = {
        let (state, within) = (parts.store.config().clone(), within.clone());
        let steps = parts.migration.steps().into_iter();
        let chosen = Chosen {
            targets: Targets::of(&within),
            steps: steps.map(|step| (step.name(), step)).collect(),
            within,
        };
        blocking(parts, move || read(&state, &chosen)).await?
    };
    let (mut undo_plan, list) = of_journals(within, &mut read);
    let mut rows = Rows {
        parts,
        within,
        targets: Targets::of(within),
        unit_steps: parts.migration.unit_steps(),
        available: read.available,
        of_run: read.of_run,
        undo_plan: &mut undo_plan,
        list,
        missing: Missing::default(),
        seen: BTreeSet::new(),
    };
    rows.all().await?;
    rows.unleased().await?;
    rows.steps();
    rows.owners().await?;
    let Rows {
        list,
        missing,
        seen,
        ..
    } = rows;
    let known = seen.iter().chain(undo_plan.plan.units.keys());
    undo_plan.unknown = Targets::without(within, known);
    undo_plan.missing = missing.all();
    undo_plan.plan.units.retain(|_, plan| !plan.is_empty());
    undo_plan.units = undo_plan.plan.units.len() as u64;
    undo_plan.listed = list.sorted();
    Ok(undo_plan)
}

/// The plan by the journals alone.
fn of_journals(within: &Within, read: &mut Journals) -> (UndoPlan, List) {
    let units = std::mem::take(&mut read.index.units);
    let index = read.index.clone();
    let undo_plan = UndoPlan {
        listed: Vec::new(),
        units: 0,
        unaccounted: Vec::new(),
        missing: Vec::new(),
        unknown: Vec::new(),
        knows_run: read.knows_run,
        journals: std::mem::take(&mut read.paths),
        runs: std::mem::take(&mut read.runs),
        leased: BTreeMap::new(),
        shares: BTreeSet::new(),
        plan: Plan {
            owners: within.whole_owners(),
            told: BTreeSet::new(),
            incomplete: BTreeSet::new(),
            dead: BTreeMap::new(),
            things: std::mem::take(&mut read.things),
            units: units
                .into_iter()
                .map(|(unit, effects)| {
                    let begun = false;
                    (unit, UnitPlan { effects, begun })
                })
                .collect(),
            index,
        },
    };
    (undo_plan, std::mem::take(&mut read.list))
}

/// The scope, for reading the journals.
struct Chosen<M: Migration> {
    within: Within,
    targets: Targets,
    steps: BTreeMap<StepName, Arc<dyn Step<M>>>,
}

impl<M: Migration> EffectFilter for Chosen<M> {
    fn takes(&self, unit: &UnitId) -> bool {
        self.targets.takes(unit)
    }

    fn run(&self) -> Option<&RunId> {
        self.within.run.as_ref()
    }

    fn step(&self, step: &StepName) -> (bool, &'static str) {
        match self.steps.get(step) {
            Some(step) => (step.undo().is_some(), step.residue()),
            None => (false, "the step is no longer known"),
        }
    }

    fn thing(&self, entry: &Entry) -> Option<String> {
        let undo = self.steps.get(&entry.step)?.undo()?;
        let effect = entry.effect.as_ref()?;
        // What stays is not shared.
        (effect.undo == Undo::Possible).then_some(())?;
        undo.shared(&entry.unit, effect)
    }
}

/// The content of the journals.
struct Journals {
    index: EffectIndex,
    things: Things,
    list: List,
    available: Available,
    /// The journal of the requested run.
    of_run: Option<JournalId>,
    knows_run: bool,
    runs: Vec<KnownRun>,
    paths: Vec<PathBuf>,
}

fn read<M: Migration>(state: &state::Config, chosen: &Chosen<M>) -> Result<Journals, EngineError> {
    let within = &chosen.within;
    let paths = journals(state, &within.journals)?;
    let scratch = Arc::new(Scratch::below(&state.dir)?);
    let wanted = LineFilter {
        run: within.run.as_ref(),
        state: within.state.as_ref(),
    };
    let takes = |entry: &Entry| chosen.takes(&entry.unit) || chosen.thing(entry).is_some();
    let mut read = Read::all(&paths, wanted, &scratch, takes)?;
    let runs = read.known_runs();
    let chains = std::mem::take(&mut read.chains);
    let of_run = within.run.as_ref().and_then(|run| chains.journal_of(run));
    let available = Available(chains.by_journal());
    let (knows_run, mut list) = (read.knows_run, List::default());
    let (index, things) = EffectIndex::of(read, chosen, &scratch, &mut list)?;
    Ok(Journals {
        index,
        things,
        list,
        available,
        of_run,
        knows_run,
        runs,
        paths,
    })
}

/// Reads the rows and completes the plan.
struct Rows<'a, M: Migration> {
    parts: &'a RunParts<M>,
    within: &'a Within,
    targets: Targets,
    unit_steps: Vec<Arc<dyn UnitStep>>,
    available: Available,
    of_run: Option<JournalId>,
    undo_plan: &'a mut UndoPlan,
    list: List,
    missing: Missing,
    /// Units whose rows were read.
    seen: BTreeSet<UnitId>,
}

impl<M: Migration> Rows<'_, M> {
    /// Reads the rows of the requested units, or of those with something to undo.
    async fn all(&mut self) -> Result<(), EngineError> {
        let store = self.parts.store.clone();
        let within = self.within;
        for (owner, name) in &within.units {
            let found = match (owner, name) {
                (Some(owner), Some(name)) => {
                    let unit = UnitId::new(owner.as_str(), name.as_str());
                    let row = store.progress_row(&unit).await;
                    row.map(|row| row.into_iter().collect())
                }
                (Some(owner), None) => store.progress_of(owner).await,
                (None, name) => store.progress_where(name.as_deref(), None).await,
            };
            for row in found.map_err(EngineError::State)? {
                self.row(row).await?;
            }
        }
        if within.units.is_empty() {
            let units: Vec<UnitId> = self.undo_plan.plan.units.keys().cloned().collect();
            for unit in units {
                let row = store
                    .progress_row(&unit)
                    .await
                    .map_err(EngineError::State)?;
                if let Some(row) = row {
                    self.row(row).await?;
                }
            }
        }
        Ok(())
    }

    async fn row(&mut self, row: ProgressRow) -> Result<(), EngineError> {
        let unit = row.progress.unit.clone();
        if !self.targets.takes(&unit) || !self.seen.insert(unit.clone()) {
            return Ok(());
        }
        self.holders(&row).await?;
        let (undo_plan, whole) = (&mut *self.undo_plan, self.within.run.is_none());
        if whole && row.progress.round > 0 {
            undo_plan.plan.told.insert(unit.owner.to_string());
            let plan = undo_plan.plan.units.entry(unit.clone()).or_default();
            plan.begun = half_back(&row);
        }
        let progress = &row.progress;
        let known = undo_plan.plan.units.get(&unit);
        let known = known.map_or(0, |plan| plan.effects.items);
        let migrated = progress.counts.done - progress.counts.found.min(progress.counts.done);
        let lacks = migrated.saturating_sub(known);
        // The existing tool counts its own work, and has no journal.
        if whole && lacks > 0 && row.legacy_completed.is_none() {
            undo_plan.unaccounted.push((unit.clone(), lacks));
            undo_plan.plan.incomplete.insert(unit.clone());
        }
        for (journal, trace) in &progress.journals {
            self.gaps(&unit, journal, *trace);
        }
        for step in &self.unit_steps {
            let plan = self.undo_plan.plan.units.get(&unit);
            let of_run = plan.is_some_and(|plan| plan.effects.steps.contains(&step.name()));
            if (!whole && !of_run) || !made(progress, &**step) {
                continue;
            }
            let undone = step.undo().is_some() && !self.undo_plan.plan.incomplete.contains(&unit);
            self.list
                .count(step.name().as_str(), undone, step.residue());
            if undone {
                let plan = self.undo_plan.plan.units.entry(unit.clone()).or_default();
                plan.effects.steps.insert(step.name());
            }
        }
        Ok(())
    }

    /// Records who holds the unit or its parts, and which instances have a share in it.
    async fn holders(&mut self, row: &ProgressRow) -> Result<(), EngineError> {
        let progress = &row.progress;
        let share = row.assigned.iter().chain(&row.instance).cloned();
        self.undo_plan.shares.extend(share);
        self.hold(row);
        let Some(split) = progress.open_split() else {
            return Ok(());
        };
        let parts = self.parts.store.parts(&progress.unit, split.cut).await;
        for part in parts.map_err(EngineError::State)? {
            self.hold(&part);
            for (journal, trace) in &part.progress.journals {
                self.gaps(&progress.unit, journal, *trace);
            }
        }
        Ok(())
    }

    fn hold(&mut self, row: &ProgressRow) {
        if let Some(lease) = row.lease.clone() {
            let unit = row.progress.unit.clone();
            self.undo_plan.leased.insert(unit, lease.into());
        }
    }

    /// Reads which journals hold effects made without leases.
    async fn unleased(&mut self) -> Result<(), EngineError> {
        let traces = self
            .parts
            .store
            .unleased()
            .await
            .map_err(EngineError::State)?;
        for (journal, unit) in traces {
            if self.targets.takes(&unit) {
                let trace = JournalTrace {
                    lines: 0,
                    open: true,
                };
                self.gaps(&unit, &journal, trace);
            }
        }
        Ok(())
    }

    /// Records that a unit needs a journal, if it is incomplete.
    fn gaps(&mut self, unit: &UnitId, journal: &JournalId, trace: JournalTrace) {
        // For one run only its own journal matters.
        if self.within.run.is_some() && self.of_run.as_ref() != Some(journal) {
            return;
        }
        if let Some(lack) = self.available.lack(journal, trace) {
            self.missing.note(journal, lack, trace);
            self.undo_plan.plan.incomplete.insert(unit.clone());
        }
    }

    /// Keeps steps that can be undone. Steps of a unit with unknown effects stay.
    fn steps(&mut self) {
        let undoable = self.unit_steps.iter().filter(|step| step.undo().is_some());
        let undoable: BTreeSet<StepName> = undoable.map(|step| step.name()).collect();
        let Plan {
            units, incomplete, ..
        } = &mut self.undo_plan.plan;
        for (unit, plan) in units {
            let whole = !incomplete.contains(unit);
            plan.effects
                .steps
                .retain(|step| whole && undoable.contains(step));
        }
    }

    /// Lists effects on owners. They are undone only if all effects on their units are known.
    async fn owners(&mut self) -> Result<(), EngineError> {
        let plan = &mut self.undo_plan.plan;
        let Some(effects) = self.parts.migration.owner_effects() else {
            return Ok(());
        };
        let unknown: BTreeSet<&str> = plan.incomplete.iter().map(|unit| &*unit.owner).collect();
        for owner in &plan.owners {
            let standing = effects.existing(owner).await.map_err(EngineError::Failed)?;
            for effect in standing {
                let possible = effect.undo == Undo::Possible;
                let undone = possible && !unknown.contains(owner.as_str());
                let leaves = if possible && !undone {
                    "it stays as long as journals are missing"
                } else {
                    effects.residue(&effect.kind)
                };
                self.list.count(&effect.kind, undone, leaves);
            }
        }
        plan.owners
            .retain(|owner| !unknown.contains(owner.as_str()));
        Ok(())
    }
}

/// Whether a rollback leased the unit and did not release it. A unit that is migrated again looks the same until its
/// first item is settled, but then it is held.
fn half_back(row: &ProgressRow) -> bool {
    let progress = &row.progress;
    let open = progress.status == Status::InProgress || row.lease.is_some();
    open && progress.counts.settled() == 0 && progress.cursor.is_none()
}

/// Whether a step of a unit was made, or may have been.
pub(super) fn made(progress: &UnitProgress, step: &dyn UnitStep) -> bool {
    matches!(
        progress.steps.get(&step.name()).map(|record| &record.state),
        Some(StepState::Applied(_) | StepState::Started)
    )
}

async fn blocking<M: Migration, T: Send + 'static>(
    parts: &RunParts<M>,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let done = parts.tasks.blocking(work).await;
    done.unwrap_or_else(|error| Err(EngineError::Journals(std::io::Error::other(error))))
}
