//! Undoes one effect: probe → record → undo → probe → record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::engine::attempts::Attempts;
use crate::engine::shared::Shared;
use crate::engine::unit::{ClaimRequest, LeasedUnit};
use crate::engine::{Migration, Undoer};
use crate::model::{
    Class, Effect, Event, Failure, ItemId, JournalEntry, Reason, StepName, Unit, UnitId,
};
use crate::state::LeaseHolder;

use super::effects::{EffectIndex, Key, Things};

/// The most refusals in the report.
const KEPT: usize = 100;

/// An effect that could not be undone, or a unit or owner that could not be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The unit; its name is empty for an effect on the owner.
    pub unit: UnitId,
    /// The item.
    pub item: Option<ItemId>,
    /// The effect.
    pub effect: Option<Effect>,
    /// Why.
    pub failure: Failure,
}

/// A running rollback.
pub(super) struct Rolling<M: Migration> {
    pub(super) run: Arc<Shared<M>>,
    /// The effects to undo.
    pub(super) index: EffectIndex,
    /// Leases that did not beat for a whole term.
    pub(super) dead: BTreeMap<UnitId, LeaseHolder>,
    things: Mutex<Things>,
    tally: Mutex<Tally>,
}

/// How the rollback of a unit, or of an owner, ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing in scope is left.
    Clean,
    /// Something could not be undone, as the report says.
    Refused,
    /// The rollback was stopped.
    Stopped,
    /// Another holds the unit, or one of the owner's.
    Held(UnitId, LeaseHolder),
    /// The lease was lost.
    Lost,
}

/// The result so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) undone: BTreeMap<String, u64>,
    pub(super) gone: u64,
    pub(super) kept: u64,
    pub(super) failed: u64,
    pub(super) first: Vec<Refused>,
}

/// How an effect was settled.
enum Undoing {
    Undone,
    Gone,
    Kept,
}

impl<M: Migration> Rolling<M> {
    pub(super) fn new(
        run: Arc<Shared<M>>,
        (index, things): (EffectIndex, Things),
        dead: BTreeMap<UnitId, LeaseHolder>,
    ) -> Self {
        Self {
            run,
            index,
            dead,
            things: Mutex::new(things),
            tally: Mutex::default(),
        }
    }

    /// The request for a unit.
    pub(super) fn wanted(&self, unit: &UnitId) -> ClaimRequest {
        ClaimRequest {
            dead: self.dead.get(unit).cloned(),
            ..ClaimRequest::own(Unit::new(unit.clone()))
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn count_undone(&self, effect: &Effect) {
        self.change(|tally| *tally.undone.entry(effect.kind.clone()).or_default() += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Records what could not be undone.
    pub(super) fn refuse(
        &self,
        unit: &UnitId,
        item: Option<&ItemId>,
        effect: Option<&Effect>,
        failure: Failure,
    ) {
        tracing::warn!(unit = %unit, item = item.map(tracing::field::display), effect = effect.map(|effect| effect.kind.as_str()), class = %failure.class, reason = %failure.reason, "{}", failure.message);
        let run = &self.run;
        if failure.class == Class::Fatal {
            run.die(&failure);
        }
        if let Some(reason) = run.health.count(Some(&failure)) {
            run.drain(&reason);
        }
        if effect.is_some() {
            run.events.publish(Event::EffectSettled);
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.failed += 1;
        if tally.first.len() < KEPT {
            tally.first.push(Refused {
                unit: unit.clone(),
                item: item.cloned(),
                effect: effect.cloned(),
                failure,
            });
        }
    }

    /// Undoes one effect, with retries. The caller reports an error, except a lost lease or a stop.
    pub(super) async fn undo_effect(
        &self,
        leased: &LeasedUnit<M>,
        undo: &dyn Undoer,
        (item, step, effect): (Option<&ItemId>, &StepName, &Effect),
    ) -> Result<(), Failure> {
        let run = &self.run;
        let mut attempts = Attempts::default();
        let left = loop {
            let failure = match self.once(leased, undo, (item, step, effect)).await {
                Ok(left) => break left,
                Err(failure) => failure.at(step.clone()),
            };
            match attempts.failed(&run.config.pace, &failure, |_| false) {
                Some(wait) if run.wait(wait).await => {}
                _ => return Err(failure),
            }
        };
        let entry = JournalEntry::Undone(effect.clone());
        run.journal(
            (&leased.context.id, leased.fence()),
            item,
            Some(step),
            entry,
        )
        .await?;
        match left {
            Undoing::Undone => {
                self.count_undone(effect);
                run.events.publish(Event::StepUndone {
                    unit: leased.context.id.clone(),
                    item: item.cloned(),
                    step: step.clone(),
                    effect: effect.clone(),
                });
            }
            Undoing::Gone => self.change(|tally| tally.gone += 1),
            Undoing::Kept => self.change(|tally| tally.kept += 1),
        }
        run.events.publish(Event::EffectSettled);
        Ok(())
    }

    async fn once(
        &self,
        leased: &LeasedUnit<M>,
        undo: &dyn Undoer,
        (item, step, effect): (Option<&ItemId>, &StepName, &Effect),
    ) -> Result<Undoing, Failure> {
        let unit = &leased.context;
        if !undo.exists(unit, effect).await? {
            self.is_last(undo, (&unit.id, item, step, effect));
            return Ok(Undoing::Gone);
        }
        if !self.is_last(undo, (&unit.id, item, step, effect)) {
            return Ok(Undoing::Kept);
        }
        let entry = JournalEntry::Undoing(effect.clone());
        let place = (&unit.id, leased.fence());
        self.run.journal(place, item, Some(step), entry).await?;
        leased.check_lease()?;
        undo.undo(unit, effect).await?;
        self.verify(leased, undo, effect).await?;
        Ok(Undoing::Undone)
    }

    /// Releases the hold of the effect on what it made. Returns whether it was the last one.
    fn is_last(
        &self,
        undo: &dyn Undoer,
        (unit, item, step, effect): (&UnitId, Option<&ItemId>, &StepName, &Effect),
    ) -> bool {
        let Some(thing) = undo.shared(unit, effect) else {
            return true;
        };
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(others) = things.get_mut(&thing) else {
            return true;
        };
        others.remove(&Key::new(unit, item, step, effect));
        others.is_empty()
    }

    /// Probes until the effect is gone or the deadline is over.
    async fn verify(
        &self,
        leased: &LeasedUnit<M>,
        undo: &dyn Undoer,
        effect: &Effect,
    ) -> Result<(), Failure> {
        let look = async || {
            if !undo.exists(&leased.context, effect).await? {
                return Ok(());
            }
            let text = format!("{} {} is still there", effect.kind, effect.subject);
            Err(Failure::unknown(Reason::NOT_VISIBLE_YET, text))
        };
        self.run.until_seen(look).await
    }
}
