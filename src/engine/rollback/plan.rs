//! The plan of a rollback.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::{InstanceId, UnitId};
use crate::state::LeaseHolder;

use super::effects::{EffectIndex, Indexed, KnownRun, Listed, MissingJournal, Things};

/// What a rollback would do.
#[derive(Debug, Clone)]
pub struct UndoPlan {
    /// Effects by kind; those that stay come first.
    pub listed: Vec<Listed>,
    /// Units with something to undo.
    pub units: u64,
    /// Units whose rows count more migrated items than the available journals have, and how many more.
    pub unaccounted: Vec<(UnitId, u64)>,
    /// Incomplete journals that may hold effects on units in scope.
    pub missing: Vec<MissingJournal>,
    /// Requested units that neither rows nor journals know.
    pub unknown: Vec<(Option<String>, Option<String>)>,
    /// Whether the journals know the requested run.
    pub knows_run: bool,
    /// Journals that were read.
    pub journals: Vec<PathBuf>,
    /// Their runs, in order of time.
    pub runs: Vec<KnownRun>,
    /// Leases of the units, and of parts of them.
    pub(super) leased: BTreeMap<UnitId, LeaseHolder>,
    /// Instances with a share in the units.
    pub(super) shares: BTreeSet<InstanceId>,
    pub(super) plan: Plan,
}

impl UndoPlan {
    /// Whether all effects are known. Otherwise only known effects on items are undone, and none on units and owners as
    /// a whole.
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
    /// Owners of units that were rolled back before, whose rows may be out of date.
    pub(super) told: BTreeSet<String>,
    /// Units with unknown effects.
    pub(super) incomplete: BTreeSet<UnitId>,
    /// Leases whose beat did not move for a whole term.
    pub(super) dead: BTreeMap<UnitId, LeaseHolder>,
    /// Things that effects on several items made.
    pub(super) things: Things,
    /// The effects themselves, in a file.
    pub(super) index: EffectIndex,
}

/// The plan for one unit.
#[derive(Debug, Clone, Default)]
pub(super) struct UnitPlan {
    /// Effects on items, and steps of the unit.
    pub(super) effects: Indexed,
    /// An earlier rollback started it and died. Perhaps only its row is left to reset.
    pub(super) begun: bool,
}

impl UnitPlan {
    pub(super) fn is_empty(&self) -> bool {
        self.effects.effects == 0 && self.effects.steps.is_empty() && !self.begun
    }
}
