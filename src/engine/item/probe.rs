//! One probe of an item: the observation, and the gaps of each step.

use std::sync::Arc;

use crate::engine::{Gap, Migration, Step, UnitContext};
use crate::model::Failure;

/// A step and its gaps.
pub(crate) type StepGaps<M> = (Arc<dyn Step<M>>, Vec<Gap>);

/// The result of one probe.
pub(crate) struct ProbedItem<M: Migration> {
    pub(crate) observed: M::Observation,
    /// The gaps of each step that has any, in the order of the steps. The first step that fails ends the list.
    pub(crate) gaps: Vec<StepGaps<M>>,
    /// The failure of that step.
    pub(crate) blocked: Option<Failure>,
}

impl<M: Migration> ProbedItem<M> {
    /// Whether nothing is missing or wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.gaps.is_empty() && self.blocked.is_none()
    }
}

/// Probes once. Makes no change.
pub(crate) async fn probe<M: Migration>(
    migration: &M,
    steps: &[Arc<dyn Step<M>>],
    unit: &UnitContext,
    item: &M::Item,
) -> Result<ProbedItem<M>, Failure> {
    let observed = migration.probe(unit, item).await?;
    let mut gaps = Vec::new();
    let mut blocked = None;
    for step in steps {
        match step.gaps(unit, item, &observed) {
            Ok(wanted) if wanted.is_empty() => {}
            Ok(wanted) => gaps.push((Arc::clone(step), wanted)),
            Err(failure) => {
                blocked = Some(failure.at(step.name()));
                break;
            }
        }
    }
    Ok(ProbedItem {
        observed,
        gaps,
        blocked,
    })
}
