//! The steps of a migration as operators name, choose and read them.

use super::{Noun, StepName};

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
