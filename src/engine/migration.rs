//! What a migration has to say: its items, its look at the world, its steps.
//!
//! The engine knows no migration by name. It asks these traits, and everything else (leases, checkpoints,
//! retries, throttles, verification, rollback, progress, audits) a migration gets for nothing.

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::sync::Arc;

use crate::model::{
    Effect, Failure, Finding, ItemId, ItemRange, MigrationName, Reasons, StepName, UnitId,
    UnixMillis, Verdict,
};

use crate::state::{self, Store};

use super::context::UnitContext;
use super::watch::Heartbeat;

/// A migration: how its items are listed and looked at, and its steps in order.
#[async_trait]
pub trait Migration: Send + Sync + Sized + 'static {
    /// What is stepped.
    type Item: Clone + Send + Sync + 'static;
    /// What one probe of the world saw of an item; steps decide by it.
    type Observation: Send + Sync + 'static;

    /// Its name in rows, files and events.
    fn name(&self) -> MigrationName;

    /// Why its items fail, and whether the data itself explains it.
    fn reasons(&self) -> Reasons {
        Reasons::COMMON
    }

    /// Steps of an item, in the order in which they are made.
    fn steps(&self) -> Vec<Arc<dyn Step<Self>>>;

    /// Steps of a unit, made once per unit, before its items.
    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        Vec::new()
    }

    /// Effects on the owner of units as a whole, if there are any.
    fn owner_effects(&self) -> Option<&dyn OwnerEffects> {
        None
    }

    /// What is summed up per owner, if anything is.
    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        None
    }

    /// The name of an item inside its unit.
    fn item_id(&self, item: &Self::Item) -> ItemId;

    /// When the item came into the source, if the source says so. Items that
    /// came during a run are found by it and taken in a later pass.
    fn added_at(&self, item: &Self::Item) -> Option<UnixMillis> {
        let _ = item;
        None
    }

    /// The items of a unit that lie in a range, in the order of their names, which never changes.
    /// Pages are read as they are wanted, and no more than the range has. An error ends the
    /// listing: what came before it counts.
    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Self::Item, Failure>>;

    /// One item by name, for retries and single runs. [`crate::model::Reason::NOT_FOUND`] when the
    /// source has it no more.
    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<Self::Item, Failure>;

    /// One probe of the world. Makes no change. "Could not tell" is a failure of class
    /// [`crate::model::Class::Unknown`] or `Transient`, never an `Observation` in which things are absent.
    async fn probe(
        &self,
        unit: &UnitContext,
        item: &Self::Item,
    ) -> Result<Self::Observation, Failure>;
}

/// Keeps what is summed up per owner of units in step with the rows of its units.
#[async_trait]
pub trait OwnerRollup: Send + Sync {
    /// Brings the sum of one owner up to date. Several instances may do so at once: none covers a newer sum with an older
    /// one.
    ///
    /// # Errors
    /// Those of the tables: the sum is as it was.
    async fn refresh(&self, store: &Store, owner: &str) -> Result<(), state::StateError>;
}

/// One kind of effect on an item.
///
/// Contract: `gaps` is pure; `apply` may be called twice for the same gap (a crash between the
/// effect and its record) and the world must be as if it was called once; after `apply`, `gaps`
/// of a later probe stops to name the gap, unless it is [`Gap::unseen`].
#[async_trait]
pub trait Step<M: Migration>: Send + Sync {
    /// Its name in rows, events and filters.
    fn name(&self) -> StepName;

    /// What is missing or wrong, one gap for each effect that would put it right; none when all
    /// is well. An error quarantines the item (or tries again later, by its class).
    fn gaps(
        &self,
        unit: &UnitContext,
        item: &M::Item,
        observed: &M::Observation,
    ) -> Result<Vec<Gap>, Failure>;

    /// Puts one gap right. An effect that can be undone is told to [`StepContext::intend`] before it
    /// is made.
    async fn apply(&self, step_context: &StepContext<'_, M>, gap: &Gap) -> Result<Effect, Failure>;

    /// How its effects are undone; `None` when they cannot be.
    fn undo(&self) -> Option<&dyn Undoer> {
        None
    }

    /// What stays in the world after a rollback, in words; all of it when nothing can be undone.
    fn residue(&self) -> &'static str {
        ""
    }
}

/// Undoes effects of one step.
///
/// Contract: `undo` may be called twice for the same effect (a crash between it and its record), and
/// the world must be as if it was called once; afterwards `exists` says no.
#[async_trait]
pub trait Undoer: Send + Sync {
    /// Whether what the effect made is there. No change. "Could not tell" is a failure.
    async fn exists(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure>;

    /// Undoes it.
    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure>;

    /// A name for what the effect made, if effects on other items may have made the same: it is
    /// undone with the last of them only.
    fn shared(&self, unit: &UnitId, effect: &Effect) -> Option<String> {
        let _ = (unit, effect);
        None
    }
}

/// Effects on the owner of units, which no journal holds: they are found in the world and in shared
/// state. Undone only when nothing of the owner's units is left to undo.
#[async_trait]
pub trait OwnerEffects: Send + Sync {
    /// What was made for the owner by this migration and is there, in the order in which it was made.
    async fn existing(&self, owner: &str) -> Result<Vec<Effect>, Failure>;

    /// Undoes one; as [`Undoer::undo`].
    async fn undo(&self, owner: &str, effect: &Effect) -> Result<(), Failure>;

    /// As [`Step::residue`], of effects of this kind.
    fn residue(&self, kind: &str) -> &'static str;
}

/// One kind of effect on a unit as a whole. Its record is in the shared store before the effect
/// is made, so that a successor on another machine can adopt it.
#[async_trait]
pub trait UnitStep: Send + Sync {
    /// Its name in rows, events and filters.
    fn name(&self) -> StepName;

    /// Whether the effect is there; [`UnitObservation::Unseen`] when the world cannot be asked. No change.
    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure>;

    /// Makes the effect. May be called again after a crash.
    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure>;

    /// As [`Step::undo`]. It is handed the recorded effect; after a crash one that names only the
    /// step and the unit.
    fn undo(&self) -> Option<&dyn Undoer> {
        None
    }

    /// As [`Step::residue`].
    fn residue(&self) -> &'static str {
        ""
    }
}

/// What a probe of a unit's effect showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitObservation {
    /// It is there.
    Done,
    /// It is not, or is wrong.
    Gap(Gap),
    /// The world has no way to be asked; the record in the progress row decides.
    Unseen,
}

/// One thing that a step found missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// What it is about, unique among the gaps of one step and item.
    pub subject: String,
    /// Whether it is there and wrong; else it is missing.
    pub wrong: bool,
    /// In words.
    pub why: String,
    /// The world does not show whether it is there.
    pub unseen: bool,
    /// Bytes that are read to put it right, where that is known beforehand.
    pub bytes: Option<u64>,
}

impl Gap {
    /// Something that is not there.
    pub fn missing(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            wrong: false,
            why: why.into(),
            unseen: false,
            bytes: None,
        }
    }

    /// The same, with the bytes that are read to put it right.
    #[must_use]
    pub fn reading(mut self, bytes: Option<u64>) -> Self {
        self.bytes = bytes;
        self
    }

    /// Something of which the world does not show whether it is there. It is made once for each item, and not verified:
    /// that the item is settled is the record of it.
    pub fn unseen(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            unseen: true,
            ..Self::missing(subject, why)
        }
    }

    /// Something that is there and wrong.
    pub fn wrong(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            wrong: true,
            ..Self::missing(subject, why)
        }
    }

    /// The gap as an audit words it.
    #[must_use]
    pub fn finding(&self, step: &StepName) -> Finding {
        Finding {
            step: step.clone(),
            subject: self.subject.clone(),
            verdict: if self.wrong {
                Verdict::Wrong
            } else {
                Verdict::Missing
            },
            why: self.why.clone(),
            bytes: self.bytes,
        }
    }
}

/// Everything a step has available while it works on an item.
pub struct StepContext<'a, M: Migration> {
    /// The migration, which holds the clients.
    pub migration: &'a M,
    /// The unit.
    pub unit: &'a UnitContext,
    /// The item.
    pub item: &'a M::Item,
    /// What the last probe saw.
    pub observed: &'a M::Observation,
    /// To be told by a step that takes minutes, while it gets on.
    pub heartbeat: Heartbeat,
    pub(super) intent: &'a Intent<'a>,
}

/// Writes down what is about to be made.
pub(super) type Intent<'a> =
    dyn Fn(Effect) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync + 'a;

impl<M: Migration> StepContext<'_, M> {
    /// Puts on disk which effect is about to be made, with all that it takes to find it and to undo
    /// it. An effect that was there before is not told.
    pub async fn intend(&self, effect: &Effect) -> Result<(), Failure> {
        (self.intent)(effect.clone()).await
    }
}
