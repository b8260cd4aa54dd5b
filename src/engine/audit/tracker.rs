//! The cursor of a unit in an audit: passes an item only when it is judged.

use std::collections::VecDeque;

use crate::model::{
    AuditLine, Audited, ItemId, UnitAudited, UnitId, Unlisted, Verdict, VerdictCounts,
};

/// An item's place in the order of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ItemSeq(u64);

/// How far a unit is, while items are judged in any order. Lines of items above the cursor wait.
#[derive(Debug)]
pub(super) struct Tracker {
    audited: UnitAudited,
    open: VecDeque<Slot>,
    /// The number of the first slot in `open`.
    first: u64,
    lines: Vec<AuditLine>,
    listed_to_end: bool,
    changed: bool,
    /// The verdicts that were taken last.
    taken: VerdictCounts,
}

#[derive(Debug)]
struct Slot {
    item: ItemId,
    end: Option<(Verdict, Option<Audited>)>,
}

impl Tracker {
    /// Goes on where an earlier audit was.
    pub(super) fn new(unit: &UnitId, earlier: Option<UnitAudited>) -> Self {
        let begun = UnitAudited {
            unit: unit.clone(),
            cursor: None,
            verdicts: VerdictCounts::default(),
            ended: false,
            unlisted: false,
        };
        let audited = UnitAudited {
            unlisted: false,
            ..earlier.unwrap_or(begun)
        };
        Self {
            taken: audited.verdicts,
            audited,
            open: VecDeque::new(),
            first: 0,
            lines: Vec::new(),
            listed_to_end: false,
            changed: false,
        }
    }

    /// The last item below which every item is judged.
    pub(super) fn cursor(&self) -> Option<&ItemId> {
        self.audited.cursor.as_ref()
    }

    /// How far the unit is.
    pub(super) fn audited(&self) -> &UnitAudited {
        &self.audited
    }

    /// Items taken in that the cursor has not passed.
    pub(super) fn ahead(&self) -> usize {
        self.open.len()
    }

    /// Takes an item in, in the order of the listing.
    pub(super) fn begin(&mut self, item: &ItemId) -> ItemSeq {
        let seq = ItemSeq(self.first + self.open.len() as u64);
        self.open.push_back(Slot {
            item: item.clone(),
            end: None,
        });
        seq
    }

    /// Notes the verdict on an item, with its line if it is not ok.
    pub(super) fn settle(&mut self, seq: ItemSeq, verdict: Verdict, line: Option<Audited>) {
        let place = seq.0.checked_sub(self.first);
        let slot = place
            .and_then(|place| usize::try_from(place).ok())
            .and_then(|place| self.open.get_mut(place));
        if let Some(slot) = slot {
            slot.end = Some((verdict, line));
        }
        self.advance();
    }

    /// The listing is over.
    pub(super) fn close(&mut self) {
        self.listed_to_end = true;
        self.advance();
    }

    /// The listing broke off, and is not gone on with.
    pub(super) fn break_off(&mut self, unlisted: Unlisted) {
        self.audited.unlisted = true;
        self.lines.push(AuditLine::Unlisted(unlisted));
        self.changed = true;
    }

    /// The verdicts that were taken last.
    pub(super) fn reported(&self) -> VerdictCounts {
        self.taken
    }

    /// Lines for the report, and how far the unit is, if that changed since they were taken last.
    pub(super) fn take(&mut self) -> Option<(Vec<AuditLine>, UnitAudited)> {
        let changed = std::mem::take(&mut self.changed);
        self.taken = self.audited.verdicts;
        changed.then(|| (std::mem::take(&mut self.lines), self.audited.clone()))
    }

    fn advance(&mut self) {
        while self.open.front().is_some_and(|slot| slot.end.is_some()) {
            let Some(slot) = self.open.pop_front() else {
                break;
            };
            let Some((verdict, line)) = slot.end else {
                break;
            };
            self.first += 1;
            self.audited.verdicts.count(verdict);
            self.audited.cursor = Some(slot.item);
            self.lines.extend(line.map(AuditLine::Item));
            self.changed = true;
        }
        if self.listed_to_end && self.open.is_empty() && !self.audited.ended {
            self.audited.ended = true;
            self.changed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_an_item_that_is_not_judged_is_not_reported() {
        let unit = UnitId::new("owner", "unit");
        let item = |number: u32| ItemId::new(format!("{number}"));
        let line = |number| {
            Some(Audited {
                unit: unit.clone(),
                item: item(number),
                verdict: Verdict::Wrong,
                findings: Vec::new(),
                failure: None,
            })
        };
        let mut tracker = Tracker::new(&unit, None);
        let seqs: Vec<_> = (0..3).map(|number| tracker.begin(&item(number))).collect();
        tracker.settle(seqs[2], Verdict::Wrong, line(2));
        tracker.close();
        assert!(tracker.take().is_none());
        tracker.settle(seqs[0], Verdict::Ok, None);
        let (lines, audited) = tracker.take().unwrap();
        assert_eq!((lines.len(), audited.verdicts.total()), (0, 1));
        assert_eq!((audited.cursor, audited.ended), (Some(item(0)), false));
        tracker.settle(seqs[1], Verdict::Ok, None);
        let (lines, audited) = tracker.take().unwrap();
        assert_eq!((lines.len(), audited.verdicts.total()), (1, 3));
        assert!(audited.ended && tracker.take().is_none());
    }
}
