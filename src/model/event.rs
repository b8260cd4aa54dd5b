//! What happened in a run, as facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Counts, Effect, Failure, InstanceId, ItemId, Limits, MigrationName, PartId, PlanId, Reason,
    RunId, Settled, Status, StepName, TakenOver, Throttle, UnitId, Verdict, VerdictCounts, Warning,
};

/// The counters of one part of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// Which part.
    pub part: PartId,
    /// Its counters.
    pub counts: Counts,
    /// The bad ones, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

/// A fact about the run.
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
        /// Items that were requested one by one; `None` if whole units were.
        asked: Option<u64>,
    },
    /// More items were requested one by one.
    ItemsAsked {
        /// How many.
        items: u64,
    },
    /// A unit was leased, or had ended already. `counts` is what was settled before.
    UnitLeased {
        /// The unit, or a part of one that is leased or that another holds.
        unit: UnitId,
        /// What was settled in earlier runs.
        counts: Counts,
        /// The bad ones of them, by reason.
        reasons: BTreeMap<Reason, u64>,
        /// What another program wrote about it.
        taken_over: Option<TakenOver>,
    },
    /// The progress of a unit in scope that the run did not start, or released before its end.
    UnitCounted {
        /// The unit.
        unit: UnitId,
        /// What was settled in earlier runs.
        counts: Counts,
        /// The bad ones of them, by reason.
        reasons: BTreeMap<Reason, u64>,
        /// Items that the plan of this run gave it.
        announced: u64,
    },
    /// A unit out of scope was taken to help. Comes before its `UnitLeased`.
    UnitTaken {
        /// The unit.
        unit: UnitId,
        /// The instance that it belongs to.
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
    /// A unit ended, now or earlier.
    UnitSettled {
        /// The unit.
        unit: UnitId,
        /// How.
        status: Status,
        /// Its counters.
        counts: Counts,
        /// Items that the plan of this run gave it.
        announced: u64,
    },
    /// The counters of parts of a leased unit, by their rows. They replace earlier ones. The first such event of a unit
    /// names all its parts, and their sum replaces the counters of the unit.
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
        /// Its earlier outcome, in a retry, with the reason if it was bad.
        before: Option<(Settled, Option<Reason>)>,
        /// Whether an earlier run settled it so and this one probed it again, because the row did not say so.
        earlier: bool,
        /// How long it took.
        took_ms: u64,
    },
    /// An audit judged an item.
    ItemAudited {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
        /// What it found.
        verdict: Verdict,
    },
    /// An audit resumes an earlier one and has these verdicts from it.
    VerdictsKnown {
        /// The verdicts.
        verdicts: VerdictCounts,
    },
    /// An audit finished a unit, or could not list it further.
    UnitAudited {
        /// The unit.
        unit: UnitId,
        /// Its items.
        listed: u64,
        /// How many items the plan gave it.
        announced: u64,
        /// Why it could not be listed completely.
        failure: Option<Failure>,
    },
    /// Work on an item ended without an outcome: the run stops, or the lease was lost.
    ItemDropped {
        /// The unit.
        unit: UnitId,
        /// The item.
        item: ItemId,
    },
    /// Work on an item started.
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
    /// An item that waited for its next attempt is in flight again.
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
    /// A step of a unit was requested alone, and was made before.
    StepFound {
        /// The unit.
        unit: UnitId,
        /// The step.
        step: StepName,
    },
    /// A step of a unit was requested alone, and failed.
    StepFailed {
        /// The unit.
        unit: UnitId,
        /// The step.
        step: StepName,
        /// Why.
        failure: Failure,
    },
    /// A rollback undid an effect.
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
    /// A rollback is about to undo effects.
    UndoPlanned {
        /// How many.
        effects: u64,
    },
    /// A rollback settled one of them: it is undone, or stays.
    EffectSettled,
    /// A unit was released before it ended.
    UnitReleased {
        /// The unit.
        unit: UnitId,
    },
    /// The lease of a unit was lost, and its work cancelled.
    LeaseLost {
        /// The unit.
        unit: UnitId,
    },
    /// The throttles in force now. They replace earlier ones.
    Throttled {
        /// All throttles in force.
        throttles: Vec<Throttle>,
    },
    /// The limits that the operator set. They replace earlier ones.
    Limited {
        /// The limits.
        limits: Limits,
    },
    /// Warnings about the health of the run. They replace earlier ones.
    Warned {
        /// All warnings that apply now.
        warnings: Vec<Warning>,
    },
    /// Nothing new is started.
    Paused {
        /// In words.
        reason: String,
    },
    /// Work continues.
    Resumed,
    /// The run takes nothing new and ends when the items in flight are settled.
    Draining {
        /// In words.
        reason: String,
    },
    /// The run ended.
    RunEnded,
}
