//! The fold of a run's events, which every display renders.

mod held;
mod rate;
mod retrying;
mod units;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use rate::Rate;
pub use retrying::Retrying;

use super::tallies::forget;
use super::{
    Counts, Event, InstanceId, Limits, MigrationName, PlanId, Reason, RunId, Status, StepCounts,
    StepName, TakenOver, Throttle, UnitId, UnitTallies, UnixMillis, VerdictCounts, Warning,
};

/// The most units taken over from another program that are listed by name.
const NAMED: usize = 1_000;

/// Units counted by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitTotals {
    /// Units in scope.
    pub planned: u64,
    /// Units that this run works on now.
    pub active: u64,
    /// Units that ended with every item good.
    pub completed: u64,
    /// Units that ended with bad items, or could not be worked on.
    pub failed: u64,
    /// Units released before they ended.
    pub released: u64,
    /// Units that this run ended for other instances; not part of `planned`.
    #[serde(default)]
    pub helped: u64,
}

/// A unit that another program started, and its progress now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUnit {
    /// The unit.
    pub unit: UnitId,
    /// What that program wrote.
    pub found: TakenOver,
    /// Whether it was trusted as complete and not probed.
    pub kept: bool,
    /// How it ended in this run; `None` if it is still in progress or was released.
    pub now: Option<(Status, Counts)>,
}

/// The state of a run: plain data, made only by folding events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The run, once it started.
    pub run: Option<RunId>,
    /// The instance.
    pub instance: Option<InstanceId>,
    /// The migration.
    pub migration: Option<MigrationName>,
    /// The plan that its scope is a part of.
    #[serde(default)]
    pub plan: Option<PlanId>,
    /// When it started.
    pub started_at: UnixMillis,
    /// When the last event came.
    pub updated_at: UnixMillis,
    /// Counters of all items in scope, including those of earlier runs.
    pub counts: Counts,
    /// Items in scope: by the plan, and by their real number where units ended, because plans may be old.
    pub announced: u64,
    /// Items that earlier runs settled; part of `counts`.
    pub settled_before: u64,
    /// What this run settled, also for other instances; `planned` is the sum. An item that was settled again after its
    /// lease was lost counts once.
    #[serde(default)]
    pub this_run: Counts,
    /// Items that were requested one by one; `None` if whole units were.
    #[serde(default)]
    pub asked: Option<u64>,
    /// Bad items by reason, including those of earlier runs.
    pub reasons: BTreeMap<Reason, u64>,
    /// Items that this run settled for other instances, by instance. Not part of `counts`.
    #[serde(default)]
    pub helped: BTreeMap<InstanceId, Counts>,
    /// The part of `counts` that other instances settled.
    #[serde(default)]
    pub elsewhere: Counts,
    /// Leased units.
    #[serde(skip)]
    pub tallies: UnitTallies,
    /// Units.
    pub units: UnitTotals,
    /// Units that another program started.
    pub taken_over: u64,
    /// The first thousand of them.
    pub taken_over_named: Vec<TakenUnit>,
    /// Items in flight.
    pub in_flight: u64,
    /// Items that wait for their next attempt; they are not in flight.
    #[serde(skip)]
    pub retrying: Retrying,
    /// Failed attempts that were repeated.
    pub retries: u64,
    /// Effects by kind, in this run.
    pub effects: BTreeMap<String, u64>,
    /// What this run did, by step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepCounts>,
    /// Effects that a rollback undid, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undone: BTreeMap<String, u64>,
    /// Effects that a rollback is to undo.
    #[serde(default)]
    pub to_undo: u64,
    /// Those of them that are settled: undone, or left in place.
    #[serde(default)]
    pub undo_settled: u64,
    /// Verdicts of an audit, including those of the earlier audit that it resumes.
    pub verdicts: VerdictCounts,
    /// Units that an audit could not list completely.
    #[serde(default)]
    pub unlisted: u64,
    /// What throttles the run.
    pub throttles: Vec<Throttle>,
    /// What the operator limits.
    #[serde(default)]
    pub limits: Limits,
    /// Since when the throttles are what they are; zero if since the start.
    #[serde(default)]
    pub steady_since: UnixMillis,
    /// Warnings about the health of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Why nothing new is started.
    pub paused: Option<String>,
    /// Why the run is ending.
    pub draining: Option<String>,
    /// Whether the run ended.
    pub ended: bool,
    /// Items settled recently.
    pub rate: Rate,
}

impl Snapshot {
    /// Folds in an event that happened at `now`.
    pub fn fold(&mut self, event: &Event, now: UnixMillis) {
        self.updated_at = now;
        match event {
            Event::RunStarted {
                run,
                instance,
                migration,
                plan,
                units,
                planned,
                asked,
            } => {
                self.plan.clone_from(plan);
                self.run = Some(run.clone());
                self.instance = Some(instance.clone());
                self.migration = Some(migration.clone());
                self.started_at = now;
                self.units.planned = *units;
                self.announced = *planned;
                self.counts = Counts::planned(*planned);
                self.asked = *asked;
            }
            Event::UnitTaken { unit, from } => self.tallies.help(unit, from),
            Event::EndedElsewhere { counts, .. } => {
                self.elsewhere = self.elsewhere.plus(counts);
            }
            Event::UnitLeased { .. } => self.unit_leased(event),
            Event::UnitCounted { .. } => self.unit_counted(event),
            Event::UnitSettled { .. } => self.unit_settled(event),
            Event::PartsCounted { unit, parts } => self.parts_counted(unit, parts),
            Event::UnitReleased { unit } | Event::LeaseLost { unit } => self.unit_left(unit),
            Event::ItemStarted { .. }
            | Event::ItemDropped { .. }
            | Event::ItemRetried { .. }
            | Event::ItemResumed { .. } => self.moved(event),
            Event::ItemSettled { .. } => self.item_settled(event, now),
            Event::ItemAudited { .. } | Event::VerdictsKnown { .. } | Event::UnitAudited { .. } => {
                self.audited(event, now);
            }
            Event::ItemsAsked { items } => *self.asked.get_or_insert(0) += items,
            Event::StepApplied { step, effect, .. } => {
                *self.effects.entry(effect.kind.clone()).or_default() += 1;
                self.step(step).applied += 1;
            }
            Event::StepFound { step, .. } => self.step(step).found += 1,
            Event::StepFailed { step, failure, .. } => {
                *self.step(step).failed.entry(failure.reason).or_default() += 1;
            }
            Event::StepUndone { effect, .. } => self.undone(&effect.kind),
            Event::UndoPlanned { effects } => self.to_undo = *effects,
            Event::EffectSettled => self.undo_settled += 1,
            Event::Throttled { .. }
            | Event::Limited { .. }
            | Event::Paused { .. }
            | Event::Resumed => self.held(event, now),
            Event::Warned { warnings } => self.warnings.clone_from(warnings),
            Event::Draining { reason } => {
                self.draining.get_or_insert_with(|| reason.clone());
            }
            Event::RunEnded => self.ended = true,
        }
    }

    fn undone(&mut self, kind: &str) {
        *self.undone.entry(kind.to_owned()).or_default() += 1;
    }

    /// Items a minute over the two minutes before `now`, or over a shorter time if the throttles changed since.
    #[must_use]
    pub fn items_per_minute(&self, now: UnixMillis) -> f64 {
        let since = self.started_at.max(self.steady_since);
        self.rate.per_minute(since, now)
    }

    /// Whether all counters add up.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let elsewhere = self.elsewhere.settled() <= self.counts.settled();
        self.counts.add_up() && self.helped.values().all(Counts::add_up) && elsewhere
    }

    fn step(&mut self, step: &StepName) -> &mut StepCounts {
        self.steps.entry(step.clone()).or_default()
    }

    fn audited(&mut self, event: &Event, now: UnixMillis) {
        match event {
            Event::ItemAudited { verdict, .. } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.verdicts.count(*verdict);
                self.rate.count(now);
            }
            Event::VerdictsKnown { verdicts } => self.verdicts = self.verdicts.plus(verdicts),
            Event::UnitAudited {
                listed,
                announced,
                failure,
                ..
            } => {
                self.announced = (self.announced + listed).saturating_sub(*announced);
                self.counts.planned = self.announced;
                self.unlisted += u64::from(failure.is_some());
            }
            _ => {}
        }
    }

    fn item_settled(&mut self, event: &Event, now: UnixMillis) {
        let Event::ItemSettled {
            unit,
            settled,
            failure,
            before,
            earlier,
            ..
        } = event
        else {
            return;
        };
        self.moved(event);
        self.rate.count(now);
        if !*earlier {
            self.this_run.settle(*settled);
        }
        // Items of a part belong to the leased unit, unless the part itself was taken to help.
        let of_unit = unit.part.filter(|_| self.tallies.get(unit).is_none());
        let tally = match of_unit {
            Some(_) => self.tallies.get(&unit.whole()),
            None => self.tallies.get(unit),
        };
        let reason = failure.as_ref().map(|failure| failure.reason);
        match (before, tally) {
            (Some((before, was)), tally) => {
                self.counts.resettle(*before, *settled);
                if let Some(was) = was {
                    forget(&mut self.reasons, *was, 1);
                }
                if let Some(tally) = tally {
                    tally.resettle(of_unit, (*before, *was), (*settled, reason));
                }
            }
            (None, Some(tally)) => {
                tally.settle(of_unit, *settled, reason);
                match tally.from.clone() {
                    Some(from) => self.helped.entry(from).or_default().settle(*settled),
                    None => self.counts.settle(*settled),
                }
            }
            (None, None) => self.counts.settle(*settled),
        }
        if let Some(failure) = failure {
            *self.reasons.entry(failure.reason).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ItemId, Settled};

    fn leased(unit: &UnitId, done: u64) -> Event {
        Event::UnitLeased {
            unit: unit.clone(),
            counts: Counts {
                done,
                ..Counts::planned(9)
            },
            reasons: BTreeMap::new(),
            taken_over: None,
        }
    }

    fn settled(unit: &UnitId, item: &str) -> Event {
        Event::ItemSettled {
            unit: unit.clone(),
            item: ItemId::new(item),
            settled: Settled::Migrated,
            failure: None,
            before: None,
            earlier: false,
            took_ms: 1,
        }
    }

    #[test]
    fn what_a_run_did_is_told_apart_from_what_was_done_before() {
        let unit = UnitId::new("owner", "name");
        let mut seen = Snapshot::default();
        let mut fold = |event: Event| {
            seen.fold(&event, UnixMillis(1));
            (seen.counts.done, seen.this_run.done, seen.settled_before)
        };
        assert_eq!(fold(leased(&unit, 4)), (4, 0, 4));
        assert_eq!(fold(settled(&unit, "a")), (5, 1, 4));
        assert_eq!(fold(settled(&unit, "b")), (6, 2, 4));
        fold(Event::LeaseLost { unit: unit.clone() });
        // The row knows of one of the two: the other one comes again, and counts once.
        assert_eq!(fold(leased(&unit, 5)), (5, 1, 4));
        assert_eq!(fold(settled(&unit, "b")), (6, 2, 4));
    }
}
