//! The algebra of counters: planned = done + skipped + failed + quarantined + unknown + left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{Class, Reason};

/// An item's final outcome in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settled {
    /// It was migrated and verified.
    Migrated,
    /// It was complete already.
    Found,
    /// It is no longer in the source.
    Skipped,
    /// All attempts failed; a later run may succeed.
    Failed,
    /// A retry cannot help.
    Quarantined,
    /// Its state is unknown.
    Unknown,
}

impl Settled {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Migrated => "migrated",
            Self::Found => "found",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of an item whose last failure has this class.
    #[must_use]
    pub fn by_class(class: Class) -> Self {
        match class {
            Class::Transient | Class::Fatal => Self::Failed,
            Class::Permanent => Self::Quarantined,
            Class::Unknown => Self::Unknown,
        }
    }

    /// Whether the item needs no attention.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Migrated | Self::Found | Self::Skipped)
    }
}

/// Counters of items. Change them with `settle` and `resettle` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Items known to exist.
    pub planned: u64,
    /// Items that are complete: migrated and found.
    pub done: u64,
    /// The part of `done` that was complete already.
    #[serde(default)]
    pub found: u64,
    /// Items that are no longer in the source.
    pub skipped: u64,
    /// Items whose attempts all failed.
    pub failed: u64,
    /// Items that a retry cannot help.
    pub quarantined: u64,
    /// Items whose state is unknown.
    pub unknown: u64,
}

impl Counts {
    /// Counters with `planned` items, none of them settled.
    #[must_use]
    pub fn planned(planned: u64) -> Self {
        Self {
            planned,
            ..Self::default()
        }
    }

    /// Items that a run made complete.
    #[must_use]
    pub fn migrated(&self) -> u64 {
        self.done.saturating_sub(self.found)
    }

    /// Items with a final outcome.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.done + self.skipped + self.failed + self.quarantined + self.unknown
    }

    /// Items without a final outcome.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.planned.saturating_sub(self.settled())
    }

    /// Items that need attention: failed, quarantined or unknown.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.failed + self.quarantined + self.unknown
    }

    /// An outcome that some good item was counted with, for an item whose own is not known.
    #[must_use]
    pub fn some_good(&self) -> Option<Settled> {
        let kinds = [
            (Settled::Migrated, self.migrated()),
            (Settled::Found, self.found),
            (Settled::Skipped, self.skipped),
        ];
        kinds
            .into_iter()
            .find_map(|(settled, number)| (number > 0).then_some(settled))
    }

    /// Counts a settled item. `planned` grows if there are more items than planned.
    pub fn settle(&mut self, settled: Settled) {
        self.move_by(settled, u64::wrapping_add);
        self.planned = self.planned.max(self.settled());
    }

    /// Counts `number` settled items with the same outcome.
    pub fn settle_all(&mut self, settled: Settled, number: u64) {
        self.move_by(settled, |held, one| held + one * number);
        self.planned = self.planned.max(self.settled());
    }

    /// Moves an item from its earlier outcome to a new one.
    pub fn resettle(&mut self, before: Settled, now: Settled) {
        self.move_by(before, u64::saturating_sub);
        self.settle(now);
    }

    /// Ends the count: `planned` becomes the number of settled items.
    pub fn close(&mut self) {
        self.planned = self.settled();
    }

    /// The sum of two counts.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            planned: self.planned + other.planned,
            done: self.done + other.done,
            found: self.found + other.found,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
            quarantined: self.quarantined + other.quarantined,
            unknown: self.unknown + other.unknown,
        }
    }

    /// These counts less those in `other`; `planned` does not change.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let less = u64::saturating_sub;
        Self {
            planned: self.planned,
            done: less(self.done, other.done),
            found: less(self.found, other.found),
            skipped: less(self.skipped, other.skipped),
            failed: less(self.failed, other.failed),
            quarantined: less(self.quarantined, other.quarantined),
            unknown: less(self.unknown, other.unknown),
        }
    }

    /// These counts, each at most its counterpart in `other`.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        Self {
            planned: self.planned,
            done: self.done.min(other.done),
            found: self.found.min(other.found),
            skipped: self.skipped.min(other.skipped),
            failed: self.failed.min(other.failed),
            quarantined: self.quarantined.min(other.quarantined),
            unknown: self.unknown.min(other.unknown),
        }
    }

    /// Whether the counters add up.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.planned == self.settled() + self.left() && self.found <= self.done
    }

    fn move_by(&mut self, settled: Settled, change: impl Fn(u64, u64) -> u64) {
        let counter = match settled {
            Settled::Migrated => &mut self.done,
            Settled::Found => {
                self.found = change(self.found, 1);
                &mut self.done
            }
            Settled::Skipped => &mut self.skipped,
            Settled::Failed => &mut self.failed,
            Settled::Quarantined => &mut self.quarantined,
            Settled::Unknown => &mut self.unknown,
        };
        *counter = change(*counter, 1);
    }
}

/// Counters as results show them.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    counts: &'a Counts,
    /// Items left; 0 if more are settled than planned.
    left: u64,
    /// Whether the counters add up.
    adds_up: bool,
}

impl<'a> From<&'a Counts> for Shown<'a> {
    fn from(counts: &'a Counts) -> Self {
        Self {
            counts,
            left: counts.left(),
            adds_up: counts.add_up(),
        }
    }
}

/// Writes counters as results show them: with `left` and `adds_up`. For `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn shown<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    Shown::from(counts).serialize(serializer)
}

/// As [`shown`], for counters by name.
///
/// # Errors
/// Those of the serializer.
pub fn each_shown<K: Serialize + Ord, S: Serializer>(
    counts: &BTreeMap<K, Counts>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(name, one)| (name, Shown::from(one))))
}

/// What one run did with one step: gaps of items, or units if it is a step of units.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepCounts {
    /// Effects made in this run.
    pub applied: u64,
    /// Requested alone, and made before.
    pub found: u64,
    /// Requested alone, and failed, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<Reason, u64>,
}

impl StepCounts {
    /// How often the step failed.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| sum.plus(&part))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_settled() -> impl Strategy<Value = Settled> {
        prop::sample::select(vec![
            Settled::Migrated,
            Settled::Found,
            Settled::Skipped,
            Settled::Failed,
            Settled::Quarantined,
            Settled::Unknown,
        ])
    }

    proptest! {
        #[test]
        fn counters_add_up_at_every_instant(planned in 0_u64..40, all in prop::collection::vec(any_settled(), 0..60)) {
            let mut counts = Counts::planned(planned);
            for (index, settled) in all.iter().enumerate() {
                counts.settle(*settled);
                prop_assert!(counts.add_up());
                prop_assert_eq!(counts.settled(), index as u64 + 1);
            }
            counts.close();
            prop_assert_eq!(counts.left(), 0);
            prop_assert_eq!(counts.planned, all.len() as u64);
        }

        #[test]
        fn what_is_shown_says_what_is_left_and_whether_it_adds_up(done in 0_u64..9, planned in 0_u64..9) {
            #[derive(Serialize)]
            struct Report(#[serde(serialize_with = "shown")] Counts);
            let counts = Counts { done, ..Counts::planned(planned) };
            let json = serde_json::to_value(Report(counts)).unwrap();
            prop_assert_eq!(json["left"].as_u64(), Some(planned.saturating_sub(done)));
            prop_assert_eq!(json["adds_up"].as_bool(), Some(done <= planned));
            prop_assert_eq!(serde_json::from_value::<Counts>(json).unwrap(), counts);
        }

        #[test]
        fn a_retried_item_moves_and_is_not_counted_twice(before in any_settled(), now in any_settled()) {
            let mut counts = Counts::planned(1);
            counts.settle(before);
            counts.resettle(before, now);
            let mut once = Counts::planned(1);
            once.settle(now);
            prop_assert_eq!(counts, once);
        }
    }
}
