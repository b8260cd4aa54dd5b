//! Engines and stores that are wrong on purpose: the rules have to notice.

use super::ferry::Seen;
use super::request::Request;
use super::sim::Sim;
use crate::model::{Counts, Invariant};
use crate::state::rows::{Condition, Value};

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
}

impl Mutant {
    pub(super) const ALL: [Self; 7] = [
        Self::NoFence,
        Self::CursorAhead,
        Self::CountsWrong,
        Self::EndsEarly,
        Self::BlindLooks,
        Self::LyingLooks,
        Self::ForgottenKeys,
    ];

    /// The rule that must be found broken.
    pub(super) fn breaks(self) -> Invariant {
        match self {
            Self::NoFence => Invariant::OneHolder,
            Self::CursorAhead => Invariant::CursorBelowSettled,
            Self::CountsWrong => Invariant::CountsAddUp,
            Self::EndsEarly => Invariant::NothingLost,
            Self::BlindLooks | Self::ForgottenKeys => Invariant::NothingTwice,
            Self::LyingLooks => Invariant::VerifiedLast,
        }
    }
}

/// A request to the store, as the mutant carries it out.
pub(super) fn twist(sim: &Sim, table: &str, mut request: Request) -> Request {
    let Some(mutant) = sim.mutant else {
        return request;
    };
    let tables = &sim.store.config().tables;
    if mutant == Mutant::ForgottenKeys && table == tables.spaces {
        match &mut request {
            Request::Get(key) => key.partition.1 = "nobody".to_owned(),
            Request::Put(_, _, condition) => *condition = Condition::Always,
            _ => {}
        }
    }
    let Request::Update(_, update, condition) = &mut request else {
        return request;
    };
    if table != tables.progress {
        return request;
    }
    for (name, value) in &mut update.set {
        match (mutant, name.as_str()) {
            (Mutant::CursorAhead, "cursor") => *value = "item-zz".into(),
            (Mutant::EndsEarly, "status") => *value = "completed".into(),
            (Mutant::CountsWrong, "counts") => {
                let mut counts: Counts = value.read().unwrap();
                counts.skipped += 50;
                *value = Value::of(&counts);
            }
            _ => {}
        }
    }
    if mutant == Mutant::NoFence {
        *condition = Condition::Always;
    }
    request
}

/// What a look shows.
pub(super) fn seen(sim: &Sim, seen: Seen) -> Seen {
    match sim.mutant {
        Some(Mutant::BlindLooks) => Seen::all(false),
        Some(Mutant::LyingLooks) => Seen::all(true),
        _ => seen,
    }
}
