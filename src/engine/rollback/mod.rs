//! Rollback: what a migration made is taken back, the latest first.
//!
//! ```text
//! survey ─ journals + rows ─ what stays | what is taken back
//! rollback ─ unit: lease → row begins anew → item: effect: probe → record → undo → probe → record → steps of the unit
//!          └ owner, when nothing of its units is left: lease all its units → effects on the owner
//! ```
//!
//! The journals say what was made; what was found is never in them as made, so it is never undone. An
//! effect that was intended and of which nothing more is known is looked for. The unit's row begins
//! anew before the first effect is taken back, so that whatever happens then, a run does again what is
//! missing. An effect leaves the account only when a look at the world showed it gone: a second
//! rollback, after the first or after its crash, finds what is left, and nothing once all is gone; it
//! also gives back the units that the first one held, and brings the rows of their owners in step.

mod account;
mod back;
mod owner;
mod start;
mod survey;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{Effect, Failure, InstanceId, ItemId, PlanId, RunId, StepName, UnitId};

use super::Ended;
use account::Made;

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
    /// What effects must belong to (environment and tables): runs of another are left out, and what is only theirs is
    /// refused. `None` takes all.
    pub state: Option<String>,
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

impl KnownRun {
    /// The same run by two journals.
    fn and(self, other: Self) -> Self {
        let first = [self.first_at, other.first_at];
        Self {
            run: if self.run.is_empty() {
                other.run
            } else {
                self.run
            },
            instance: self.instance.or(other.instance),
            plan: self.plan.or(other.plan),
            effects: self.effects + other.effects,
            undone: self.undone + other.undone,
            first_at: first.into_iter().filter(|at| *at > 0).min().unwrap_or(0),
            last_at: self.last_at.max(other.last_at),
        }
    }
}

impl Within {
    /// Whether a unit is meant.
    #[must_use]
    pub fn takes(&self, unit: &UnitId) -> bool {
        self.units.is_empty() || self.units.iter().any(|asked| Self::fits(asked, unit))
    }

    fn fits((owner, name): &(Option<String>, Option<String>), unit: &UnitId) -> bool {
        let fits =
            |want: &Option<String>, have: &str| want.as_ref().is_none_or(|want| want == have);
        fits(owner, &unit.owner) && fits(name, &unit.name)
    }

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
    /// Of what was asked for, that of which neither rows nor journals know anything.
    pub unknown: Vec<(Option<String>, Option<String>)>,
    /// Whether the journals know the run that was asked for.
    pub knows_run: bool,
    /// Journals that were read.
    pub journals: Vec<PathBuf>,
    /// Runs that they know, in order of time.
    pub runs: Vec<KnownRun>,
    plan: Plan,
}

impl Survey {
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
#[derive(Debug, Clone, Default)]
struct Plan {
    units: BTreeMap<UnitId, UnitPlan>,
    owners: BTreeSet<String>,
    /// Owners of units that were rolled back before: their rows may tell of the time before that.
    told: BTreeSet<String>,
    /// Holders of things that effects on several items made.
    holders: BTreeMap<String, BTreeSet<Key>>,
}

/// What is taken back of one unit.
#[derive(Debug, Clone, Default)]
struct UnitPlan {
    /// Effects on items, the latest first.
    made: Vec<Made>,
    /// Steps of the unit.
    steps: BTreeSet<StepName>,
    /// An earlier rollback began it and died: all that may be left is its row.
    begun: bool,
}

impl UnitPlan {
    fn is_empty(&self) -> bool {
        self.made.is_empty() && self.steps.is_empty() && !self.begun
    }
}

/// What tells one effect from all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    unit: UnitId,
    item: Option<ItemId>,
    step: StepName,
    kind: String,
    subject: String,
}

impl Key {
    fn new(unit: &UnitId, item: Option<&ItemId>, step: &StepName, effect: &Effect) -> Self {
        Self {
            unit: unit.clone(),
            item: item.cloned(),
            step: step.clone(),
            kind: effect.kind.clone(),
            subject: effect.subject.clone(),
        }
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
    pub held: Vec<(UnitId, InstanceId)>,
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
