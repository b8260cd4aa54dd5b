//! What the existing tool left in the migration tables, told before a run goes on with it. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::super::takeover;
use super::count::Counted;
use crate::app::{CommandError, LegacyFinding};
use crate::migrations::uploads::plan::Chosen;
use crate::migrations::uploads::{CustomerRow, CustomerTables};
use crate::model::{Counts, Status};
use crate::monitor::count;
use crate::proto::SpaceDid;
use crate::state::{ProgressRow, StateError, Store};

/// All that was found otherwise than a run of ours leaves it, in order of customers.
pub(super) async fn differences(
    store: &Store,
    progress: impl Iterator<Item = &ProgressRow> + Clone,
    (chosen, counted, migration_spaces): (&Chosen, &Counted, &BTreeSet<SpaceDid>),
) -> Result<Vec<LegacyFinding>> {
    let trouble = |error: StateError| CommandError::of_state(&error);
    let tables = CustomerTables::of(store);
    let customers = tables.customers_of(None).await.map_err(trouble)?;
    let (spaces, odd) = tables.migration_spaces().await.map_err(trouble)?;
    let mut all: Vec<LegacyFinding> = progress
        .clone()
        .filter_map(|row| of_unit(row, chosen, counted, migration_spaces))
        .collect();
    let sums = sums(progress, migration_spaces);
    all.extend(customers.iter().filter_map(|row| of_customer(row, &sums)));
    all.extend(spaces.iter().filter_map(|space| {
        let finishes = space.sealed_key.is_some();
        Some(LegacyFinding {
            customer: space.customer.to_string(),
            space: Some(space.space.to_string()),
            found: space.left_undone()?,
            done: if finishes {
                "kept: a run of its customer finishes it".to_owned()
            } else {
                "kept: nothing can be stored in it without its key, and no second one is created"
                    .to_owned()
            },
            needs_a_look: !finishes,
        })
    }));
    all.extend(odd.into_iter().map(|why| LegacyFinding {
        customer: why.split(": ").next().unwrap_or_default().to_owned(),
        space: None,
        found: format!("a row of a migration space that cannot be read: {why}"),
        done: "left as it is".to_owned(),
        needs_a_look: true,
    }));
    all.sort_by(|left, right| (&left.customer, &left.space).cmp(&(&right.customer, &right.space)));
    Ok(all)
}

fn of_unit(
    row: &ProgressRow,
    chosen: &Chosen,
    counted: &Counted,
    migration_spaces: &BTreeSet<SpaceDid>,
) -> Option<LegacyFinding> {
    let unit = &row.progress.unit;
    let told = |found: String, done: &str, needs_a_look| LegacyFinding {
        customer: unit.owner.to_string(),
        space: Some(unit.name.to_string()),
        found,
        done: done.to_owned(),
        needs_a_look,
    };
    if let Some(word) = &row.foreign_status {
        let found = format!("a progress row with the unknown status {word:?}");
        return Some(told(found, "left as it is: no run processes it", true));
    }
    let left = row.progress.taken_over.as_ref()?;
    if !row.has_foreign_work() {
        return None;
    }
    let mut found = takeover::left(left);
    let space = unit.name.parse::<SpaceDid>().ok();
    if space
        .as_ref()
        .is_some_and(|space| migration_spaces.contains(space))
    {
        return Some(told(
            found,
            "left out: it is a migration space and holds no uploads",
            false,
        ));
    }
    let owner = space.as_ref().and_then(|space| chosen.spaces.get(space));
    if owner.is_none_or(|owner| *owner.as_str() != *unit.owner) {
        return Some(told(
            found,
            "left as it is: the plan has no such space of this customer",
            false,
        ));
    }
    let uploads = space.map_or(0, |space| counted.of(&space));
    if uploads != left.planned {
        found = format!("{found}; it has {} now", count(uploads, "upload"));
    }
    let done = if left.is_trusted() && row.progress.status == Status::Completed {
        takeover::TRUSTED_COMPLETE
    } else {
        "kept: a run checks every upload again and counts again"
    };
    Some(told(found, done, false))
}

/// What a customer's progress rows come to.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    spaces: u64,
    completed: u64,
    counts: Counts,
}

fn sums<'a>(
    progress: impl Iterator<Item = &'a ProgressRow>,
    migration_spaces: &BTreeSet<SpaceDid>,
) -> BTreeMap<&'a str, Sum> {
    let mut sums = BTreeMap::<&str, Sum>::new();
    for row in progress {
        let space = row.progress.unit.name.parse::<SpaceDid>();
        if space.is_ok_and(|space| migration_spaces.contains(&space)) {
            continue;
        }
        let sum = sums.entry(&row.progress.unit.owner).or_default();
        sum.spaces += 1;
        sum.completed += u64::from(row.progress.status == Status::Completed);
        sum.counts = sum.counts.plus(&row.progress.counts);
    }
    sums
}

/// A customer's row whose status or numbers are not what its spaces come to.
fn of_customer(row: &CustomerRow, sums: &BTreeMap<&str, Sum>) -> Option<LegacyFinding> {
    if row.is_summed || row.status == Status::Pending.as_str() {
        return None;
    }
    let sum = sums.get(row.customer.as_str()).copied().unwrap_or_default();
    let is_completed = row.status == Status::Completed.as_str();
    let same = row.total_spaces == sum.spaces
        && row.completed_spaces == sum.completed
        && row.total_uploads == sum.counts.planned
        && row.completed_uploads == sum.counts.done + sum.counts.skipped
        && is_completed == (sum.completed == sum.spaces);
    let error = row
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(" ({error})"));
    (!same).then(|| LegacyFinding {
        customer: row.customer.to_string(),
        space: None,
        found: format!(
            "left {} with {} of {} spaces and {} of {} uploads{error}",
            row.status,
            row.completed_spaces,
            row.total_spaces,
            row.completed_uploads,
            row.total_uploads
        ),
        done: "kept: a run sums it up again from its spaces".to_owned(),
        needs_a_look: false,
    })
}
