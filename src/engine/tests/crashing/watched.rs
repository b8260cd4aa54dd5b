//! Any migration, with points before and after each effect of each of its steps.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::points::{Phase, Points};
use crate::engine::{
    Gap, Migration, OwnerRollup, Step, StepContext, Undoer, UnitContext, UnitObservation, UnitStep,
};
use crate::model::{
    Effect, Failure, ItemId, ItemRange, MigrationName, Reasons, StepName, UnitId, UnixMillis,
};

/// A migration with points.
pub(super) struct WatchedMigration<M> {
    pub(super) inner: Arc<M>,
    pub(super) points: Arc<Points>,
}

/// The kind of the points of a step.
pub(super) fn kind_of(step: &StepName) -> String {
    format!("apply {step}")
}

/// The kind of the points at which an effect of a step is undone.
pub(super) fn kind_of_undo(step: &StepName) -> String {
    format!("undo {step}")
}

async fn watched<T>(
    points: &Points,
    kind: String,
    apply: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let number = points.begin(&kind, &[Phase::Before, Phase::After]);
    points.alive().await;
    let applied = apply.await;
    points.pass(&kind, number, Phase::After);
    points.alive().await;
    applied
}

#[async_trait]
impl<M: Migration> Migration for WatchedMigration<M> {
    type Item = M::Item;
    type Observation = M::Observation;

    fn name(&self) -> MigrationName {
        self.inner.name()
    }

    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        self.inner.owner_rollup()
    }

    fn reasons(&self) -> Reasons {
        self.inner.reasons()
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        let watch = |step| {
            Arc::new(WatchedStep {
                step,
                points: Arc::clone(&self.points),
            }) as Arc<dyn Step<Self>>
        };
        self.inner.steps().into_iter().map(watch).collect()
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        let watch = |step| {
            Arc::new(WatchedStep {
                step,
                points: Arc::clone(&self.points),
            }) as Arc<dyn UnitStep>
        };
        self.inner.unit_steps().into_iter().map(watch).collect()
    }

    fn item_id(&self, item: &M::Item) -> ItemId {
        self.inner.item_id(item)
    }

    fn added_at(&self, item: &M::Item) -> Option<UnixMillis> {
        self.inner.added_at(item)
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<M::Item, Failure>> {
        self.inner.items(unit, within)
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<M::Item, Failure> {
        self.inner.item(unit, id).await
    }

    async fn probe(&self, unit: &UnitContext, item: &M::Item) -> Result<M::Observation, Failure> {
        self.inner.probe(unit, item).await
    }
}

/// A step with points.
struct WatchedStep<S: ?Sized> {
    step: Arc<S>,
    points: Arc<Points>,
}

#[async_trait]
impl<M: Migration> Step<WatchedMigration<M>> for WatchedStep<dyn Step<M>> {
    fn name(&self) -> StepName {
        self.step.name()
    }

    fn gaps(
        &self,
        unit: &UnitContext,
        item: &M::Item,
        observed: &M::Observation,
    ) -> Result<Vec<Gap>, Failure> {
        self.step.gaps(unit, item, observed)
    }

    async fn apply(
        &self,
        step_context: &StepContext<'_, WatchedMigration<M>>,
        gap: &Gap,
    ) -> Result<Effect, Failure> {
        let inner = StepContext {
            migration: &*step_context.migration.inner,
            unit: step_context.unit,
            item: step_context.item,
            observed: step_context.observed,
            intent: step_context.intent,
            heartbeat: step_context.heartbeat.clone(),
        };
        let kind = kind_of(&self.step.name());
        watched(&self.points, kind, self.step.apply(&inner, gap)).await
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        self.step.undo().map(|_| self as &dyn Undoer)
    }
}

#[async_trait]
impl<M: Migration> Undoer for WatchedStep<dyn Step<M>> {
    async fn exists(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        self.step.undo().unwrap().exists(unit, effect).await
    }

    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        let kind = kind_of_undo(&self.step.name());
        let undo = self.step.undo().unwrap().undo(unit, effect);
        watched(&self.points, kind, undo).await
    }

    fn shared(&self, unit: &UnitId, effect: &Effect) -> Option<String> {
        self.step.undo().unwrap().shared(unit, effect)
    }
}

#[async_trait]
impl UnitStep for WatchedStep<dyn UnitStep> {
    fn name(&self) -> StepName {
        self.step.name()
    }

    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure> {
        self.step.probe(unit).await
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let kind = kind_of(&self.step.name());
        watched(&self.points, kind, self.step.apply(unit)).await
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        self.step.undo().map(|_| self as &dyn Undoer)
    }
}

#[async_trait]
impl Undoer for WatchedStep<dyn UnitStep> {
    async fn exists(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        self.step.undo().unwrap().exists(unit, effect).await
    }

    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        let kind = kind_of_undo(&self.step.name());
        let undo = self.step.undo().unwrap().undo(unit, effect);
        watched(&self.points, kind, undo).await
    }

    fn shared(&self, unit: &UnitId, effect: &Effect) -> Option<String> {
        self.step.undo().unwrap().shared(unit, effect)
    }
}
