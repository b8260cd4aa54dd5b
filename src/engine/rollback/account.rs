//! The account of the journals: which effects were made and not taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::Error;
use crate::model::{
    Effect, Fence, ItemId, JOURNAL_VERSION, JournalEntry, JournalFault, JournalLine,
    JournalOpening, JournalRecord, RunId, StepName, Undo, UnitId,
};
use crate::state::files::{damaged, journal_files, journals_in, scan_lines};

use super::{Key, KnownRun};

/// An effect on an item that was made, or may have been.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) item: ItemId,
    pub(super) step: StepName,
    pub(super) effect: Effect,
    /// When it was told of last, among all lines of all journals.
    order: Order,
    run: RunId,
    /// False once it was taken back.
    lives: bool,
}

/// Orders the lines of all journals about one unit: by fence, lines of one fence by their place in the journal. Lines
/// of earlier versions have no fence; they come before all that have one, in the order of their journal, and among
/// journals by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    fence: Option<Fence>,
    seq: u64,
    /// Unix milliseconds; never less than that of the line before it in its journal.
    at: u64,
    /// Its place among the lines at hand of its journal.
    line: u64,
}

/// Where a step of a unit stands, by the journals alone.
#[derive(Debug, Clone)]
struct StepMade {
    order: Order,
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
    /// Runs that made effects, with what is known of them.
    pub(super) runs: BTreeMap<RunId, KnownRun>,
    /// Runs of another environment, and which: nothing of them is taken up.
    foreign: BTreeMap<RunId, String>,
}

/// Which lines of the journals count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The run that is asked for.
    pub(super) run: Option<&'a RunId>,
    /// What effects must belong to; `None` takes all.
    pub(super) state: Option<&'a str>,
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
    ///
    /// # Errors
    /// [`Error::Foreign`] for lines of another version, and for a journal or a wanted run of another environment.
    pub(super) fn read(
        journals: &[PathBuf],
        wanted: Wanted<'_>,
        takes: impl Fn(&UnitId, &StepName, Option<&Effect>) -> bool,
    ) -> Result<Self, Error> {
        let mut all = Self::default();
        for path in journals {
            let (mut one, mut own) = (Self::default(), 0_u64);
            let (mut line, mut at) = (0, 0);
            for file in journal_files(path)? {
                scan_lines(&file, |number, text| {
                    line += 1;
                    match parse(&file, number, text)? {
                        JournalLine::Opening(opening) => one.open(opening, wanted.state),
                        JournalLine::Record(record) if one.foreign.contains_key(&record.run) => {}
                        JournalLine::Record(record) => {
                            own += 1;
                            one.knows_run |= wanted.run == Some(&record.run);
                            one.count(&record);
                            at = record.at.max(at);
                            let order = Order {
                                fence: record.fence,
                                seq: record.seq,
                                at,
                                line,
                            };
                            one.note(*record, order, &takes);
                        }
                    }
                    Ok::<(), Error>(())
                })?;
            }
            let foreign = match wanted.run {
                Some(run) => one.foreign.get(run),
                None => one.foreign.values().next().filter(|_| own == 0),
            };
            if let Some(found) = foreign {
                return Err(Error::Foreign {
                    path: path.clone(),
                    found: format!("effects of {found}"),
                    wanted: format!("wanted are those of {}", wanted.state.unwrap_or("any")),
                });
            }
            all.join(one);
        }
        Ok(all)
    }

    fn open(&mut self, opening: JournalOpening, state: Option<&str>) {
        if state.is_some_and(|state| state != opening.state) {
            self.foreign.insert(opening.run, opening.state);
            return;
        }
        let run = self.runs.entry(opening.run).or_default();
        (run.instance, run.plan) = (Some(opening.instance), opening.plan);
    }

    /// Counts what a run made or took back.
    fn count(&mut self, record: &JournalRecord) {
        let (made, undone) = match record.entry {
            JournalEntry::Applied(_) => (1, 0),
            JournalEntry::Undone(_) => (0, 1),
            _ => return,
        };
        let run = self.runs.entry(record.run.clone()).or_default();
        run.run = record.run.to_string();
        run.effects += made;
        run.undone += undone;
        run.first_at = match run.first_at {
            0 => record.at,
            first => first.min(record.at),
        };
        run.last_at = run.last_at.max(record.at);
    }

    fn note(
        &mut self,
        record: JournalRecord,
        order: Order,
        takes: impl Fn(&UnitId, &StepName, Option<&Effect>) -> bool,
    ) {
        let Some(step) = record.step else { return };
        let (unit, run) = (record.unit, record.run);
        let Some(item) = record.item else {
            let lives = match record.entry {
                JournalEntry::Started { .. } | JournalEntry::Applied(_) => true,
                JournalEntry::Undone(_) | JournalEntry::Found => false,
                _ => return,
            };
            if takes(&unit, &step, None) {
                self.steps
                    .insert((unit, step), StepMade { order, run, lives });
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
            order,
            run,
            lives,
        };
        self.made.insert(key, made);
    }

    /// Takes in another journal: of two accounts of one effect the later counts.
    fn join(&mut self, other: Self) {
        for (key, made) in other.made {
            match self.made.get(&key) {
                Some(held) if held.order > made.order => {}
                _ => drop(self.made.insert(key, made)),
            }
        }
        for (key, step) in other.steps {
            match self.steps.get(&key) {
                Some(held) if held.order > step.order => {}
                _ => drop(self.steps.insert(key, step)),
            }
        }
        for (unit, items) in other.items {
            self.items.entry(unit).or_default().extend(items);
        }
        self.knows_run |= other.knows_run;
        for (id, run) in other.runs {
            let held = self.runs.entry(id).or_default();
            *held = std::mem::take(held).and(run);
        }
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

/// A line that may be read; one of another version is refused whole.
fn parse(file: &Path, number: u64, text: &[u8]) -> Result<JournalLine, Error> {
    JournalLine::parse(text).map_err(|fault| match fault {
        JournalFault::Version(_) => Error::Foreign {
            path: file.to_path_buf(),
            found: format!("line {number} of {fault}"),
            wanted: format!("this program reads journal version {JOURNAL_VERSION}"),
        },
        JournalFault::Damaged(_) => Error::Journals(damaged(file, number, &fault)),
    })
}

impl Made {
    /// Orders effects, the latest first.
    pub(super) fn latest_first(one: &Self, other: &Self) -> std::cmp::Ordering {
        other.order.cmp(&one.order)
    }
}
