//! How a migration calls its units, items, owners and reasons, for whatever shows them.

use super::{Reasons, StepGroup, StepInfo};

/// What a thing is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun {
    /// One of them: `blob`.
    pub one: &'static str,
    /// Several of them: `blobs`.
    pub many: &'static str,
}

impl Noun {
    /// A noun in both numbers.
    #[must_use]
    pub const fn new(one: &'static str, many: &'static str) -> Self {
        Self { one, many }
    }

    /// The word for so many.
    #[must_use]
    pub fn of(self, number: u64) -> &'static str {
        if number == 1 { self.one } else { self.many }
    }

    /// `1 blob`, `2000 blobs`.
    #[must_use]
    pub fn count(self, number: u64) -> String {
        format!("{number} {}", self.of(number))
    }
}

/// The words of a migration.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// What is stepped.
    pub item: Noun,
    /// What one instance leases.
    pub unit: Noun,
    /// What units are grouped under.
    pub owner: Noun,
    /// Why items fail.
    pub reasons: Reasons,
    /// Its steps, in the order in which they are made.
    pub steps: &'static [StepInfo],
    /// The steps that can be made alone (`--only`).
    pub step_groups: &'static [StepGroup],
}

impl Vocabulary {
    /// The group of steps with this name.
    #[must_use]
    pub fn step_group(&self, name: &str) -> Option<&'static StepGroup> {
        self.step_groups.iter().find(|group| group.name == name)
    }
}
