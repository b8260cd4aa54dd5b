//! A unit as steps see it, and how closely it is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{StepName, StepState, UnitId};
use crate::runtime::{Clock, Tasks};

/// How closely a probe looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// At the records that say what is there: enough to decide what is left to do.
    #[default]
    Records,
    /// Also whether what they name is there, and still holds.
    Presence,
    /// Also at every byte of it.
    Bytes,
}

/// A unit as steps see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UnitContext {
    /// The unit.
    pub id: UnitId,
    /// The clock of the run.
    pub clock: Clock,
    /// Where to run what would block.
    pub tasks: Tasks,
    steps: Arc<BTreeMap<StepName, StepState>>,
    taken_over: bool,
    depth: Depth,
}

impl UnitContext {
    /// A unit of which no step was made yet.
    #[must_use]
    pub fn new(id: UnitId, clock: Clock, tasks: Tasks) -> Self {
        Self {
            id,
            clock,
            tasks,
            steps: Arc::default(),
            taken_over: false,
            depth: Depth::default(),
        }
    }

    /// The same unit, which another program had begun (or not).
    #[must_use]
    pub fn taken_over(mut self, taken_over: bool) -> Self {
        self.taken_over = taken_over;
        self
    }

    /// The same unit, to be looked at so closely.
    #[must_use]
    pub fn at_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// How closely the unit and its items are looked at.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether another program had begun the unit, and items that it worked on may lie ahead. What it did may differ
    /// from what we do where the world does not show it.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// Where a step of the unit stands: `None` when it was not run (no record, or filtered out).
    #[must_use]
    pub fn step(&self, name: &StepName) -> Option<&StepState> {
        self.steps.get(name)
    }

    /// The same unit with one step's state set.
    #[must_use]
    pub fn with_step(mut self, name: StepName, state: StepState) -> Self {
        let mut steps = (*self.steps).clone();
        steps.insert(name, state);
        self.steps = Arc::new(steps);
        self
    }
}
