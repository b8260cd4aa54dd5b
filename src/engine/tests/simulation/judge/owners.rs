//! The rules of owners: one key each, and a row that is the sum of their units.

use futures::FutureExt;

use super::super::request::Request;
use super::super::sim::{Sim, Who};
use crate::migrations::uploads::CustomerTables;
use crate::model::{Counts, Invariant, Status};
use crate::state::ProgressRow;
use crate::state::rows::{Key, Rows as _};

/// When all has ended, the row of an owner is the sum of its units.
pub(in super::super) fn owner(sim: &Sim, owner: &str) {
    let units = sim.store.progress_of(owner).now_or_never();
    let units = units.unwrap().unwrap();
    let row = CustomerTables::of(&sim.store)
        .customer(&owner.parse().unwrap())
        .now_or_never();
    let row = row.unwrap().unwrap();
    let counts: Counts = units.iter().map(|row| row.progress.counts).sum();
    let completed = |row: &&ProgressRow| row.progress.status == Status::Completed;
    let sum = (
        counts.planned,
        counts.done + counts.skipped,
        units.iter().filter(completed).count() as u64,
    );
    let said = row.map(|row| {
        (
            row.total_uploads,
            row.completed_uploads,
            row.completed_spaces,
        )
    });
    if said != Some(sum) {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("the row of {owner} says {said:?}, its units have {sum:?}"),
        );
    }
}

/// The key of the owner whose sum a request writes.
pub(super) fn summed(sim: &Sim, table: &str, request: &Request) -> Option<Key> {
    let Request::Update(key, update, _) = request else {
        return None;
    };
    let is_sum = update.set.iter().any(|(name, _)| name == "revision");
    let customers = sim.store.config().namespace.own_table("customers").unwrap();
    (is_sum && table == customers).then(|| key.clone())
}

/// How often the sum of an owner was written.
pub(super) fn revision(sim: &Sim, key: &Key) -> u64 {
    let table = sim.store.config().namespace.own_table("customers").unwrap();
    let row = sim.memory.get(table, key).now_or_never();
    let row = row.unwrap().unwrap();
    row.and_then(|row| row.number("revision")).unwrap_or(0)
}

/// A sum is written over the one that was there when it was made, and over no later one.
pub(super) fn covered(sim: &Sim, who: &Who, key: &Key, before: u64) {
    let now = revision(sim, key);
    if now != before + 1 {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!(
                "{who} wrote sum {now} of {} over sum {before}",
                key.partition.1
            ),
        );
    }
}

/// No owner has two keys.
pub(in super::super) fn keys(sim: &Sim) {
    let two = sim
        .lock()
        .world
        .keys
        .iter()
        .find(|(_, keys)| keys.len() > 1)
        .map(|(owner, _)| owner.clone());
    if let Some(owner) = two {
        sim.broken(
            Invariant::NothingTwice,
            format_args!("{owner} has two keys"),
        );
    }
}
