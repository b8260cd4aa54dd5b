//! What a plan is called, and what it changes.

use serde::Serialize;

use crate::monitor::PlanLine;

/// What a plan is called, and what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanReport {
    /// Its id.
    pub id: String,
    /// It was in force before: the same units for the same instances.
    pub was_in_force: bool,
    /// The plan that it takes the place of.
    pub replaces: Option<PlanLine>,
    /// Units with work left that go from one instance to another.
    #[serde(rename = "spaces_moved")]
    pub units_moved: u64,
    /// Units that nobody was given before.
    #[serde(rename = "spaces_new")]
    pub units_new: u64,
    /// Units with work left that it gives to nobody.
    #[serde(rename = "spaces_left_out")]
    pub units_left_out: u64,
}
