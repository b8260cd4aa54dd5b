//! The words of a migration for its units, items, owners and reasons.

use super::Reasons;

/// A noun in singular and plural.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun {
    /// Singular: `blob`.
    pub one: &'static str,
    /// Plural: `blobs`.
    pub many: &'static str,
}

impl Noun {
    /// A noun.
    #[must_use]
    pub const fn new(one: &'static str, many: &'static str) -> Self {
        Self { one, many }
    }

    /// The form for a number.
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
}
