//! Engines and stores that are wrong on purpose: the rules have to notice.

use std::time::Duration;

use super::fake_migration::Observation;
use super::faults::{FaultProfile, Late};
use super::request::{Answer, Request};
use super::sim::Sim;
use crate::model::{Control, Counts, FolderId, Invariant, Split, Stage};
use crate::state::rows::{Condition, RowsError, Value};

/// An operator who asks a lot does so after this long at the latest.
const ASKS: Duration = Duration::from_secs(8);

/// Items of a unit that take a while.
const MANY: u32 = 60;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// The store takes every write, whoever holds the unit.
    NoFence,
    /// The cursor is written as if everything were settled.
    CursorAhead,
    /// Each write counts one item more than there is.
    CountsWrong,
    /// Units are written as completed from the start.
    EndsEarly,
    /// Looks say that nothing is there.
    BlindLooks,
    /// Looks say that everything is there.
    LyingLooks,
    /// Owners' rows are not kept: each process makes a key of its own.
    ForgottenKeys,
    /// Nobody hears what the operator asks.
    DeafToWishes,
    /// Nobody hears of limits.
    DeafToLimits,
    /// Units are cut so that two parts overlap.
    CutAcross,
    /// A split unit counts an item more than its parts.
    SumAhead,
    /// An instance is its number alone.
    NumberAlone,
    /// Rows of failed items are written whoever holds the unit.
    UnfencedFailures,
    /// The sum of an owner is written although it changed since it was read.
    BlindSums,
    /// What is asked and could not be read passes for nothing.
    FailsOpen,
}

impl Mutant {
    pub(super) const ALL: [Self; 15] = [
        Self::NoFence,
        Self::CursorAhead,
        Self::CountsWrong,
        Self::EndsEarly,
        Self::BlindLooks,
        Self::LyingLooks,
        Self::ForgottenKeys,
        Self::DeafToWishes,
        Self::DeafToLimits,
        Self::CutAcross,
        Self::SumAhead,
        Self::NumberAlone,
        Self::UnfencedFailures,
        Self::BlindSums,
        Self::FailsOpen,
    ];

    /// The weather of a seed in which it can be noticed: what it does wrong must come to pass.
    pub(super) fn faults(self, seed: u64) -> FaultProfile {
        let faults = FaultProfile::of(seed);
        match self {
            Self::NumberAlone => FaultProfile {
                twins: true,
                ..faults
            },
            // Much is left to do when the operator asks.
            Self::DeafToWishes | Self::DeafToLimits => FaultProfile {
                controls: Some(ASKS),
                items: faults.items.max(MANY),
                ..faults
            },
            Self::UnfencedFailures => FaultProfile {
                late: Late::most(),
                corrupt: faults.corrupt.max(30),
                ..faults
            },
            // Several end units of one owner at the same time.
            Self::BlindSums => FaultProfile {
                units: 8,
                items: 2,
                ..faults
            },
            Self::FailsOpen => FaultProfile {
                throttled: faults.throttled.max(30),
                ..faults
            },
            _ => faults,
        }
    }

    /// The rule that must be found broken.
    pub(super) fn breaks(self) -> Invariant {
        match self {
            Self::NoFence | Self::NumberAlone | Self::UnfencedFailures => Invariant::OneHolder,
            Self::CursorAhead => Invariant::CursorBelowSettled,
            Self::CountsWrong | Self::BlindSums => Invariant::CountsAddUp,
            Self::EndsEarly => Invariant::NothingLost,
            Self::BlindLooks | Self::ForgottenKeys => Invariant::NothingTwice,
            Self::LyingLooks => Invariant::VerifiedLast,
            Self::DeafToWishes | Self::FailsOpen => Invariant::PauseHolds,
            Self::DeafToLimits => Invariant::LimitsHold,
            Self::CutAcross | Self::SumAhead => Invariant::PartsMakeTheWhole,
        }
    }
}

/// The state folder, as a process knows it.
pub(super) fn folder(sim: &Sim, folder: &FolderId) -> FolderId {
    match sim.mutant {
        Some(Mutant::NumberAlone) => FolderId::new("any"),
        _ => folder.clone(),
    }
}

/// A request to the store, as the mutant carries it out.
pub(super) fn twist(sim: &Sim, table: &str, mut request: Request) -> Request {
    let Some(mutant) = sim.mutant else {
        return request;
    };
    let namespace = &sim.store.config().namespace;
    let tables = &namespace.tables;
    if mutant == Mutant::ForgottenKeys && Some(table) == namespace.own_table("spaces") {
        match &mut request {
            Request::Get(key) => key.partition.1 = "nobody".to_owned(),
            Request::Put(_, _, condition) => *condition = Condition::Always,
            _ => {}
        }
    }
    if let (Mutant::DeafToWishes, Request::Get(key)) = (mutant, &mut request)
        && table == tables.control
    {
        key.partition.1 = "nobody".to_owned();
    }
    if let (Mutant::UnfencedFailures, Request::ChangeUnder(guard, ..)) = (mutant, &mut request) {
        guard.condition = Condition::Always;
    }
    let Request::Update(_, update, condition) = &mut request else {
        return request;
    };
    if mutant == Mutant::BlindSums && Some(table) == namespace.own_table("customers") {
        *condition = Condition::Always;
    }
    if table != tables.progress {
        return request;
    }
    let split = update.set.iter().find(|(name, _)| name == "split");
    let split: Option<Split> = split.and_then(|(_, value)| value.read());
    let is_split = split.is_some_and(|split| split.stage == Stage::Open);
    for (name, value) in &mut update.set {
        match (mutant, name.as_str()) {
            (Mutant::CursorAhead, "cursor") => *value = "item-zz".into(),
            (Mutant::EndsEarly, "status") => *value = "completed".into(),
            (Mutant::CountsWrong, "counts") => {
                let mut counts: Counts = value.read().unwrap();
                counts.skipped += 50;
                *value = Value::of(&counts);
            }
            (Mutant::SumAhead, "counts") if is_split => {
                let mut counts: Counts = value.read().unwrap();
                counts.skipped += u64::from(counts.left() > 0);
                *value = Value::of(&counts);
            }
            (Mutant::CutAcross, "split") if is_split => {
                let mut split: Split = value.read().unwrap();
                if let [(first, _), (second @ Some(_), _), ..] = &mut split.parts[..] {
                    std::mem::swap(first, second);
                }
                *value = Value::of(&split);
            }
            _ => {}
        }
    }
    if mutant == Mutant::NoFence {
        *condition = Condition::Always;
    }
    request
}

/// What an instance takes from an answer of the control table.
pub(super) fn unread(sim: &Sim, answer: Result<Answer, RowsError>) -> Result<Answer, RowsError> {
    match answer {
        Err(_) if sim.mutant == Some(Mutant::FailsOpen) => Ok(Answer::Row(None)),
        answer => answer,
    }
}

/// What the store answers.
pub(super) fn answer(sim: &Sim, table: &str, mut answer: Answer) -> Answer {
    let deaf = sim.mutant == Some(Mutant::DeafToLimits);
    if let (true, Answer::Row(Some(row))) = (
        deaf && table == sim.store.config().namespace.tables.control,
        &mut answer,
    ) {
        let control: Control = row.get("control").unwrap().read().unwrap();
        let without = Control {
            concurrency: None,
            rate: None,
            ..control
        };
        row.0.insert("control".into(), Value::of(&without));
    }
    answer
}

/// What a probe shows.
pub(super) fn seen(sim: &Sim, seen: Observation) -> Observation {
    match sim.mutant {
        Some(Mutant::BlindLooks) => Observation::all(false),
        Some(Mutant::LyingLooks) => Observation::all(true),
        _ => seen,
    }
}
