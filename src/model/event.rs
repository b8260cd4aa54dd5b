//! What happened in a run, as facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Counts, Effect, Failure, InstanceId, ItemId, Limits, MigrationName, PartId, PlanId, Reason,
    RunId, Settled, Status, StepName, TakenOver, Throttle, UnitId, Verdict, VerdictCounts, Warning,
};

/// What is settled in one part of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// Which part.
    pub part: PartId,
    /// Its counters.
    pub counts: Counts,
    /// The bad ones, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

/// A fact about the run. The first four are enough to count by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The run.
        run: RunId,
        /// The instance.
        instance: InstanceId,
        /// The migration.
        migration: MigrationName,
        /// The plan that its scope is a part of.
        plan: Option<PlanId>,
        /// Units in scope.
        units: u64,
        /// Items in scope, as far as they were counted.
        planned: u64,
        /// How many items were asked for one by one; `None` if whole units were.
        asked: Option<u64>,
    },
    /// So many more items are asked for one by one.
    ItemsAsked {
        /// How many.
        items: u64,
    },
    /// A unit is ours, or was found ended; `counts` is what was settled before.
    UnitLeased {
        /// The unit, or a part of one that is leased or that another holds.
        unit: UnitId,
        /// What was settled in earlier runs.
        counts: Counts,
        /// The bad ones of them, by reason.
        reasons: BTreeMap<Reason, u64>,
        /// What another program had written of it.
        taken_over: Option<TakenOver>,
    },
    /// How far the row of a unit in scope is that has not ended and that the run came to no more, or dropped.
    UnitCounted {
        /// The unit.
        unit: UnitId,
        /// What was settled in earlier runs.
        counts: Counts,
        /// The bad ones of them, by reason.
        reasons: BTreeMap<Reason, u64>,
        /// How many items the plan of this run gave it.
        announced: u64,
    },
    /// A unit that is not in scope was taken to help: it goes before its `UnitLeased`.
    UnitTaken {
        /// The unit.
        unit: UnitId,
        /// Whose it was.
        from: InstanceId,
    },
    /// A unit in scope was found ended by another instance.
    EndedElsewhere {
        /// The unit.
        unit: UnitId,
        /// Who ended it.
        by: InstanceId,
        /// Its counters.
        counts: Counts,
    },
    /// A unit was listed to its end, or was found ended already.
    UnitSettled {
        /// The unit.
        unit: UnitId,
        /// How.
        status: Status,
        /// Its counters.
        counts: Counts,
        /// How many items the plan of this run gave it.
        announced: u64,
    },
    /// What is settled in parts of a leased unit, by their rows; replaces what was said of them.
    /// The first one of a unit names all of its parts, and their sum replaces what was said of the
    /// unit.
    PartsCounted {
        /// The unit.
        unit: UnitId,
        /// The parts.
        parts: Vec<PartCount>,
    },
    /// An item got its final outcome.
    ItemSettled {
        /// The unit, or the part of it.
        unit: UnitId,
        /// The item.
        item: ItemId,
        /// The final outcome.
        settled: Settled,
        /// The last failure, when it is bad.
        failure: Option<Failure>,
        /// What it was before, in a retry: why it was bad, if it was.
        before: Option<(Settled, Option<Reason>)>,
        /// An earlier run settled it so, and this one looked again because the row did not say it.
        earlier: bool,
        /// How long it took.
        took_ms: u64,
    },
    /// An audit looked at an item.
    ItemAudited {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
        /// What it found.
        verdict: Verdict,
    },
    /// An audit goes on where an earlier one ended, and knows these verdicts from it.
    VerdictsKnown {
        /// The verdicts.
        verdicts: VerdictCounts,
    },
    /// An audit listed a unit to its end, or as far as it could be.
    UnitAudited {
        /// The unit.
        unit: UnitId,
        /// Its items.
        listed: u64,
        /// How many items the plan gave it.
        announced: u64,
        /// Why it could not be listed to its end.
        failure: Option<Failure>,
    },
    /// Work on an item ended without a final outcome: the run stops, or its lease was lost.
    ItemDropped {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
    },
    /// Work on an item began.
    ItemStarted {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
    },
    /// An item will be tried again.
    ItemRetried {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
        /// Attempts so far.
        attempts: u32,
        /// Why.
        failure: Failure,
    },
    /// An item that waited to be tried again is in flight again.
    ItemResumed {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
    },
    /// A step made an effect.
    StepApplied {
        /// The unit.
        unit: UnitId,
        /// The item; none for a step of the unit.
        item: Option<ItemId>,
        /// The step.
        step: StepName,
        /// The effect.
        effect: Effect,
    },
    /// A step of a unit was asked for by itself, and is made already.
    StepFound {
        /// The unit.
        unit: UnitId,
        /// The step.
        step: StepName,
    },
    /// A step of a unit was asked for by itself, and cannot be made.
    StepFailed {
        /// The unit.
        unit: UnitId,
        /// The step.
        step: StepName,
        /// Why.
        failure: Failure,
    },
    /// A rollback took an effect back.
    StepUndone {
        /// The unit.
        unit: UnitId,
        /// The item; none for a step of the unit.
        item: Option<ItemId>,
        /// The step.
        step: StepName,
        /// The effect.
        effect: Effect,
    },
    /// A rollback is about to take so many effects back.
    UndoPlanned {
        /// How many.
        effects: u64,
    },
    /// A rollback is through with one of them: it is gone, or stays.
    EffectSettled,
    /// A unit was given back unfinished.
    UnitReleased {
        /// The unit.
        unit: UnitId,
    },
    /// A unit's lease was lost: its work here was cancelled.
    LeaseLost {
        /// The unit.
        unit: UnitId,
    },
    /// What holds the run back now; replaces what was said before.
    Throttled {
        /// All throttles in force.
        throttles: Vec<Throttle>,
    },
    /// What the operator limits now; replaces what was said before.
    Limited {
        /// The limits.
        limits: Limits,
    },
    /// What the run noticed of its own health; replaces what was said before.
    Warned {
        /// All that holds now.
        warnings: Vec<Warning>,
    },
    /// Nothing new is begun, for this reason.
    Paused {
        /// In words.
        reason: String,
    },
    /// Work goes on.
    Resumed,
    /// The run takes nothing new and ends when what is in flight is settled.
    Draining {
        /// In words.
        reason: String,
    },
    /// The run ended.
    RunEnded,
}
