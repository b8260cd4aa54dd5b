//! The units in scope, checked for every line of every journal.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::{RunId, StateIdentity, UnitId};

/// The scope of a rollback.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// Units by owner, by name, or by both; empty for all. An owner alone includes the effects on the owner.
    pub units: Vec<(Option<String>, Option<String>)>,
    /// Only what this run made.
    pub run: Option<RunId>,
    /// Journals besides those of the state folder: files, or folders of journals.
    pub journals: Vec<PathBuf>,
    /// The tables that effects must belong to; `None` takes all. Runs on other tables are left out, and journals with
    /// only such runs are refused. Runs of earlier versions, without a table id, are included: each effect is probed
    /// before it is undone.
    pub state: Option<StateIdentity>,
}

impl Within {
    /// Owners in scope as a whole.
    pub(super) fn whole_owners(&self) -> BTreeSet<String> {
        let whole = self
            .units
            .iter()
            .filter(|(_, name)| name.is_none() && self.run.is_none());
        whole.filter_map(|(owner, _)| owner.clone()).collect()
    }
}

/// Units by owner, by name, or by both.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets {
    all: bool,
    owners: BTreeSet<String>,
    names: BTreeSet<String>,
    units: BTreeSet<UnitId>,
}

impl Targets {
    /// The requested units.
    pub(super) fn of(within: &Within) -> Self {
        let mut targets = Self {
            all: within.units.is_empty(),
            ..Self::default()
        };
        for asked in &within.units {
            match asked {
                (None, None) => targets.all = true,
                (Some(owner), None) => {
                    targets.owners.insert(owner.clone());
                }
                (None, Some(name)) => {
                    targets.names.insert(name.clone());
                }
                (Some(owner), Some(name)) => {
                    targets.add(&UnitId::new(owner.as_str(), name.as_str()));
                }
            }
        }
        targets
    }

    /// Adds one unit.
    pub(super) fn add(&mut self, unit: &UnitId) {
        self.units.insert(unit.clone());
    }

    /// Whether a unit is in scope.
    pub(super) fn takes(&self, unit: &UnitId) -> bool {
        self.all
            || self.owners.contains(&*unit.owner)
            || self.names.contains(&*unit.name)
            || self.units.contains(unit)
    }

    /// The requested entries that match none of these units.
    pub(super) fn without<'a>(
        within: &Within,
        units: impl Iterator<Item = &'a UnitId>,
    ) -> Vec<(Option<String>, Option<String>)> {
        let mut known = Self::default();
        for unit in units {
            if !known.owners.contains(&*unit.owner) {
                known.owners.insert(unit.owner.to_string());
            }
            if !known.names.contains(&*unit.name) {
                known.names.insert(unit.name.to_string());
            }
            known.add(unit);
        }
        let is_unknown = |(owner, name): &&(Option<String>, Option<String>)| match (owner, name) {
            (None, None) => false,
            (Some(owner), None) => !known.owners.contains(owner),
            (None, Some(name)) => !known.names.contains(name),
            (Some(owner), Some(name)) => {
                let unit = UnitId::new(owner.as_str(), name.as_str());
                !known.units.contains(&unit)
            }
        };
        within.units.iter().filter(is_unknown).cloned().collect()
    }
}
