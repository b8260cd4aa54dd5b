//! Journals that shared state names but that are missing or incomplete. Lines are numbered without gaps, so that
//! missing ones are seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{JournalId, JournalTrace, RunId};

/// What is missing of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "lacks", rename_all = "kebab-case")]
pub enum Lack {
    /// The whole journal.
    Absent,
    /// Its end.
    Cut {
        /// The number of its last available line.
        ends: u64,
    },
    /// Lines in the middle, usually a rotated file.
    Hole {
        /// The first missing line.
        first: u64,
        /// The last missing line.
        last: u64,
    },
}

/// An incomplete journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingJournal {
    /// Its instance and state folder.
    pub journal: JournalId,
    /// What is missing.
    #[serde(flatten)]
    pub lack: Lack,
    /// The number of the last written line, by the rows of these units.
    pub written: u64,
    /// Units in scope whose effects it may hold.
    pub units: u64,
}

/// What is available of the journals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Available(pub(crate) BTreeMap<JournalId, Chain>);

impl Available {
    /// What is missing of a journal that has as many lines as a row says.
    pub(crate) fn lack(&self, journal: &JournalId, trace: JournalTrace) -> Option<Lack> {
        let Some(chain) = self.0.get(journal) else {
            // A journal has a line before its holder has a lease. Without any line, nobody knows what was made.
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

/// Incomplete journals, each once.
#[derive(Debug, Default)]
pub(crate) struct Missing(BTreeMap<JournalId, MissingJournal>);

impl Missing {
    /// Records that a unit needs an incomplete journal.
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

/// The available lines by run. Only the first line of a run says which journal it belongs to.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    runs: BTreeMap<RunId, Vec<(u64, u64)>>,
    journals: BTreeMap<RunId, JournalId>,
    /// The runs of each file. A moved folder continues its journal under another id.
    files: Vec<BTreeSet<RunId>>,
}

/// What is available of one journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// Number of the last line.
    pub(crate) end: u64,
    /// Missing lines before it: the first and the last of each hole.
    pub(crate) holes: Vec<(u64, u64)>,
}

impl Chains {
    /// The following lines belong to one journal.
    pub(crate) fn begin(&mut self) {
        self.files.push(BTreeSet::new());
    }

    /// Records the journal of a run.
    pub(crate) fn open(&mut self, run: &RunId, journal: JournalId) {
        self.journals.insert(run.clone(), journal);
    }

    /// Records an available line of a run. Lines of earlier versions have no number.
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

    /// The journal of a run, if its first line is available.
    pub(crate) fn journal_of(&self, run: &RunId) -> Option<JournalId> {
        self.journals.get(run).cloned()
    }

    /// Each journal with the first line of a run.
    pub(crate) fn by_journal(&self) -> BTreeMap<JournalId, Chain> {
        let mut own: BTreeMap<&JournalId, BTreeSet<&RunId>> = BTreeMap::new();
        // Without its first line the journal of a run is unknown, and its lines count as missing.
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
    /// The lines up to `end`. Other runs of the same files may fill some.
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
