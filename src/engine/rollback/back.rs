//! Taking one effect back: probe → record → undo → probe → record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::shared::Shared;
use crate::engine::unit::{InHand, Wanted};
use crate::engine::{Migration, Undoer};
use crate::model::{
    Class, Effect, Event, Failure, ItemId, JournalEntry, Reason, StepName, Unit, UnitId,
};
use crate::runtime::{Degree, full_jitter};
use crate::state::Held;

use super::Refused;
use super::entry::Key;
use super::index::EffectIndex;
use super::shared::Things;

/// No wait between two looks is longer.
const LONGEST_LOOK_WAIT: std::time::Duration = std::time::Duration::from_secs(10);
/// Refusals that are kept for the report.
const KEPT: usize = 100;

/// A rollback that runs.
pub(super) struct Rolling<M: Migration> {
    pub(super) run: Arc<Shared<M>>,
    /// What is taken back.
    pub(super) index: EffectIndex,
    /// Leases that did not beat for a whole term.
    pub(super) dead: BTreeMap<UnitId, Held>,
    things: Mutex<Things>,
    tally: Mutex<Tally>,
}

/// What has come of it so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) undone: BTreeMap<String, u64>,
    pub(super) gone: u64,
    pub(super) kept: u64,
    pub(super) failed: u64,
    pub(super) first: Vec<Refused>,
}

/// How an effect left the account.
enum Left {
    Undone,
    Gone,
    Kept,
}

impl<M: Migration> Rolling<M> {
    pub(super) fn new(
        run: Arc<Shared<M>>,
        (index, things): (EffectIndex, Things),
        dead: BTreeMap<UnitId, Held>,
    ) -> Self {
        Self {
            run,
            index,
            dead,
            things: Mutex::new(things),
            tally: Mutex::default(),
        }
    }

    /// A unit, on the terms on which it may be taken.
    pub(super) fn wanted(&self, unit: &UnitId) -> Wanted {
        Wanted {
            dead: self.dead.get(unit).cloned(),
            ..Wanted::own(Unit::new(unit.clone()))
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

    /// Notes what could not be taken back.
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

    /// Takes one effect back, again while that may help. An error is kept in the report by the
    /// caller; one that says that the lease is lost, or that the rollback stops, is none of it.
    pub(super) async fn take_back(
        &self,
        hand: &InHand<M>,
        undo: &dyn Undoer,
        (item, step, effect): (Option<&ItemId>, &StepName, &Effect),
    ) -> Result<(), Failure> {
        let run = &self.run;
        let mut attempts = 0;
        let left = loop {
            attempts += 1;
            let failure = match self.once(hand, undo, (item, step, effect)).await {
                Ok(left) => break left,
                Err(failure) => failure.at(step.clone()),
            };
            let hopeless = matches!(failure.class, Class::Permanent | Class::Fatal);
            let lost = failure.reason == Reason::LEASE_LOST;
            if hopeless || lost || attempts >= run.config.pace.attempts {
                return Err(failure);
            }
            let pace = &run.config.pace;
            let grown = pace.attempt_wait * 2_u32.saturating_pow(attempts - 1);
            let wait = full_jitter(grown.min(pace.longest_attempt_wait));
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait.max(failure.retry_after.unwrap_or_default())) => {}
                () = run.stop.reached(Degree::Drain) => return Err(failure),
            }
        };
        let entry = JournalEntry::Undone(effect.clone());
        run.journal((&hand.context.id, hand.fence()), item, Some(step), entry)
            .await?;
        match left {
            Left::Undone => {
                self.count_undone(effect);
                run.events.publish(Event::StepUndone {
                    unit: hand.context.id.clone(),
                    item: item.cloned(),
                    step: step.clone(),
                    effect: effect.clone(),
                });
            }
            Left::Gone => self.change(|tally| tally.gone += 1),
            Left::Kept => self.change(|tally| tally.kept += 1),
        }
        run.events.publish(Event::EffectSettled);
        Ok(())
    }

    async fn once(
        &self,
        hand: &InHand<M>,
        undo: &dyn Undoer,
        (item, step, effect): (Option<&ItemId>, &StepName, &Effect),
    ) -> Result<Left, Failure> {
        let unit = &hand.context;
        if !undo.stands(unit, effect).await? {
            self.is_last(undo, (&unit.id, item, step, effect));
            return Ok(Left::Gone);
        }
        if !self.is_last(undo, (&unit.id, item, step, effect)) {
            return Ok(Left::Kept);
        }
        let entry = JournalEntry::Undoing(effect.clone());
        let place = (&unit.id, hand.fence());
        self.run.journal(place, item, Some(step), entry).await?;
        check_lease(hand)?;
        undo.undo(unit, effect).await?;
        self.verify(hand, undo, effect).await?;
        Ok(Left::Undone)
    }

    /// Gives up a hold on what the effect made; whether nobody else has one.
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

    /// Looks until it is gone, or the deadline is over.
    async fn verify(
        &self,
        hand: &InHand<M>,
        undo: &dyn Undoer,
        effect: &Effect,
    ) -> Result<(), Failure> {
        let (run, pace) = (&self.run, &self.run.config.pace);
        let deadline = run.clock.moment() + pace.verify_within;
        let mut wait = pace.verify_wait;
        loop {
            let failure = match undo.stands(&hand.context, effect).await {
                Ok(false) => return Ok(()),
                Ok(true) => Failure::unknown(
                    Reason::NOT_VISIBLE_YET,
                    format!("{} {} is still there", effect.kind, effect.subject),
                ),
                Err(failure) => failure,
            };
            if run.clock.moment() + wait > deadline || failure.class == Class::Permanent {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_LOOK_WAIT);
        }
    }
}

fn check_lease<M: Migration>(hand: &InHand<M>) -> Result<(), Failure> {
    match &hand.keeper {
        Some(keeper) if keeper.is_trusted() => Ok(()),
        _ => Err(Failure::unknown(
            Reason::LEASE_LOST,
            format!("the lease of {} can no longer be trusted", hand.context.id),
        )),
    }
}
