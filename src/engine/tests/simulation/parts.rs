//! The rules of split units: parts are leased like units, cover each item once, and make up the whole.

use futures::FutureExt;

use super::judge::{is_settled, row};
use super::sim::{Sim, Who};
use crate::model::{Counts, Invariant, ItemId, UnitId};
use crate::state::ProgressRow;
use crate::state::rows::Key;

/// The unit, or the part of one, that a row of progress is of.
pub(super) fn leased(sim: &Sim, table: &str, key: &Key) -> Option<UnitId> {
    let (first, second) = (&key.partition.1, &key.sort.as_ref()?.1);
    let tables = &sim.store.config().namespace.tables;
    if table == tables.progress {
        return Some(UnitId::new(first.as_str(), second.as_str()));
    }
    let (owner, name) = first.rsplit_once('/').filter(|_| table == tables.parts)?;
    Some(UnitId::new(owner, name).part(second.parse().unwrap()))
}

/// The part that an item lies in, while its unit is split.
pub(super) fn part_of(sim: &Sim, unit: &UnitId, item: &str) -> UnitId {
    let row = row(sim, unit);
    let split = row.as_ref().and_then(|row| row.progress.open_split());
    let part = split.and_then(|split| split.part_of(&ItemId::new(item)));
    part.map_or_else(|| unit.clone(), |part| unit.part(part))
}

/// How many items a unit has, or a part of it.
pub(super) fn items(sim: &Sim, unit: &UnitId) -> u64 {
    let items = sim.lock().world.units[&unit.whole()]
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    let lies_in =
        |item: &&String| unit.part.is_none() || part_of(sim, &unit.whole(), item) == *unit;
    items.iter().filter(lies_in).count() as u64
}

/// Whether the cut of a part is open.
fn is_open(sim: &Sim, part: &UnitId) -> bool {
    let row = row(sim, &part.whole());
    let split = row.as_ref().and_then(|row| row.progress.open_split());
    split.is_some_and(|split| part.part.is_some_and(|part| part.cut == split.cut))
}

/// The row of a part was removed.
pub(super) fn removed(sim: &Sim, who: &Who, part: &UnitId) {
    if is_open(sim, part) {
        let how = format_args!("{who} removed {part}, which is worked on");
        sim.broken(Invariant::PartsMakeTheWhole, how);
    }
}

/// The cursor of a part passes settled items alone, and so does its end.
pub(super) fn check_listed(sim: &Sim, who: &Who, now: &ProgressRow) {
    let (progress, part) = (&now.progress, &now.progress.unit);
    if !is_open(sim, part) {
        return;
    }
    let whole = part.whole();
    let things = sim.lock().world.units[&whole].clone();
    let passed = |item: &str| {
        let below = progress
            .cursor
            .as_ref()
            .is_some_and(|cursor| item <= cursor.as_str());
        below || progress.status.is_ended()
    };
    let open = things.iter().find(|(item, thing)| {
        progress.pass.takes(thing.added_at)
            && passed(item)
            && part_of(sim, &whole, item) == *part
            && !is_settled(sim, &whole, item)
    });
    if let Some((item, _)) = open {
        let (rule, what) = if progress.status.is_ended() {
            (Invariant::CompletedIsListed, "ended")
        } else {
            (Invariant::CursorBelowSettled, "moved the cursor of")
        };
        sim.broken(
            rule,
            format_args!("{who} {what} {part}, and {item} is not settled"),
        );
    }
}

/// The row of a unit was written: its counts are those of its parts.
pub(super) fn sum(sim: &Sim, who: &Who, before: Option<&ProgressRow>, now: &ProgressRow) {
    let unit = &now.progress.unit;
    let split_of = |row: &ProgressRow| row.progress.open_split().cloned();
    let (was, is) = (before.and_then(split_of), split_of(now));
    if let Some(split) = &is {
        let items: Vec<String> = sim.lock().world.units[unit].keys().cloned().collect();
        for item in items.iter().map(|item| ItemId::new(item.as_str())) {
            let lies_in = |number: &u32| {
                split
                    .range(*number)
                    .is_some_and(|range| range.contains(&item))
            };
            let parts = (0..split.number).filter(lies_in).count();
            if parts != 1 {
                let how = format_args!("{who}: {item} of {unit} lies in {parts} parts");
                return sim.broken(Invariant::PartsMakeTheWhole, how);
            }
        }
    }
    let Some(split) = is.as_ref().or(was.as_ref()) else {
        return;
    };
    let rows = sim
        .store
        .parts(unit, split.cut)
        .now_or_never()
        .unwrap()
        .unwrap();
    let all_there = rows.len() == split.number as usize;
    let sum: Counts = rows.iter().map(|row| row.progress.counts).sum();
    let counts = now.progress.counts;
    let right = match (&is, all_there) {
        (Some(_), true) => counts.settled() <= sum.settled(),
        (Some(split), false) => counts.settled() == split.before.settled(),
        // All have ended.
        (None, all_there) => {
            let ended = |row: &ProgressRow| row.progress.status.is_ended();
            // The file may know that the unit was joined, and the row a plan of long ago.
            let counts = Counts {
                planned: sum.planned,
                ..counts
            };
            all_there && counts == sum && rows.iter().all(ended)
        }
    };
    if !right {
        let how = format_args!("{who}: {unit} has {counts:?}, its parts {sum:?}");
        sim.broken(Invariant::PartsMakeTheWhole, how);
    }
}
