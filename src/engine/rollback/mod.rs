//! Rollback: what a migration made is taken back, the latest first.
//!
//! ```text
//! survey ─ journals + rows ─ what stays | what is taken back
//! rollback ─ unit: lease → row begins anew → item: effect: probe → record → undo → probe → record → steps of the unit
//!          └ owner, when nothing of its units is left: lease all its units → effects on the owner
//! ```
//!
//! The journals are read once, line by line, and what they say is sorted by unit into a temporary file: memory holds
//! 64 MiB while they are sorted, then about 300 bytes a unit and the effects of the items in flight.
//!
//! The journals say what was made; what was found is never in them as made, so it is never undone. An
//! effect that was intended and of which nothing more is known is looked for. The unit's row begins
//! anew before the first effect is taken back, so that whatever happens then, a run does again what is
//! missing. An effect leaves the account only when a look at the world showed it gone: a second
//! rollback, after the first or after its crash, finds what is left, and nothing once all is gone; it
//! also gives back the units that the first one held, and brings the rows of their owners in step.

mod back;
mod entry;
mod guard;
mod index;
mod journals;
mod list;
mod missing;
mod owner;
mod shared;
mod start;
mod survey;
mod targets;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{Effect, Failure, InstanceId, ItemId, PlanId, RunId, StateIdentity, UnitId};

use super::Ended;
use crate::state::Held;
use index::{EffectIndex, Indexed};
use shared::Things;

pub use guard::{Busy, watch_others};
pub use missing::{Lack, MissingJournal};
pub use start::rollback;
pub use survey::survey;

/// What is to be rolled back.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// Units; all of them if there is none. Owner and name, each if it matters: an owner alone means
    /// the whole of it, with the effects on the owner.
    pub units: Vec<(Option<String>, Option<String>)>,
    /// Only what this run made.
    pub run: Option<RunId>,
    /// Journals beside those of the state folder: files, or folders that hold some.
    pub journals: Vec<PathBuf>,
    /// The tables that effects must belong to: runs on others are left out, and what is only theirs is refused. Runs of
    /// an earlier version, which names tables without their id, are taken: each effect is looked for before it is taken
    /// back. `None` takes all.
    pub state: Option<StateIdentity>,
}

/// A run that the journals know, and that made something or took something back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KnownRun {
    /// Its id.
    pub run: String,
    /// Its instance.
    pub instance: Option<InstanceId>,
    /// The plan that its scope was a part of.
    pub plan: Option<PlanId>,
    /// Effects that it made, those that were taken back since among them.
    pub effects: u64,
    /// Effects that it took back: it was a rollback.
    pub undone: u64,
    /// When it made or took back the first and the last one, Unix milliseconds.
    pub first_at: u64,
    /// See `first_at`.
    pub last_at: u64,
}

impl Within {
    /// Owners of which everything is meant.
    fn whole_owners(&self) -> BTreeSet<String> {
        let whole = self
            .units
            .iter()
            .filter(|(_, name)| name.is_none() && self.run.is_none());
        whole.filter_map(|(owner, _)| owner.clone()).collect()
    }
}

/// What a rollback would do. Shown before anything is done.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Effects by kind: first those that stay.
    pub listed: Vec<Listed>,
    /// Units with something to take back.
    pub units: u64,
    /// Units whose rows count items as migrated that no journal at hand knows, and how many.
    pub unaccounted: Vec<(UnitId, u64)>,
    /// Journals of which something is missing, and that may tell of units that were asked for.
    pub missing: Vec<MissingJournal>,
    /// Of what was asked for, that of which neither rows nor journals know anything.
    pub unknown: Vec<(Option<String>, Option<String>)>,
    /// Whether the journals know the run that was asked for.
    pub knows_run: bool,
    /// Journals that were read.
    pub journals: Vec<PathBuf>,
    /// Runs that they know, in order of time.
    pub runs: Vec<KnownRun>,
    /// Leases of the units, and of parts of them.
    leased: BTreeMap<UnitId, Held>,
    /// Instances that have a share in the units.
    shares: BTreeSet<InstanceId>,
    plan: Plan,
}

impl Survey {
    /// Whether all that was made is known. Else only what is known is taken back, and nothing of units and owners as a
    /// whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unaccounted.is_empty() && self.missing.is_empty()
    }

    /// Effects that would be taken back.
    #[must_use]
    pub fn to_undo(&self) -> u64 {
        let undone = self.listed.iter().filter(|listed| listed.undone);
        undone.map(|listed| listed.effects).sum()
    }
}

/// One kind of effect in a survey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What kind of change.
    pub kind: String,
    /// How many.
    pub effects: u64,
    /// Whether they are taken back; else they stay.
    pub undone: bool,
    /// What stays in the world, and why.
    pub leaves: String,
}

/// See [`Survey`].
#[derive(Debug, Clone)]
struct Plan {
    units: BTreeMap<UnitId, UnitPlan>,
    owners: BTreeSet<String>,
    /// Owners of units that were rolled back before: their rows may tell of the time before that.
    told: BTreeSet<String>,
    /// Units of which not all that was made is known.
    incomplete: BTreeSet<UnitId>,
    /// Leases that did not beat for a whole term.
    dead: BTreeMap<UnitId, Held>,
    /// Things that effects on several items made.
    things: Things,
    /// The effects themselves, in a file.
    index: EffectIndex,
}

/// What is taken back of one unit.
#[derive(Debug, Clone, Default)]
struct UnitPlan {
    /// Effects on items, and steps of the unit.
    effects: Indexed,
    /// An earlier rollback began it and died: all that may be left is its row.
    begun: bool,
}

impl UnitPlan {
    fn is_empty(&self) -> bool {
        self.effects.effects == 0 && self.effects.steps.is_empty() && !self.begun
    }
}

/// What a rollback came to.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// How it ended.
    pub ended: Ended,
    /// Effects that were taken back, by kind.
    pub undone: BTreeMap<String, u64>,
    /// Effects that were gone already, or whose making had not come to pass.
    pub gone: u64,
    /// Effects that made what others still need.
    pub kept: u64,
    /// Units of which nothing is left to take back.
    pub units: u64,
    /// Effects that could not be taken back.
    pub failed: u64,
    /// The first of them.
    pub first: Vec<Refused>,
    /// Units that others hold, with their holders.
    pub held: Vec<(UnitId, Held)>,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}

/// An effect that could not be taken back, or a unit or owner that could not be worked on.
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
