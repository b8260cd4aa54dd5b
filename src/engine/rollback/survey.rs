//! What there is to take back, and what stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::{Error, Migration, Parts, Step, UnitStep};
use crate::model::{Effect, ItemId, Status, StepName, StepState, Undo, UnitId, UnitProgress};
use crate::state::ProgressRow;

use super::account::{Account, Made, Wanted, journals};
use super::{Key, KnownRun, Listed, Plan, Survey, Within};

/// Reads journals and rows. Changes nothing.
pub async fn survey<M: Migration>(parts: &Parts<M>, within: &Within) -> Result<Survey, Error> {
    let steps: BTreeMap<StepName, Arc<dyn Step<M>>> = parts
        .migration
        .steps()
        .into_iter()
        .map(|step| (step.name(), step))
        .collect();
    let (dir, more) = (parts.store.config().dir.clone(), within.journals.clone());
    let journals = blocking(parts, move || Ok(journals(&dir, &more)?)).await?;
    let (paths, scope) = (journals.clone(), within.clone());
    let mut account = blocking(parts, move || {
        let wanted = Wanted {
            run: scope.run.as_ref(),
            state: scope.state.as_deref(),
        };
        Account::read(&paths, wanted, |unit, _, _| scope.takes(unit))
    })
    .await?;
    let mut runs: Vec<KnownRun> = std::mem::take(&mut account.runs).into_values().collect();
    runs.retain(|run| run.effects + run.undone > 0);
    runs.sort_by_key(|run| (run.last_at, run.run.clone()));
    let mut survey = Survey {
        listed: Vec::new(),
        units: 0,
        unaccounted: Vec::new(),
        unknown: Vec::new(),
        knows_run: account.knows_run,
        journals: journals.clone(),
        runs,
        plan: Plan {
            owners: within.whole_owners(),
            ..Plan::default()
        },
    };
    let mut list = List::default();
    let known = note(account, within, &steps, &mut survey.plan, &mut list);
    rows(parts, within, &known, &mut survey, &mut list).await?;
    owners(parts, &survey.plan.owners, &mut list).await?;
    survey.plan.units.retain(|_, plan| !plan.is_empty());
    survey.units = survey.plan.units.len() as u64;
    survey.plan.holders = holders(parts, &steps, &survey, (journals, within.state.clone())).await?;
    survey.listed = list.sorted();
    Ok(survey)
}

/// Parts what the journals know into what is taken back and what stays. Gives how many items of each
/// unit they know.
fn note<M: Migration>(
    account: Account,
    within: &Within,
    steps: &BTreeMap<StepName, Arc<dyn Step<M>>>,
    plan: &mut Plan,
    list: &mut List,
) -> BTreeMap<UnitId, u64> {
    if let Some(run) = &within.run {
        for (unit, step) in account.steps_of(run) {
            let of_unit = plan.units.entry(unit.clone()).or_default();
            of_unit.steps.insert(step.clone());
        }
    }
    let known: BTreeMap<UnitId, u64> = account
        .items
        .iter()
        .map(|(unit, items)| (unit.clone(), items.len() as u64))
        .collect();
    for (key, made) in account.live(within.run.as_ref()) {
        let step = steps.get(&made.step);
        let undone =
            made.effect.undo == Undo::Possible && step.is_some_and(|one| one.undo().is_some());
        let leaves = step.map_or("the step is not known any more", |step| step.leaves());
        list.count(&made.effect.kind, undone, leaves);
        if undone {
            let of_unit = plan.units.entry(key.unit).or_default();
            of_unit.made.push(made);
        }
    }
    for of_unit in plan.units.values_mut() {
        of_unit.made.sort_by(Made::latest_first);
    }
    known
}

/// What the rows know: steps of the units, and items that no journal knows.
async fn rows<M: Migration>(
    parts: &Parts<M>,
    within: &Within,
    known: &BTreeMap<UnitId, u64>,
    survey: &mut Survey,
    list: &mut List,
) -> Result<(), Error> {
    let unit_steps = parts.migration.unit_steps();
    let rows = asked_rows(parts, within, survey).await?;
    let units: Vec<&UnitId> = rows
        .iter()
        .map(|row| &row.progress.unit)
        .chain(known.keys())
        .collect();
    let unknown = within
        .units
        .iter()
        .filter(|asked| !units.iter().any(|unit| Within::fits(asked, unit)));
    survey.unknown = unknown.cloned().collect();
    for row in rows {
        if within.run.is_none() && row.progress.round > 0 {
            survey.plan.told.insert(row.progress.unit.owner.to_string());
            let plan = survey.plan.units.entry(row.progress.unit.clone());
            plan.or_default().begun = half_back(&row);
        }
        let progress = row.progress;
        let unit = progress.unit.clone();
        if within.run.is_none() {
            let migrated = progress.counts.done - progress.counts.found.min(progress.counts.done);
            let lacks = migrated.saturating_sub(known.get(&unit).copied().unwrap_or(0));
            // The other tool counts what it did itself, and keeps no journal.
            if lacks > 0 && row.legacy_completed.is_none() {
                survey.unaccounted.push((unit.clone(), lacks));
            }
        }
        for step in &unit_steps {
            let asked = survey.plan.units.get(&unit).map(|plan| &plan.steps);
            let of_run = asked.is_some_and(|steps| steps.contains(&step.name()));
            if (within.run.is_some() && !of_run) || !made(&progress, &**step) {
                continue;
            }
            list.count(step.name().as_str(), step.undo().is_some(), step.leaves());
            if step.undo().is_some() {
                let plan = survey.plan.units.entry(unit.clone()).or_default();
                plan.steps.insert(step.name());
            }
        }
    }
    // Of steps that the journal knows the row has the last word.
    let undoable: BTreeSet<StepName> = unit_steps
        .iter()
        .filter(|step| step.undo().is_some())
        .map(|step| step.name())
        .collect();
    for plan in survey.plan.units.values_mut() {
        plan.steps.retain(|step| undoable.contains(step));
    }
    Ok(())
}

/// Whether a rollback took the unit up and did not give it back. One that is migrated anew looks the same until its
/// first item is settled; whoever does that holds it.
fn half_back(row: &ProgressRow) -> bool {
    let progress = &row.progress;
    let open = progress.status == Status::InProgress || row.lease.is_some();
    open && progress.counts.settled() == 0 && progress.cursor.is_none()
}

/// Whether a step of a unit was made by us, or may have been.
pub(super) fn made(progress: &UnitProgress, step: &dyn UnitStep) -> bool {
    matches!(
        progress.steps.get(&step.name()).map(|record| &record.state),
        Some(StepState::Applied(_) | StepState::Started)
    )
}

/// The rows of the units that were asked for, and of those with something to take back.
async fn asked_rows<M: Migration>(
    parts: &Parts<M>,
    within: &Within,
    survey: &Survey,
) -> Result<Vec<ProgressRow>, Error> {
    let store = &parts.store;
    let mut rows = BTreeMap::new();
    let mut keep = |found: Vec<ProgressRow>| {
        for row in found
            .into_iter()
            .filter(|row| within.takes(&row.progress.unit))
        {
            rows.insert(row.progress.unit.clone(), row);
        }
    };
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
        keep(found.map_err(Error::State)?);
    }
    if within.units.is_empty() {
        for unit in survey.plan.units.keys() {
            let row = store.progress_row(unit).await.map_err(Error::State)?;
            keep(row.into_iter().collect());
        }
    }
    Ok(rows.into_values().collect())
}

async fn owners<M: Migration>(
    parts: &Parts<M>,
    owners: &BTreeSet<String>,
    list: &mut List,
) -> Result<(), Error> {
    let Some(effects) = parts.migration.owner_effects() else {
        return Ok(());
    };
    for owner in owners {
        let standing = effects.standing(owner).await.map_err(Error::Survey)?;
        for effect in standing {
            let undone = effect.undo == Undo::Possible;
            list.count(&effect.kind, undone, effects.leaves(&effect.kind));
        }
    }
    Ok(())
}

/// Whoever holds a thing that an effect of the plan made, also outside of what was asked for.
async fn holders<M: Migration>(
    parts: &Parts<M>,
    steps: &BTreeMap<StepName, Arc<dyn Step<M>>>,
    survey: &Survey,
    (journals, state): (Vec<std::path::PathBuf>, Option<String>),
) -> Result<BTreeMap<String, BTreeSet<Key>>, Error> {
    let name = {
        let steps = steps.clone();
        move |unit: &UnitId, step: &StepName, effect: &Effect| {
            let undo = steps.get(step)?.undo()?;
            // What stays is held by nobody.
            (effect.undo == Undo::Possible).then_some(())?;
            undo.shared(unit, effect)
        }
    };
    let mut things: BTreeSet<String> = BTreeSet::new();
    for (unit, plan) in &survey.plan.units {
        things.extend(
            plan.made
                .iter()
                .filter_map(|made| name(unit, &made.step, &made.effect)),
        );
    }
    if things.is_empty() {
        return Ok(BTreeMap::new());
    }
    blocking(parts, move || {
        let wanted = Wanted {
            run: None,
            state: state.as_deref(),
        };
        let account = Account::read(&journals, wanted, |unit, step, effect| {
            effect
                .and_then(|effect| name(unit, step, effect))
                .is_some_and(|thing| things.contains(&thing))
        })?;
        let mut holders: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
        for (key, made) in account.live(None) {
            if let Some(thing) = name(&key.unit, &made.step, &made.effect) {
                holders.entry(thing).or_default().insert(key);
            }
        }
        Ok(holders)
    })
    .await
}

async fn blocking<M: Migration, T: Send + 'static>(
    parts: &Parts<M>,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = parts.tasks.blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Journals(std::io::Error::other(error))))
}

/// Effects by kind.
#[derive(Debug, Default)]
struct List(BTreeMap<(bool, String, &'static str), u64>);

impl List {
    fn count(&mut self, kind: &str, undone: bool, leaves: &'static str) {
        *self.0.entry((undone, kind.to_owned(), leaves)).or_default() += 1;
    }

    fn sorted(self) -> Vec<Listed> {
        self.0
            .into_iter()
            .map(|((undone, kind, leaves), effects)| Listed {
                kind,
                effects,
                undone,
                leaves: leaves.to_owned(),
            })
            .collect()
    }
}

/// Effects of a unit item by item, in the order of the list.
pub(super) fn by_item(made: Vec<Made>) -> Vec<(ItemId, Vec<Made>)> {
    let mut places: BTreeMap<ItemId, usize> = BTreeMap::new();
    let mut items: Vec<(ItemId, Vec<Made>)> = Vec::new();
    for made in made {
        let place = *places.entry(made.item.clone()).or_insert(items.len());
        if place == items.len() {
            items.push((made.item.clone(), Vec::new()));
        }
        items[place].1.push(made);
    }
    items
}
