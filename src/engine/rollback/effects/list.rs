//! Effects by kind: how many, whether they are undone, and their residue.

use std::collections::BTreeMap;

use serde::Serialize;

/// One kind of effect in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What kind of change.
    pub kind: String,
    /// How many.
    pub effects: u64,
    /// Whether they are undone; else they stay.
    pub undone: bool,
    /// What stays in the world, and why.
    pub leaves: String,
}

/// Effects by kind.
#[derive(Debug, Default)]
pub(crate) struct List(BTreeMap<(bool, String, &'static str), u64>);

impl List {
    /// Counts one.
    pub(crate) fn count(&mut self, kind: &str, undone: bool, leaves: &'static str) {
        *self.0.entry((undone, kind.to_owned(), leaves)).or_default() += 1;
    }

    /// Those that stay first.
    pub(crate) fn sorted(self) -> Vec<Listed> {
        self.0
            .into_iter()
            .map(|((undone, kind, leaves), effects)| Listed {
                kind,
                effects,
                undone,
                leaves: leaves.to_owned(),
            })
            .collect()
    }
}
