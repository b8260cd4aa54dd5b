//! A unit as steps see it, and the depth of probes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{StepName, StepState, UnitId};
use crate::runtime::{Clock, Tasks};

/// How closely a probe looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// Records that say what exists: enough to decide what is missing.
    #[default]
    Records,
    /// Also whether what the records name exists and is valid.
    Presence,
    /// Also every byte of it.
    Bytes,
}

/// A unit as steps see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UnitContext {
    /// The unit.
    pub id: UnitId,
    /// The clock of the run.
    pub clock: Clock,
    /// Where to run blocking work.
    pub tasks: Tasks,
    steps: Arc<BTreeMap<StepName, StepState>>,
    taken_over: bool,
    depth: Depth,
}

impl UnitContext {
    /// A unit without completed steps.
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

    /// The same unit, and whether another program worked on it before.
    #[must_use]
    pub fn taken_over(mut self, taken_over: bool) -> Self {
        self.taken_over = taken_over;
        self
    }

    /// The same unit, with this depth of probes.
    #[must_use]
    pub fn at_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// The depth of probes of the unit and its items.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether another program worked on the unit, so that items of its work may lie ahead. Its effects may differ from
    /// ours in ways that a probe does not show.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// The state of a step of the unit; `None` if it did not run.
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
