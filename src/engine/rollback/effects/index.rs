//! The effects to undo, by unit, in a file. Memory holds the effects of one item and a summary of each unit.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::EngineError;
use crate::model::{ItemId, RunId, StepName, Undo, UnitId};
use crate::runtime::private;
use crate::state::files::{Scratch, Sorter};

use super::entry::Entry;
use super::journals::{Read, SORTED_IN_MEMORY};
use super::list::List;
use super::things::{Hold, Things, things};

/// Items that are read at once.
const BATCH: usize = 64;

/// What the plan needs to know of an effect.
pub(crate) trait EffectFilter {
    /// Whether a unit is in scope.
    fn takes(&self, unit: &UnitId) -> bool;
    /// The run in scope, if only one is.
    fn run(&self) -> Option<&RunId>;
    /// Whether the effects of a step can be undone, and what they leave.
    fn step(&self, step: &StepName) -> (bool, &'static str);
    /// The name of what an effect made, if others may have made the same.
    fn thing(&self, entry: &Entry) -> Option<String>;
}

/// The effects to undo of one unit, in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Indexed {
    at: u64,
    bytes: u64,
    /// Effects that are undone.
    pub(crate) effects: u64,
    /// Items with any known effect.
    pub(crate) items: u64,
    /// Steps of the unit that the run in scope made.
    pub(crate) steps: BTreeSet<StepName>,
}

/// The effects of all units in scope.
#[derive(Debug, Clone)]
pub(crate) struct EffectIndex {
    file: PathBuf,
    /// The file lies in it.
    _scratch: Arc<Scratch>,
    pub(crate) units: BTreeMap<UnitId, Indexed>,
}

/// Effects of one item, the latest first.
pub(crate) type OfItem = (ItemId, Vec<Entry>);

/// Reads the effects of one unit, item by item.
#[derive(Debug)]
pub(crate) struct Effects {
    lines: io::Take<BufReader<File>>,
    next: Option<Entry>,
}

impl EffectIndex {
    /// Sorts what was read, and keeps the last entry of each effect. Blocks.
    pub(crate) fn of(
        read: Read,
        asked: &dyn EffectFilter,
        scratch: &Arc<Scratch>,
        list: &mut List,
    ) -> Result<(Self, Things), EngineError> {
        let Read {
            entries, foreign, ..
        } = read;
        let file = scratch.file();
        let mut fold = Fold {
            asked,
            list,
            out: BufWriter::new(private::create_new(&file)?),
            written: 0,
            item: None,
            made: Vec::new(),
            units: BTreeMap::new(),
            holds: Sorter::new(scratch, SORTED_IN_MEMORY),
        };
        let mut latest: Option<Entry> = None;
        for entry in entries.sorted()? {
            let entry = entry?;
            if foreign.contains_key(&entry.run) {
                continue;
            }
            fold.see(&entry);
            // Found effects are not undone, and say nothing about made ones.
            if entry
                .effect
                .as_ref()
                .is_some_and(|one| one.undo == Undo::Found)
            {
                continue;
            }
            if let Some(before) = latest.replace(entry)
                && latest.as_ref().is_some_and(|entry| !entry.is_of(&before))
            {
                fold.take(before)?;
            }
        }
        if let Some(entry) = latest {
            fold.take(entry)?;
        }
        fold.end_item()?;
        fold.out.flush()?;
        let Fold { units, holds, .. } = fold;
        let index = Self {
            file,
            _scratch: Arc::clone(scratch),
            units,
        };
        Ok((index, things(holds.sorted()?)?))
    }

    /// Opens the effects of a unit. Blocks.
    pub(crate) fn effects(&self, unit: &Indexed) -> io::Result<Effects> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(unit.at))?;
        Ok(Effects {
            lines: BufReader::new(file).take(unit.bytes),
            next: None,
        })
    }
}

/// Walks over the entries in order.
struct Fold<'a> {
    asked: &'a dyn EffectFilter,
    list: &'a mut List,
    out: BufWriter<File>,
    written: u64,
    /// The item that was seen last.
    item: Option<(UnitId, ItemId)>,
    /// Effects of one item that are undone.
    made: Vec<Entry>,
    units: BTreeMap<UnitId, Indexed>,
    holds: Sorter<Hold>,
}

impl Fold<'_> {
    /// Counts items.
    fn see(&mut self, entry: &Entry) {
        let Some(item) = &entry.item else {
            return;
        };
        let seen = self.item.as_ref();
        if seen.is_some_and(|(unit, seen)| *unit == entry.unit && seen == item) {
            return;
        }
        self.item = Some((entry.unit.clone(), item.clone()));
        if self.asked.takes(&entry.unit) {
            self.unit(&entry.unit).items += 1;
        }
    }

    fn unit(&mut self, unit: &UnitId) -> &mut Indexed {
        self.units.entry(unit.clone()).or_default()
    }

    /// Takes the last entry of an effect.
    fn take(&mut self, entry: Entry) -> io::Result<()> {
        if !entry.lives {
            return Ok(());
        }
        let asked = self.asked;
        let of_run = asked.run().is_none_or(|run| *run == entry.run);
        let planned = of_run && asked.takes(&entry.unit);
        let Some(effect) = &entry.effect else {
            if planned && asked.run().is_some() {
                self.unit(&entry.unit).steps.insert(entry.step);
            }
            return Ok(());
        };
        let (can_undo, leaves) = asked.step(&entry.step);
        let undone = can_undo && effect.undo == Undo::Possible;
        if planned {
            self.list.count(&effect.kind, undone, leaves);
        }
        if !undone {
            return Ok(());
        }
        if let Some(thing) = asked.thing(&entry) {
            let key = entry.key();
            self.holds.push(Hold {
                thing,
                key,
                planned,
            })?;
        }
        if planned {
            let same = |one: &Entry| (&one.unit, &one.item) == (&entry.unit, &entry.item);
            if !self.made.first().is_none_or(same) {
                self.end_item()?;
            }
            self.made.push(entry);
        }
        Ok(())
    }

    /// Writes the effects of an item, the latest first.
    fn end_item(&mut self) -> io::Result<()> {
        let mut made = std::mem::take(&mut self.made);
        made.sort_by_key(|entry| Reverse(entry.order));
        let Some(unit) = made.first().map(|entry| entry.unit.clone()) else {
            return Ok(());
        };
        let (at, effects) = (self.written, made.len() as u64);
        for entry in made {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            self.out.write_all(&line)?;
            self.written += line.len() as u64;
        }
        let bytes = self.written - at;
        let indexed = self.unit(&unit);
        if indexed.effects == 0 {
            indexed.at = at;
        }
        indexed.effects += effects;
        indexed.bytes += bytes;
        Ok(())
    }
}

impl Effects {
    /// The next items; empty at the end. Blocks.
    pub(crate) fn batch(&mut self) -> io::Result<Vec<OfItem>> {
        let mut items: Vec<OfItem> = Vec::new();
        loop {
            let entry = match self.next.take() {
                Some(entry) => entry,
                None => match self.read()? {
                    Some(entry) => entry,
                    None => return Ok(items),
                },
            };
            let Some(item) = entry.item.clone() else {
                continue;
            };
            let is_full = items.len() == BATCH;
            match items.last_mut() {
                Some((same, made)) if *same == item => made.push(entry),
                _ if is_full => {
                    self.next = Some(entry);
                    return Ok(items);
                }
                _ => items.push((item, vec![entry])),
            }
        }
    }

    fn read(&mut self) -> io::Result<Option<Entry>> {
        let mut line = Vec::new();
        if self.lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}
