//! Reads the available journals: their effects, their runs, and which lines are available.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::engine::EngineError;
use crate::model::{
    Belongs, InstanceId, JOURNAL_VERSION, JournalEntry, JournalFault, JournalId, JournalLine,
    JournalOpening, JournalRecord, PlanId, RunId, StateIdentity, UnixMillis,
};
use crate::state;
use crate::state::files::{Scratch, Sorter, damaged, journal_files, journals_in, scan_lines};

use super::entry::{Entry, Order};
use super::missing::Chains;

/// A run in the journals that made or undid effects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KnownRun {
    /// Its id.
    pub run: String,
    /// Its instance.
    pub instance: Option<InstanceId>,
    /// The plan that its scope was part of.
    pub plan: Option<PlanId>,
    /// Effects that it made, including those that were undone since.
    pub effects: u64,
    /// Effects that it undid: it was a rollback.
    pub undone: u64,
    /// When it made or undid the first effect.
    pub first_at: UnixMillis,
    /// When it made or undid the last effect.
    pub last_at: UnixMillis,
}

/// Bytes of entries in memory while they are sorted.
pub(crate) const SORTED_IN_MEMORY: usize = 32 << 20;

/// The content of the journals, with entries not yet sorted.
pub(crate) struct Read {
    pub(crate) entries: Sorter<Entry>,
    pub(crate) chains: Chains,
    pub(crate) knows_run: bool,
    /// Runs that made or undid effects.
    pub(crate) runs: BTreeMap<RunId, KnownRun>,
    /// Runs of another environment or migration, in words. Their effects are not undone.
    pub(crate) foreign: BTreeMap<RunId, String>,
}

/// Which journal lines count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineFilter<'a> {
    /// The run that is asked for.
    pub(crate) run: Option<&'a RunId>,
    /// The tables that effects must belong to; `None` takes all.
    pub(crate) state: Option<&'a StateIdentity>,
}

/// The journals of a state folder, and further ones: files, or folders of journals.
pub(crate) fn journals(state: &state::Config, more: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let prefix = &state.namespace.files;
    let mut found = journals_in(&state.dir, prefix)?;
    for path in more {
        if path.is_dir() {
            let inside = journals_in(path, prefix)?;
            if inside.is_empty() {
                let text = format!("{} holds no journal", path.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
            found.extend(inside);
        } else if path.exists() {
            found.push(path.clone());
        } else {
            let text = format!("{} does not exist", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found)
}

impl Read {
    /// Reads the journals. `takes` selects entries. Blocks.
    ///
    /// # Errors
    /// [`EngineError::ForeignJournal`] for lines of another version, and for a journal or a wanted run of another environment.
    pub(crate) fn all(
        journals: &[PathBuf],
        wanted: LineFilter<'_>,
        scratch: &Arc<Scratch>,
        takes: impl Fn(&Entry) -> bool,
    ) -> Result<Self, EngineError> {
        let mut all = Self {
            entries: Sorter::new(scratch, SORTED_IN_MEMORY),
            chains: Chains::default(),
            knows_run: false,
            runs: BTreeMap::new(),
            foreign: BTreeMap::new(),
        };
        let mut runs_in = Vec::new();
        for path in journals {
            runs_in.push((path, all.journal(path, wanted, &takes)?));
        }
        for (path, runs) in runs_in {
            all.check_foreign(path, &runs, wanted)?;
        }
        Ok(all)
    }

    /// Reads one journal; returns the runs that it has lines of.
    fn journal(
        &mut self,
        path: &Path,
        wanted: LineFilter<'_>,
        takes: &impl Fn(&Entry) -> bool,
    ) -> Result<BTreeSet<RunId>, EngineError> {
        let (mut runs, mut line, mut at) = (BTreeSet::new(), 0, UnixMillis::ZERO);
        self.chains.begin();
        for file in journal_files(path)? {
            scan_lines(&file, |number, text| {
                line += 1;
                match parse(&file, number, text)? {
                    JournalLine::Opening(opening) => self.open(*opening, wanted.state),
                    JournalLine::Record(record) => {
                        if !runs.contains(&record.run) {
                            runs.insert(record.run.clone());
                        }
                        self.chains.note(&record.run, record.seq);
                        self.count(&record);
                        at = record.at.max(at);
                        let order = Order {
                            fence: record.fence,
                            seq: record.seq,
                            at,
                            line,
                        };
                        if let Some(entry) = Entry::of(*record, order).filter(|one| takes(one)) {
                            self.entries.push(entry)?;
                        }
                    }
                }
                Ok::<(), EngineError>(())
            })?;
        }
        self.knows_run |= wanted.run.is_some_and(|run| runs.contains(run));
        Ok(runs)
    }

    fn open(&mut self, opening: JournalOpening, state: Option<&StateIdentity>) {
        let journal = JournalId::of(&opening.instance, opening.folder.as_ref());
        self.chains.open(&opening.run, journal);
        self.chains.note(&opening.run, opening.seq);
        if state.is_some_and(|state| state.judge(&opening.state) == Belongs::Elsewhere) {
            let migration = opening.migration.as_ref();
            let migration =
                migration.map_or_else(String::new, |name| format!(", migration {name}"));
            let whose = format!("{}{migration}", opening.state);
            self.foreign.insert(opening.run, whose);
            return;
        }
        let run = self.runs.entry(opening.run).or_default();
        (run.instance, run.plan) = (Some(opening.instance), opening.plan);
    }

    /// Counts what a run made or undid.
    fn count(&mut self, record: &JournalRecord) {
        let (made, undone) = match record.entry {
            JournalEntry::Applied(_) => (1, 0),
            JournalEntry::Undone(_) => (0, 1),
            _ => return,
        };
        if !self.runs.contains_key(&record.run) {
            self.runs.insert(record.run.clone(), KnownRun::default());
        }
        let Some(run) = self.runs.get_mut(&record.run) else {
            return;
        };
        if run.run.is_empty() {
            run.run = record.run.to_string();
        }
        run.effects += made;
        run.undone += undone;
        run.first_at = match run.first_at {
            UnixMillis::ZERO => record.at,
            first => first.min(record.at),
        };
        run.last_at = run.last_at.max(record.at);
    }

    /// Refuses a journal whose runs all belong elsewhere, and a requested run that does.
    fn check_foreign(
        &mut self,
        path: &Path,
        runs: &BTreeSet<RunId>,
        wanted: LineFilter<'_>,
    ) -> Result<(), EngineError> {
        let mut foreign = runs.iter().filter_map(|run| self.foreign.get(run));
        let found = match wanted.run {
            Some(run) => self.foreign.get(run),
            None if runs.iter().all(|run| self.foreign.contains_key(run)) => foreign.next(),
            None => None,
        };
        match found {
            None => Ok(()),
            Some(found) => Err(EngineError::ForeignJournal {
                path: path.to_path_buf(),
                found: format!("effects of {found}"),
                wanted: wanted
                    .state
                    .map_or_else(String::new, |state| format!("expected those of {state}")),
            }),
        }
    }

    /// The runs of this environment that made or undid effects, in order of time.
    pub(crate) fn known_runs(&mut self) -> Vec<KnownRun> {
        let foreign = &self.foreign;
        let mut runs: Vec<KnownRun> = std::mem::take(&mut self.runs)
            .into_iter()
            .filter(|(id, run)| run.effects + run.undone > 0 && !foreign.contains_key(id))
            .map(|(_, run)| run)
            .collect();
        runs.sort_by_key(|run| (run.last_at, run.run.clone()));
        runs
    }
}

/// Parses a line. A line of another version is refused.
fn parse(file: &Path, number: u64, text: &[u8]) -> Result<JournalLine, EngineError> {
    JournalLine::parse(text).map_err(|fault| match fault {
        JournalFault::Version(_) => EngineError::ForeignJournal {
            path: file.to_path_buf(),
            found: format!("line {number} of {fault}"),
            wanted: format!("this program reads journal version {JOURNAL_VERSION}"),
        },
        JournalFault::Damaged(_) => EngineError::Journals(damaged(file, number, &fault)),
    })
}
