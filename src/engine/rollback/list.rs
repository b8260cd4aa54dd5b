//! Effects by kind: how many, whether they are taken back, and what they leave.

use std::collections::BTreeMap;

use super::Listed;

/// Effects by kind.
#[derive(Debug, Default)]
pub(super) struct List(BTreeMap<(bool, String, &'static str), u64>);

impl List {
    /// Counts one.
    pub(super) fn count(&mut self, kind: &str, undone: bool, leaves: &'static str) {
        *self.0.entry((undone, kind.to_owned(), leaves)).or_default() += 1;
    }

    /// Those that stay first.
    pub(super) fn sorted(self) -> Vec<Listed> {
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
