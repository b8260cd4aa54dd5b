//! A journal line about an effect, in an order that groups all lines about one effect.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::model::{
    Effect, Fence, ItemId, JournalEntry, JournalRecord, RunId, StepName, UnitId, UnixMillis,
};
use crate::state::files::Sortable;

/// Bytes of an entry in memory beside its texts.
const BARE: usize = 320;
/// Bytes of a fact beside its texts.
const FACT: usize = 64;

/// Orders the lines of all journals about one unit: by fence, then by place in the journal. Lines of earlier versions
/// have no fence. They come before all others, in the order of their journal, and by time among journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) fence: Option<Fence>,
    pub(crate) seq: u64,
    /// Never earlier than that of the line before it in its journal.
    pub(crate) at: UnixMillis,
    /// Its position among the available lines of its journal.
    pub(crate) line: u64,
}

/// What one line says of an effect, or of a step of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) unit: UnitId,
    /// None for a step of the unit.
    pub(crate) item: Option<ItemId>,
    pub(crate) step: StepName,
    /// `None` for a step of the unit, whose row has the effect.
    pub(crate) effect: Option<Effect>,
    pub(crate) order: Order,
    pub(crate) run: RunId,
    /// Whether it was made, or may have been; else it was undone.
    pub(crate) lives: bool,
}

impl Entry {
    /// Reads a line, if it is about an effect.
    pub(crate) fn of(record: JournalRecord, order: Order) -> Option<Self> {
        let (effect, lives) = match (&record.item, record.entry) {
            (None, JournalEntry::Started { .. } | JournalEntry::Applied(_)) => (None, true),
            (None, JournalEntry::Undone(_) | JournalEntry::Found) => (None, false),
            (Some(_), JournalEntry::Intended(effect) | JournalEntry::Applied(effect)) => {
                (Some(effect), true)
            }
            (Some(_), JournalEntry::Undone(effect)) => (Some(effect), false),
            _ => return None,
        };
        Some(Self {
            unit: record.unit,
            item: record.item,
            step: record.step?,
            effect,
            order,
            run: record.run,
            lives,
        })
    }

    /// Whether both are about the same effect.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.place() == other.place()
    }

    /// The key of the effect.
    pub(crate) fn key(&self) -> Key {
        let (unit, item, step, kind, subject) = self.place();
        Key {
            unit: unit.clone(),
            item: item.cloned(),
            step: step.clone(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
        }
    }

    fn place(&self) -> (&UnitId, Option<&ItemId>, &StepName, &str, &str) {
        let effect = self.effect.as_ref();
        let (kind, subject) = effect.map_or(("", ""), |one| (&one.kind, &one.subject));
        (&self.unit, self.item.as_ref(), &self.step, kind, subject)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.place(), self.order).cmp(&(other.place(), other.order))
    }
}

impl Sortable for Entry {
    fn weight(&self) -> usize {
        let (unit, item, _, kind, subject) = self.place();
        let texts = [&*unit.owner, &unit.name, kind, subject, self.run.as_str()];
        let facts = self.effect.iter().flat_map(|effect| &effect.facts);
        let facts = facts.map(|(name, value)| FACT + name.len() + value.len());
        BARE + texts.map(str::len).iter().sum::<usize>()
            + item.map_or(0, |item| item.as_str().len())
            + facts.sum::<usize>()
    }
}

/// Identifies one effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) unit: UnitId,
    pub(crate) item: Option<ItemId>,
    pub(crate) step: StepName,
    pub(crate) kind: String,
    pub(crate) subject: String,
}

impl Key {
    pub(crate) fn new(
        unit: &UnitId,
        item: Option<&ItemId>,
        step: &StepName,
        effect: &Effect,
    ) -> Self {
        Self {
            unit: unit.clone(),
            item: item.cloned(),
            step: step.clone(),
            kind: effect.kind.clone(),
            subject: effect.subject.clone(),
        }
    }
}
