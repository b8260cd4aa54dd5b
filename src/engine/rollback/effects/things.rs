//! Things that effects on several items made. They are undone only with the last of these effects.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};

use crate::state::files::{Sortable, Sorted};

use super::entry::Key;

/// Effects by the thing that they made, if several made the same.
pub(crate) type Things = BTreeMap<String, BTreeSet<Key>>;

/// One effect that made a thing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) thing: String,
    pub(crate) key: Key,
    /// Whether it is about to be undone.
    pub(crate) planned: bool,
}

impl Sortable for Hold {
    fn weight(&self) -> usize {
        let Key { unit, subject, .. } = &self.key;
        let texts = [&self.thing, subject.as_str(), &unit.owner, &unit.name];
        320 + texts.map(str::len).iter().sum::<usize>()
    }
}

/// The things that several effects made and of which one is about to be undone. Blocks.
pub(crate) fn things(holds: Sorted<Hold>) -> io::Result<Things> {
    let mut things = Things::new();
    let mut group: Vec<Hold> = Vec::new();
    for hold in holds {
        let hold = hold?;
        if group.first().is_some_and(|first| first.thing != hold.thing) {
            keep(&mut things, std::mem::take(&mut group));
        }
        group.push(hold);
    }
    keep(&mut things, group);
    Ok(things)
}

fn keep(things: &mut Things, group: Vec<Hold>) {
    if group.len() < 2 || !group.iter().any(|hold| hold.planned) {
        return;
    }
    let thing = group[0].thing.clone();
    let keys = group.into_iter().map(|hold| hold.key);
    things.insert(thing, keys.collect());
}
