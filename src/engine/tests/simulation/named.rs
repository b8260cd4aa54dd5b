//! Items that an operator has tried again: what failed, alone or in a list with others that nobody calls bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sim::Sim;
use crate::engine::{ItemList, Job, Retry};
use crate::model::{FailedItem, ItemId, UnitId};

/// One of both.
pub(super) fn retry(sim: &Sim, failed: Vec<FailedItem>) -> Job {
    if sim.flips(50) {
        return Job::RetryFailed(Retry::default());
    }
    let mut items: BTreeSet<(UnitId, ItemId)> =
        failed.into_iter().map(|row| (row.unit, row.item)).collect();
    let units = sim.lock().world.units.clone();
    for (unit, things) in units {
        let some = things.keys().filter(|_| sim.flips(20));
        items.extend(some.map(|item| (unit.clone(), ItemId::new(item.as_str()))));
    }
    Job::RetryListed(Arc::new(List(items)))
}

/// A list in memory.
#[derive(Debug)]
pub(in super::super) struct List(pub(in super::super) BTreeSet<(UnitId, ItemId)>);

impl ItemList for List {
    fn units(&self) -> Vec<UnitId> {
        let units: BTreeSet<UnitId> = self.0.iter().map(|(unit, _)| unit.clone()).collect();
        units.into_iter().collect()
    }

    fn items(&self, unit: &UnitId, from: usize, most: usize) -> std::io::Result<Vec<ItemId>> {
        let of_unit = self.0.iter().filter(|(of, _)| of == unit);
        let items = of_unit.map(|(_, item)| item.clone());
        // Pieces that end within a unit.
        Ok(items.skip(from).take(most.min(3)).collect())
    }
}

/// A job in words.
pub(super) fn name_of(job: &Job) -> String {
    match job {
        Job::Units(units) => format!("{} units", units.len()),
        Job::Items(items) => format!("{} items", items.len()),
        Job::RetryFailed(_) => "failed items".to_owned(),
        Job::RetryListed(list) => format!("named items of {} units", list.units().len()),
    }
}
