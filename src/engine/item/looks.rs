//! One look at an item: what is seen, and what each step needs.

use std::sync::Arc;

use crate::engine::{Migration, Need, Step, UnitContext};
use crate::model::Failure;

/// A step and what it would put right.
pub(crate) type StepNeeds<M> = (Arc<dyn Step<M>>, Vec<Need>);

/// What one look came to.
pub(crate) struct Looked<M: Migration> {
    pub(crate) seen: M::Seen,
    /// Needs of each step that has any, in the order of the steps. The first step that could not
    /// say its needs ends the list.
    pub(crate) needs: Vec<StepNeeds<M>>,
    /// What that step said.
    pub(crate) blocked: Option<Failure>,
}

impl<M: Migration> Looked<M> {
    /// Whether nothing is missing or wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.needs.is_empty() && self.blocked.is_none()
    }
}

/// Looks once. Makes no change.
pub(crate) async fn look<M: Migration>(
    migration: &M,
    steps: &[Arc<dyn Step<M>>],
    unit: &UnitContext,
    item: &M::Item,
) -> Result<Looked<M>, Failure> {
    let seen = migration.probe(unit, item).await?;
    let mut needs = Vec::new();
    let mut blocked = None;
    for step in steps {
        match step.needs(unit, item, &seen) {
            Ok(wanted) if wanted.is_empty() => {}
            Ok(wanted) => needs.push((Arc::clone(step), wanted)),
            Err(failure) => {
                blocked = Some(failure.at(step.name()));
                break;
            }
        }
    }
    Ok(Looked {
        seen,
        needs,
        blocked,
    })
}
