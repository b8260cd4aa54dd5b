//! What a rollback would do, and how it goes about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::{InstanceId, UnitId};
use crate::state::LeaseHolder;

use super::effects::{EffectIndex, Indexed, KnownRun, Listed, MissingJournal, Things};

/// What a rollback would do. Shown before anything is done.
#[derive(Debug, Clone)]
pub struct UndoPlan {
    /// Effects by kind: first those that stay.
    pub listed: Vec<Listed>,
    /// Units with something to undo.
    pub units: u64,
    /// Units whose rows count items as migrated that no available journal knows, and how many.
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
    pub(super) leased: BTreeMap<UnitId, LeaseHolder>,
    /// Instances that have a share in the units.
    pub(super) shares: BTreeSet<InstanceId>,
    pub(super) plan: Plan,
}

impl UndoPlan {
    /// Whether all that was made is known. Else only what is known is undone, and nothing of units and owners as a
    /// whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unaccounted.is_empty() && self.missing.is_empty()
    }

    /// Effects that would be undone.
    #[must_use]
    pub fn to_undo(&self) -> u64 {
        let undone = self.listed.iter().filter(|listed| listed.undone);
        undone.map(|listed| listed.effects).sum()
    }
}

/// See [`UndoPlan`].
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) units: BTreeMap<UnitId, UnitPlan>,
    pub(super) owners: BTreeSet<String>,
    /// Owners of units that were rolled back before: their rows may tell of the time before that.
    pub(super) told: BTreeSet<String>,
    /// Units of which not all that was made is known.
    pub(super) incomplete: BTreeSet<UnitId>,
    /// Leases that did not beat for a whole term.
    pub(super) dead: BTreeMap<UnitId, LeaseHolder>,
    /// Things that effects on several items made.
    pub(super) things: Things,
    /// The effects themselves, in a file.
    pub(super) index: EffectIndex,
}

/// What is undone of one unit.
#[derive(Debug, Clone, Default)]
pub(super) struct UnitPlan {
    /// Effects on items, and steps of the unit.
    pub(super) effects: Indexed,
    /// An earlier rollback began it and died: all that may be left is its row.
    pub(super) begun: bool,
}

impl UnitPlan {
    pub(super) fn is_empty(&self) -> bool {
        self.effects.effects == 0 && self.effects.steps.is_empty() && !self.begun
    }
}
