//! Any migration, with points before and after each effect of each of its steps.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::points::{Phase, Points};
use crate::engine::{
    Look, Migration, Need, OwnerRollup, Step, Turn, Undoer, UnitContext, UnitStep,
};
use crate::model::{Between, Effect, Failure, ItemId, MigrationName, Reasons, StepName, UnitId};

/// A migration with points.
pub(super) struct WatchedMigration<M> {
    pub(super) inner: Arc<M>,
    pub(super) points: Arc<Points>,
}

/// The kind of the points of a step.
pub(super) fn kind_of(step: &StepName) -> String {
    format!("apply {step}")
}

/// The kind of the points at which an effect of a step is taken back.
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
    type Seen = M::Seen;

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

    fn added_at(&self, item: &M::Item) -> Option<u64> {
        self.inner.added_at(item)
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: Between,
    ) -> BoxStream<'a, Result<M::Item, Failure>> {
        self.inner.items(unit, within)
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<M::Item, Failure> {
        self.inner.item(unit, id).await
    }

    async fn probe(&self, unit: &UnitContext, item: &M::Item) -> Result<M::Seen, Failure> {
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

    fn needs(
        &self,
        unit: &UnitContext,
        item: &M::Item,
        seen: &M::Seen,
    ) -> Result<Vec<Need>, Failure> {
        self.step.needs(unit, item, seen)
    }

    async fn apply(
        &self,
        turn: &Turn<'_, WatchedMigration<M>>,
        need: &Need,
    ) -> Result<Effect, Failure> {
        let inner = Turn {
            migration: &*turn.migration.inner,
            unit: turn.unit,
            item: turn.item,
            seen: turn.seen,
            intent: turn.intent,
            pulse: turn.pulse.clone(),
        };
        let kind = kind_of(&self.step.name());
        watched(&self.points, kind, self.step.apply(&inner, need)).await
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        self.step.undo().map(|_| self as &dyn Undoer)
    }
}

#[async_trait]
impl<M: Migration> Undoer for WatchedStep<dyn Step<M>> {
    async fn stands(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        self.step.undo().unwrap().stands(unit, effect).await
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

    async fn probe(&self, unit: &UnitContext) -> Result<Look, Failure> {
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
    async fn stands(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        self.step.undo().unwrap().stands(unit, effect).await
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
