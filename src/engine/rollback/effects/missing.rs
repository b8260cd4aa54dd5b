//! Journals that must exist, by what shared state says, and are not available, or not whole: each line has the number
//! after that of the line before it, so that what is missing is seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{JournalId, JournalTrace, RunId};

/// What is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "lacks", rename_all = "kebab-case")]
pub enum Lack {
    /// Nothing of it is available.
    Absent,
    /// It ends too early.
    Cut {
        /// Number of its last available line.
        ends: u64,
    },
    /// Lines in the middle are missing: a rotated file, mostly.
    Hole {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
}

/// A journal of which something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingJournal {
    /// Whose it is: instance and state folder.
    pub journal: JournalId,
    /// What is wrong with it.
    #[serde(flatten)]
    pub lack: Lack,
    /// Number of the last line that was written, as far as the rows of these units know.
    pub written: u64,
    /// Units that were asked for and that it may tell of.
    pub units: u64,
}

/// What is available of the journals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Available(pub(crate) BTreeMap<JournalId, Chain>);

impl Available {
    /// What is missing of a journal that was written as far as a row says.
    pub(crate) fn lack(&self, journal: &JournalId, trace: JournalTrace) -> Option<Lack> {
        let Some(chain) = self.0.get(journal) else {
            // A journal has a line before its holder has a lease: without any, nobody knows what was made.
            return (trace.lines > 0 || trace.open).then_some(Lack::Absent);
        };
        if let Some((first, last)) = chain.holes.first() {
            let (first, last) = (*first, *last);
            return Some(Lack::Hole { first, last });
        }
        let ends = chain.end;
        (ends < trace.lines).then_some(Lack::Cut { ends })
    }
}

/// Journals of which something is missing, each once.
#[derive(Debug, Default)]
pub(crate) struct Missing(BTreeMap<JournalId, MissingJournal>);

impl Missing {
    /// A unit needs the journal.
    pub(crate) fn note(&mut self, journal: &JournalId, lack: Lack, trace: JournalTrace) {
        let held = self.0.entry(journal.clone());
        let held = held.or_insert_with(|| MissingJournal {
            journal: journal.clone(),
            lack,
            written: 0,
            units: 0,
        });
        held.units += 1;
        held.written = held.written.max(trace.lines);
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<MissingJournal> {
        self.0.into_values().collect()
    }
}

/// Lines that are available, by run: only the first line of a run says whose journal it is.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    runs: BTreeMap<RunId, Vec<(u64, u64)>>,
    journals: BTreeMap<RunId, JournalId>,
    /// The runs of each file. A folder that was moved goes on with its journal under another id.
    files: Vec<BTreeSet<RunId>>,
}

/// What is available of one journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// Number of the last line.
    pub(crate) end: u64,
    /// Lines before it that are missing: the first and the last of each hole.
    pub(crate) holes: Vec<(u64, u64)>,
}

impl Chains {
    /// The lines that follow are in one journal's files.
    pub(crate) fn begin(&mut self) {
        self.files.push(BTreeSet::new());
    }

    /// A run begins in a journal.
    pub(crate) fn open(&mut self, run: &RunId, journal: JournalId) {
        self.journals.insert(run.clone(), journal);
    }

    /// A line of a run is available; those of earlier versions have no number.
    pub(crate) fn note(&mut self, run: &RunId, seq: u64) {
        if seq == 0 {
            return;
        }
        if let Some((_, last)) = self.runs.get_mut(run).and_then(|spans| spans.last_mut())
            && *last + 1 == seq
        {
            *last = seq;
            return;
        }
        self.runs.entry(run.clone()).or_default().push((seq, seq));
        if let Some(runs) = self.files.last_mut() {
            runs.insert(run.clone());
        }
    }

    /// The journal that a run wrote, if its beginning is available.
    pub(crate) fn journal_of(&self, run: &RunId) -> Option<JournalId> {
        self.journals.get(run).cloned()
    }

    /// Each journal of which a beginning of a run is available.
    pub(crate) fn by_journal(&self) -> BTreeMap<JournalId, Chain> {
        let mut own: BTreeMap<&JournalId, BTreeSet<&RunId>> = BTreeMap::new();
        // Without its beginning nobody knows whose the lines of a run are: they are missing where they belong.
        for (run, journal) in &self.journals {
            own.entry(journal).or_default().insert(run);
        }
        own.into_iter()
            .map(|(journal, runs)| (journal.clone(), self.chain(&runs)))
            .collect()
    }

    fn chain(&self, own: &BTreeSet<&RunId>) -> Chain {
        let spans = |run: &RunId| self.runs.get(run).into_iter().flatten();
        let end = own
            .iter()
            .flat_map(|run| spans(run))
            .map(|(_, last)| *last)
            .max();
        let beside = self
            .files
            .iter()
            .filter(|runs| runs.iter().any(|run| own.contains(run)));
        let known = beside
            .flatten()
            .filter(|run| self.journals.contains_key(*run));
        let known: BTreeSet<&RunId> = known.chain(own.iter().copied()).collect();
        let all = known.into_iter().flat_map(spans).copied();
        Chain::of(all.collect(), end.unwrap_or(0))
    }
}

impl Chain {
    /// Lines up to the last one of its own, of which others of the same files make up for some.
    fn of(mut spans: Vec<(u64, u64)>, end: u64) -> Self {
        spans.sort_unstable();
        let (mut seen, mut holes) = (0, Vec::new());
        for (first, last) in spans {
            if first > end {
                break;
            }
            if first > seen + 1 {
                holes.push((seen + 1, first - 1));
            }
            seen = seen.max(last);
        }
        Self { end, holes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_seen_in_any_order_and_copies_are_none() {
        let mut chains = Chains::default();
        chains.begin();
        let (one, two) = (RunId::new("one"), RunId::new("two"));
        let journal = JournalId::new("1#here");
        for seq in [3, 4, 5, 1, 2, 2, 3, 9] {
            chains.note(&one, seq);
        }
        chains.note(&two, 7);
        chains.note(&two, 0);
        chains.note(&RunId::new("nobody's"), 6);
        chains.open(&one, journal.clone());
        chains.open(&two, journal.clone());
        // The folder was moved: the same file goes on under another id.
        let moved = (RunId::new("moved"), JournalId::new("1#there"));
        for seq in 10..13 {
            chains.note(&moved.0, seq);
        }
        chains.open(&moved.0, moved.1.clone());
        let found = chains.by_journal();
        assert_eq!((found.len(), found[&moved.1].end), (2, 12));
        assert_eq!(found[&moved.1].holes, [(6, 6), (8, 8)]);
        assert_eq!(
            found[&journal],
            Chain {
                end: 9,
                holes: vec![(6, 6), (8, 8)]
            }
        );
    }
}
