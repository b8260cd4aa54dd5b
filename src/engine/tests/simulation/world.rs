//! The outside world as it truly is: items and the effects that were made on them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{UnitId, UnixMillis};
use crate::runtime::Instant;

/// All units, with their items in order.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) units: BTreeMap<UnitId, BTreeMap<String, Thing>>,
    /// Folders of units, which a unit step makes.
    pub(super) folders: BTreeSet<UnitId>,
    /// Keys that were provisioned for each owner: more than one is one too many.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
    /// When each unit was listed from its start, and when it was listed last by each run.
    pub(super) listed: BTreeMap<UnitId, Listed>,
}

/// When a unit was listed, by the true clock.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) from_start: UnixMillis,
    pub(super) by: BTreeMap<String, UnixMillis>,
}

/// One item.
#[derive(Debug, Clone, Default)]
pub(super) struct Thing {
    /// When it came, by the true clock; none says nothing of its age.
    pub(super) added_at: Option<UnixMillis>,
    /// It can never be migrated.
    pub(super) corrupt: bool,
    /// It was, for a while.
    pub(super) fixed: bool,
    pub(super) copied: Option<Instant>,
    pub(super) sealed: Option<Instant>,
}

impl Thing {
    pub(super) fn effect(&mut self, step: &str) -> &mut Option<Instant> {
        match step {
            "copy" => &mut self.copied,
            "seal" => &mut self.sealed,
            other => unreachable!("no step {other}"),
        }
    }

    /// Whether everything was made.
    pub(super) fn is_done(&self) -> bool {
        self.copied.is_some() && self.sealed.is_some()
    }
}

impl World {
    pub(super) fn thing(&mut self, unit: &UnitId, item: &str) -> &mut Thing {
        self.units
            .entry(unit.clone())
            .or_default()
            .entry(item.to_owned())
            .or_default()
    }
}

/// A unit by its number.
pub(super) fn unit(number: u32) -> UnitId {
    UnitId::new(
        format!("did:mailto:sea.example:owner-{}", number % 2),
        format!("unit-{number}"),
    )
}
