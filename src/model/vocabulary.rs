//! The words of a migration for its units, items, owners, steps and reasons.

use serde_json::Value;

use super::{Reasons, StepName};

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

/// A step in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// Its name in rows, journals and flags.
    pub name: StepName,
    /// What is done: `store`.
    pub verb: &'static str,
    /// That it was done: `stored`.
    pub past: &'static str,
    /// What one effect makes.
    pub makes: Noun,
    /// How often it is done.
    pub done: StepDone,
}

/// How often a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepDone {
    /// Once for a unit, before its items.
    OncePerUnit,
    /// Once for an item.
    OncePerItem,
    /// Several times for an item.
    Often,
}

/// Steps that are made together when a run is to make nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct StepGroup {
    /// Its name on the command line and in reports.
    pub name: &'static str,
    /// The steps.
    pub steps: &'static [StepName],
}

impl StepGroup {
    /// Whether the step is one of them.
    #[must_use]
    pub fn has(&self, step: &StepName) -> bool {
        self.steps.contains(step)
    }
}

/// Gives keys of JSON, at any depth, the names that `renamed` has for them; the others keep theirs.
pub fn rename_keys(value: &mut Value, renamed: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(fields) => {
            let fields_before = std::mem::take(fields).into_iter();
            fields.extend(fields_before.map(|(name, mut field)| {
                rename_keys(&mut field, renamed);
                (renamed(&name).unwrap_or(name), field)
            }));
        }
        Value::Array(list) => list.iter_mut().for_each(|one| rename_keys(one, renamed)),
        _ => {}
    }
}
