//! What a step changed in the world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether an effect can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Undo {
    /// A rollback removes it.
    Possible,
    /// It existed before. A rollback does not undo it.
    Found,
    /// It stays; a rollback lists it.
    Irreversible,
}

/// One change of the world: enough to prove, count and undo it. It never holds a secret.
///
/// A plain record, not an enum over all migrations, because the engine stores and counts effects of migrations that it
/// does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What kind of change, in the migration's words (`index-stored`, `claim-published`).
    pub kind: String,
    /// What was changed: an index, a blob.
    pub subject: String,
    /// Whether it can be undone.
    pub undo: Undo,
    /// What proves and undoes it: CIDs, digests, task ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Effect {
    /// An effect that cannot be undone.
    pub fn new(kind: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            subject: subject.into(),
            undo: Undo::Irreversible,
            facts: BTreeMap::new(),
        }
    }

    /// The same effect, which a rollback can remove.
    #[must_use]
    pub fn reversible(mut self) -> Self {
        self.undo = Undo::Possible;
        self
    }

    /// The same effect, which existed before.
    #[must_use]
    pub fn found(mut self) -> Self {
        self.undo = Undo::Found;
        self
    }

    /// The same effect with one more fact.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }
}
