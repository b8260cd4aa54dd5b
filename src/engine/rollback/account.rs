//! The account of the journals: which effects were made and not taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Effect, ItemId, JournalEntry, JournalRecord, RunId, StepName, Undo, UnitId};
use crate::state::files::{journals_in, scan_journal};

use super::Key;

/// An effect on an item that was made, or may have been.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) item: ItemId,
    pub(super) step: StepName,
    pub(super) effect: Effect,
    /// When it was told of last, Unix milliseconds.
    pub(super) at: u64,
    /// Its place in its journal.
    line: u64,
    run: RunId,
    /// False once it was taken back.
    lives: bool,
}

/// Where a step of a unit stands, by the journals alone.
#[derive(Debug, Clone)]
struct StepMade {
    at: u64,
    run: RunId,
    lives: bool,
}

/// What the journals say of the units that were asked for.
#[derive(Debug, Default)]
pub(super) struct Account {
    made: BTreeMap<Key, Made>,
    steps: BTreeMap<(UnitId, StepName), StepMade>,
    /// Items of which any effect is known.
    pub(super) items: BTreeMap<UnitId, BTreeSet<ItemId>>,
    pub(super) knows_run: bool,
}

/// The journals of a state folder, and those that are named: files, or folders that hold some.
pub(super) fn journals(dir: &Path, more: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut found = journals_in(dir)?;
    for path in more {
        if path.is_dir() {
            let inside = journals_in(path)?;
            if inside.is_empty() {
                let text = format!("{} holds no journal", path.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
            found.extend(inside);
        } else if path.exists() {
            found.push(path.clone());
        } else {
            let text = format!("{} is not there", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found)
}

impl Account {
    /// Reads the journals. `takes` says which effects are of interest, by unit, step and effect.
    /// Blocks.
    pub(super) fn read(
        journals: &[PathBuf],
        run: Option<&RunId>,
        takes: impl Fn(&UnitId, &StepName, Option<&Effect>) -> bool,
    ) -> io::Result<Self> {
        let mut all = Self::default();
        for path in journals {
            let (mut one, mut line) = (Self::default(), 0);
            scan_journal(path, |record: JournalRecord| {
                line += 1;
                one.knows_run |= run == Some(&record.run);
                one.note(record, line, &takes);
            })?;
            all.join(one);
        }
        Ok(all)
    }

    fn note(
        &mut self,
        record: JournalRecord,
        line: u64,
        takes: impl Fn(&UnitId, &StepName, Option<&Effect>) -> bool,
    ) {
        let Some(step) = record.step else { return };
        let (unit, at, run) = (record.unit, record.at, record.run);
        let Some(item) = record.item else {
            let lives = match record.entry {
                JournalEntry::Started { .. } | JournalEntry::Applied(_) => true,
                JournalEntry::Undone(_) | JournalEntry::Found => false,
                _ => return,
            };
            if takes(&unit, &step, None) {
                self.steps.insert((unit, step), StepMade { at, run, lives });
            }
            return;
        };
        let (effect, lives) = match record.entry {
            JournalEntry::Intended(effect) | JournalEntry::Applied(effect) => (effect, true),
            JournalEntry::Undone(effect) => (effect, false),
            _ => return,
        };
        if !takes(&unit, &step, Some(&effect)) {
            return;
        }
        self.items
            .entry(unit.clone())
            .or_default()
            .insert(item.clone());
        if effect.undo == Undo::Found {
            return;
        }
        let key = Key::new(&unit, Some(&item), &step, &effect);
        let made = Made {
            item,
            step,
            effect,
            at,
            line,
            run,
            lives,
        };
        self.made.insert(key, made);
    }

    /// Takes in another journal: of two accounts of one effect the later counts.
    fn join(&mut self, other: Self) {
        for (key, made) in other.made {
            match self.made.get(&key) {
                Some(held) if held.at > made.at => {}
                _ => drop(self.made.insert(key, made)),
            }
        }
        for (key, step) in other.steps {
            match self.steps.get(&key) {
                Some(held) if held.at > step.at => {}
                _ => drop(self.steps.insert(key, step)),
            }
        }
        for (unit, items) in other.items {
            self.items.entry(unit).or_default().extend(items);
        }
        self.knows_run |= other.knows_run;
    }

    /// The effects that were made (by `run`, if it is given) and not taken back.
    pub(super) fn live(self, run: Option<&RunId>) -> impl Iterator<Item = (Key, Made)> {
        let run = run.cloned();
        self.made
            .into_iter()
            .filter(move |(_, made)| made.lives && run.as_ref().is_none_or(|run| made.run == *run))
    }

    /// Steps of units that `run` made.
    pub(super) fn steps_of(&self, run: &RunId) -> impl Iterator<Item = &(UnitId, StepName)> {
        self.steps
            .iter()
            .filter(move |(_, step)| step.lives && step.run == *run)
            .map(|(key, _)| key)
    }
}

impl Made {
    /// Orders effects, the latest first.
    pub(super) fn latest_first(one: &Self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.line).cmp(&(one.at, one.line))
    }
}
