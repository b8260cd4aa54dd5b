//! Splits a large unit into parts: one listing of its items, decided once.

use std::collections::BTreeMap;

use crate::engine::Migration;
use crate::engine::listing::Next;
use crate::model::{ItemId, Reason, Split, Stage, UnitCheckpoint};

use super::LeasedUnit;
use super::end::Interrupted;
use super::pass::listing;
use super::steps::unit_steps;

/// The most parts of a unit.
const MOST_PARTS: u64 = 256;

/// The most items in memory while a unit is listed.
const KEPT: usize = 16_384;

/// Splits the unit if it has many open items. Returns whether it was split. The split is then in the tracker, and not
/// yet saved.
pub(super) async fn plan_split<M: Migration>(leased: &LeasedUnit<M>) -> Result<bool, Interrupted> {
    let pace = &leased.run.config.pace;
    let Some(lease) = &leased.lease else {
        return Ok(false);
    };
    let before = leased.progress();
    let is_giant = before.pass.number == 0 && before.counts.left() > pace.split_above;
    if !is_giant {
        return Ok(false);
    }
    let points = list(leased, before.cursor.clone()).await?;
    let listed = points.seen;
    leased.lock().change(|progress| {
        // The plan may be old.
        progress.counts.planned = progress.counts.settled() + listed;
    });
    let parts = points.ranges(pace.part_items);
    if listed <= pace.split_above || parts.len() < 2 {
        return Ok(false);
    }
    match leased.token.run_until_cancelled(unit_steps(leased)).await {
        Some(Ok(_)) => {}
        Some(Err(failure)) if failure.reason != Reason::LEASE_LOST => {
            return Err(Interrupted::Failed(failure));
        }
        Some(Err(_)) | None => return Err(Interrupted::Stopped),
    }
    let split = Split {
        cut: lease.epoch(),
        number: u32::try_from(parts.len()).unwrap_or(u32::MAX),
        stage: Stage::Open,
        parts,
        before: before.counts,
        reasons: before.reasons,
    };
    tracing::info!(unit = %leased.id, items = listed, parts = split.number, "split, so that instances share it");
    leased
        .lock()
        .change(|progress| progress.split = Some(split.clone()));
    hand_out_known(leased, &split);
    Ok(true)
}

/// Moves what the checkpoint file knows above the cursor to the parts.
fn hand_out_known<M: Migration>(leased: &LeasedUnit<M>, split: &Split) {
    let known = leased.lock().take_known();
    let mut of_part: BTreeMap<u32, BTreeMap<_, _>> = BTreeMap::new();
    for (item, end) in known {
        if let Some(part) = split.part_of(&item) {
            of_part.entry(part.number).or_default().insert(item, end);
        }
    }
    let unit = leased.progress();
    for (number, above) in of_part {
        let progress = split.begin(&unit, number);
        leased.run.checkpoints.note(UnitCheckpoint {
            progress,
            above,
            further: None,
        });
    }
}

/// Lists the items of the pass after the cursor.
async fn list<M: Migration>(
    leased: &LeasedUnit<M>,
    cursor: Option<ItemId>,
) -> Result<SplitPoints, Interrupted> {
    let run = &leased.run;
    let pass = leased.lock().progress().pass;
    let mut points = SplitPoints::default();
    let mut items = listing(leased, cursor);
    loop {
        match items.next(leased.stopped()).await {
            Next::End => return Ok(points),
            Next::Stopped => return Err(Interrupted::Stopped),
            Next::Failed(failure) => return Err(Interrupted::Failed(failure)),
            Next::Item(id, item) => {
                if pass.takes(run.migration.added_at(&item)) {
                    points.note(id);
                }
            }
        }
    }
}

/// Every n-th item of a listing. The interval grows with the listing, so that memory does not.
#[derive(Debug)]
struct SplitPoints {
    every: u64,
    seen: u64,
    kept: Vec<ItemId>,
}

impl Default for SplitPoints {
    fn default() -> Self {
        Self {
            every: 1,
            seen: 0,
            kept: Vec::new(),
        }
    }
}

impl SplitPoints {
    fn note(&mut self, item: ItemId) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.every) {
            return;
        }
        self.kept.push(item);
        if self.kept.len() >= KEPT {
            let mut number = 0;
            self.kept.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.every *= 2;
        }
    }

    /// Ranges of `size` items, or larger ones if there would be too many. All but the last are equal.
    fn ranges(&self, size: u64) -> Vec<(Option<ItemId>, u64)> {
        let number = self.seen.div_ceil(size.max(1)).clamp(1, MOST_PARTS);
        let steps = self.seen.div_ceil(number).div_ceil(self.every).max(1);
        let each = steps * self.every;
        let mut ranges = Vec::new();
        let mut left = self.seen;
        for end in self
            .kept
            .chunks_exact(usize::try_from(steps).unwrap_or(usize::MAX))
        {
            if left <= each {
                break;
            }
            left -= each;
            ranges.push((end.last().cloned(), each));
        }
        ranges.push((None, left));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(items: u64) -> SplitPoints {
        let mut points = SplitPoints::default();
        for item in 0..items {
            points.note(ItemId::new(format!("{item:09}")));
        }
        points
    }

    /// The ranges as they cover the items `0..items`.
    fn assert_whole(items: u64, size: u64) -> Vec<(Option<ItemId>, u64)> {
        let ranges = listed(items).ranges(size);
        let mut first = 0;
        for (until, count) in &ranges {
            let end = until
                .as_ref()
                .map_or(items, |id| id.as_str().parse::<u64>().unwrap() + 1);
            assert_eq!(end - first, *count);
            first = end;
        }
        assert_eq!(first, items);
        assert!(ranges.len() as u64 <= MOST_PARTS);
        assert!(ranges.iter().all(|(_, count)| *count > 0));
        ranges
    }

    proptest! {
        #[test]
        fn ranges_hold_each_item_once(items in 1_u64..5_000, size in 1_u64..600) {
            let ranges = assert_whole(items, size);
            let largest = ranges.iter().map(|(_, count)| *count).max().unwrap();
            prop_assert!(largest <= size.max(items.div_ceil(MOST_PARTS)));
        }
    }

    #[test]
    fn memory_is_bounded_and_parts_stay_alike() {
        let points = listed(1_000_003);
        assert!(points.kept.len() < KEPT);
        let ranges = assert_whole(1_000_003, 50_000);
        assert!((20..=21).contains(&ranges.len()), "{}", ranges.len());
        let (_, rest) = ranges.split_last().unwrap();
        assert!(
            rest.iter()
                .all(|(_, count)| (47_000..=51_000).contains(count))
        );
        let many = assert_whole(400_000, 10);
        assert!((240..=256).contains(&many.len()), "{}", many.len());
    }
}
